"""Which gradients are 0 but for rounding, as that of a bias before a batch normalization is."""

from collections.abc import Mapping, Sequence

import numpy as np

from d2l_parity.yardstick import ROUNDING_GROWS, ROUNDING_ONLY

Gradients = Mapping[str, np.ndarray]


def only_rounding(float32: Sequence[Gradients], float64: Sequence[Gradients]) -> dict[str, float]:
    """
    Return the parameters whose gradients are, on both backends, nothing but rounding.

    A sum that cancels leaves what its terms were rounded by: next to nothing beside the gradient
    of all parameters together, and in float32 many times as much as in float64. A gradient that is
    small, as in the first of many layers, is the same in both precisions, and none of these.

    Parameters
    ----------
    float32, float64 : sequence of `{name: gradients of shape (num_steps, ...)}`
        Those of each backend.

    Returns
    -------
    dict
        `{name: the largest share of the whole gradient in float64}`.
    """
    rough, fine = largest_shares(float32), next_to_nothing(float64)
    return {name: share for name, share in fine.items() if rough[name] > ROUNDING_GROWS * share}


def next_to_nothing(float64: Sequence[Gradients]) -> dict[str, float]:
    """Return likewise those whose gradients are so small that they may be nothing but rounding."""
    shares = largest_shares(float64)
    return {name: share for name, share in shares.items() if 0 < share < ROUNDING_ONLY}


def largest_shares(backends: Sequence[Gradients]) -> dict[str, float]:
    """Return for each parameter the largest share that it has of the whole gradient of a step."""
    shares: dict[str, float] = {}
    for gradients in backends:
        sizes = {name: norms(stack) for name, stack in gradients.items()}
        all_of_step = whole(sizes)
        for name, size in sizes.items():
            with np.errstate(all="ignore"):
                share = size / np.where(all_of_step == 0, 1, all_of_step)
            # NaN must not pass for little.
            worst = np.where(np.isnan(share), np.inf, share).max(initial=0.0)
            shares[name] = max(shares.get(name, 0.0), float(worst))
    return shares


def norms(stack: np.ndarray) -> np.ndarray:
    """Return the norm of each tensor in a stack, float64 `(num_steps,)`."""
    with np.errstate(all="ignore"):  # of runs that diverge
        return np.linalg.norm(stack.reshape(len(stack), -1).astype(np.float64), axis=1)


def whole(sizes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the norm of all tensors of a step together, from the norms of each."""
    with np.errstate(all="ignore"):
        return np.sqrt(sum(size**2 for size in sizes.values()))
