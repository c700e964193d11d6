"""Weights moved by a rounding, and gradients that are nothing else, as before a normalization."""

from collections.abc import Mapping, Sequence

import numpy as np

from d2l_parity.closeness import norms, total_norm
from d2l_parity.tolerances import ROUNDING_GROWS, ROUNDING_ONLY

Gradients = Mapping[str, np.ndarray]


def only_rounding(float32: Sequence[Gradients], float64: Sequence[Gradients]) -> dict[str, float]:
    """
    Return the parameters whose gradients are, on both backends, only rounding.

    A sum that cancels leaves the rounding of its terms: negligible beside the gradient of all
    parameters together, and in float32 many times as large as in float64. A gradient that is
    small, as in the first of many layers, is the same in both precisions, and does not count.

    Parameters
    ----------
    float32, float64 : sequence of `{name: gradients of shape (num_steps, ...)}`
        Those of each backend.

    Returns
    -------
    dict
        `{name: the largest share of the total gradient norm in float64}`.
    """
    rough, fine = largest_shares(float32), negligible(float64)
    return {name: share for name, share in fine.items() if rough[name] > ROUNDING_GROWS * share}


def negligible(float64: Sequence[Gradients]) -> dict[str, float]:
    """Return likewise the parameters with gradients so small that they may be just rounding."""
    shares = largest_shares(float64)
    return {name: share for name, share in shares.items() if 0 < share < ROUNDING_ONLY}


def largest_shares(backends: Sequence[Gradients]) -> dict[str, float]:
    """Return the largest share of each parameter in the total gradient norm of a step."""
    shares: dict[str, float] = {}
    for gradients in backends:
        sizes = {name: norms(stack) for name, stack in gradients.items()}
        total = total_norm(sizes)
        for name, size in sizes.items():
            with np.errstate(all="ignore"):
                share = size / np.where(total == 0, 1, total)
            # A NaN must not count as small.
            worst = np.where(np.isnan(share), np.inf, share).max(initial=0.0)
            shares[name] = max(shares.get(name, 0.0), float(worst))
    return shares


def moved_by_one_ulp(
    weights: Mapping[str, np.ndarray], dtype: str, seed: int
) -> dict[str, np.ndarray]:
    """
    Return `weights` in `dtype`, each number moved up or down to its neighbour; zeros stay.

    No rounding leads from 0 to the smallest number, and a mask may be compared with 0.
    """
    rng = np.random.default_rng(seed)
    ends = np.array([-np.inf, np.inf], dtype)

    def moved(w: np.ndarray) -> np.ndarray:
        w = np.asarray(w, dtype)
        return np.where(w == 0, w, np.nextafter(w, rng.choice(ends, w.shape)))

    return {n: moved(w) if np.asarray(w).dtype.kind == "f" else w for n, w in weights.items()}
