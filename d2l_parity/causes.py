"""Recognize common causes of a difference by the numbers that it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from d2l_parity.layers import Layer

Arrays = Mapping[str, np.ndarray]

# Arrays are multiples of each other if what is left is this small in norm, relative to them.
SAME_DIRECTION = 1e-6


def explain_state(
    layers: list[Layer], before: Arrays, after: Mapping[str, Arrays], paths: Mapping[str, str]
) -> list[str]:
    """
    Return sentences on running averages that a minibatch changes differently.

    Parameters
    ----------
    layers : list of Layer
        With the gaps of their state.
    before : dict of arrays
        The common state before the minibatch.
    after : dict
        The state of each backend after it.
    paths : dict
        The places of the arrays in JAX.
    """
    found = []
    for layer in layers:
        same = {name for name, gap in layer.state.items() if gap <= SAME_DIRECTION}
        for name in sorted(layer.state.keys() - same):
            moves = [
                np.asarray(after[b][name], np.float64) - before[name] for b in ("jax", "torch")
            ]
            sizes = [float(np.linalg.norm(move)) for move in moves]
            subject = f"`{name}`" + (f" (`{paths[name]}` in JAX)" if paths[name] != name else "")
            factor = ratio(*moves)
            if not sizes[0] or not sizes[1]:
                still = "PyTorch" if sizes[0] else "JAX"
                found.append(
                    f"{subject} stays as it is in {still}, as in evaluation mode: look for "
                    "use_running_average=True or eval()."
                )
            elif factor is not None:
                found.append(
                    f"{subject} moves {factor:.4g} times as far in JAX as in PyTorch: look at the "
                    "momentum (0.9 in NNX is 0.1 in PyTorch)."
                )
            elif name.endswith("var") and same:
                found.append(
                    f"{subject} averages a different variance: NNX's BatchNorm divides by n, "
                    "PyTorch's running variance by n - 1."
                )
    return found


def explain_absent(kind: str, name: str) -> str:
    """Return a sentence on a parameter of PyTorch that NNX's layer of the same kind has not."""
    if kind == "GRU":
        reason = "its part for the new gate is inside the product with the reset gate"
    else:
        reason = "JAX has the sum of both, which learns twice as fast in PyTorch"
    return (
        f"PyTorch's {kind} has two biases where NNX has one: `{name}` has no counterpart in JAX "
        f"and starts at 0 here; {reason}."
    )


def ratio(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return the number by which `other` times it is `one`; None if there is none."""
    one, other = one.ravel(), other.ravel()
    square = float(other @ other)
    if not square:
        return None
    factor = float(one @ other) / square
    rest = float(np.linalg.norm(one - factor * other))
    return factor if rest <= SAME_DIRECTION * float(np.linalg.norm(one)) else None


def explain_update(mine: Any, theirs: Any, weights: Any, before: Any = None) -> str:
    """
    Return what to look at, given two different updates of a parameter from equal gradients.

    `before` is the update of the step before, if there is one.
    """
    mine, theirs, weights = (np.asarray(x, np.float64) for x in (mine, theirs, weights))
    if not mine.any() or not theirs.any():
        still, other = ("JAX", "PyTorch") if not mine.any() else ("PyTorch", "JAX")
        return f"it stays as it is in {still} and moves in {other}: is it frozen in {still} alone?"
    factor = ratio(mine, theirs)
    if factor is not None:
        return (
            f"it moves {factor:.4g} times as far in JAX: look at the learning rate, at clipping "
            "and at Nesterov's momentum."
        )
    rest = theirs - mine
    momentum = None if before is None else ratio(rest, np.asarray(before, np.float64))
    if momentum is not None:
        return f"they differ by {abs(momentum):.3g} times the last update: look at the momentum."
    decay = ratio(rest, weights)
    if decay is not None:
        return f"they differ by {abs(decay):.3g} times the weights: look at the weight decay."
    return "look at the optimizers' settings: betas, eps, momentum."
