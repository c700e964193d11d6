"""Recognize common causes of a difference by the numbers that it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from d2l_parity.activations import Call
from d2l_parity.layer import Layer as OneSided
from d2l_parity.leftovers import ties
from d2l_parity.tolerances import ROUNDING_ONLY

if TYPE_CHECKING:
    from d2l_parity.layers import Layer
    from d2l_parity.sides import Names

Arrays = Mapping[str, np.ndarray]

# Arrays are multiples of each other if what is left is this small in norm, relative to them.
SAME_DIRECTION = 1e-6

# No learning rate is mistaken by so little; what is added to a divisor has such an effect.
ALMOST_ONE = 1e-3


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
    causes: dict[str, dict[str, str]] = {}  # for each, the first array of each layer
    for layer in layers:
        same = {name for name, gap in layer.state.items() if gap <= SAME_DIRECTION}
        for name in sorted(layer.state.keys() - same):
            moves = [
                np.asarray(after[b][name], np.float64) - before[name] for b in ("jax", "torch")
            ]
            cause = _cause_of_state(moves, name.endswith("var") and bool(same))
            if cause:
                subject = f"`{name}`" + (
                    f" (`{paths[name]}` in JAX)" if paths[name] != name else ""
                )
                causes.setdefault(cause, {}).setdefault(layer.name, subject)
    return [
        f"{next(iter(names.values()))} {said_once(cause, len(names) - 1, 'layer')}"
        for cause, names in causes.items()
    ]


def _cause_of_state(moves: list[np.ndarray], may_be_variance: bool) -> str:
    """Return what follows the name of a running average that moves differently; "" if not known."""
    sizes = [float(np.linalg.norm(move)) for move in moves]
    if not sizes[0] or not sizes[1]:
        still = "PyTorch" if sizes[0] else "JAX"
        return (
            f"stays as it is in {still}, as in evaluation mode{OTHERS}: look for "
            "use_running_average=True or eval()."
        )
    factor = ratio(*moves)
    if factor is not None:
        return (
            f"moves {factor:.4g} times as far in JAX as in PyTorch{OTHERS}: look at the momentum "
            "(0.9 in NNX is 0.1 in PyTorch)."
        )
    if may_be_variance:
        return (
            f"averages a different variance{OTHERS}: NNX's BatchNorm divides by n, PyTorch's "
            "running variance by n - 1."
        )
    return ""


# Where a sentence says of how many more it is true.
OTHERS = "{others}"


def said_once(cause: str, more: int, noun: str) -> str:
    """Return a cause with the number of further layers or calls of which it is true."""
    others = f" (and so in {more} more {noun}{'s' * (more > 1)})" if more else ""
    return cause.replace(OTHERS, others)


def explain_absent(kind: str, name: str) -> str:
    """Return a sentence on a parameter of PyTorch that NNX's layer of the same kind has not."""
    if kind.startswith("GRU"):
        reason = "its part for the new gate is inside the product with the reset gate"
    else:
        reason = "JAX has the sum of both, which learns twice as fast in PyTorch"
    return (
        f"PyTorch's {kind} has two biases where NNX has one: `{name}` has no counterpart in JAX "
        f"and starts at 0 here; {reason}."
    )


def lost(side: Names, given: Arrays, held: Arrays) -> set[str]:
    """Return the common names of which the JAX model holds less than it was given."""
    changed = {name for name, x in held.items() if not np.array_equal(x, given[name])}
    absent = {side.names[x.params[local]] for x in side.layers for local in x.absent}
    return changed & absent or changed


def explain_lost(side: Names, given: Arrays, held: Arrays, gap: float) -> str:
    """
    Return a sentence on numbers of PyTorch's model that the JAX model cannot hold.

    Parameters
    ----------
    side : Names
        The JAX model.
    given, held : dict of arrays
        PyTorch's weights, and those that the JAX model has when it gets them, by common names.
    gap : float
        How far PyTorch's own results move with the weights of `held`.
    """
    names = ", ".join(f"`{name}`" for name in sorted(lost(side, given, held)))
    return (
        f"The JAX model cannot hold all numbers of {names}: without them PyTorch's own results "
        f"move by {gap:.1e}. Give the JAX model a parameter for them, or compare with weights that "
        "are 0 there."
    )


def explain_alone(
    left: Sequence[OneSided], gradients: Arrays, framework: str, others: Sequence[OneSided]
) -> tuple[list[str], list[str]]:
    """
    Return sentences on the parameters of one model alone: on those that it trains, and others.

    Parameters
    ----------
    left : sequence of Layer
        Each with one array, of the model of `framework`, "JAX" or "PyTorch".
    gradients : dict of arrays
        Of all parameters of that model, by their names.
    others : sequence of Layer
        The layers of the other model.
    """
    other = "PyTorch" if framework == "JAX" else "JAX"
    total = float(np.sqrt(sum(np.sum(np.square(x)) for x in gradients.values())))
    trained = [
        x for x in left if np.linalg.norm(gradients.get(x.name, 0.0)) > ROUNDING_ONLY * total
    ]
    unused = [x for x in left if x not in trained]
    hint = ties(left, others, other)
    return (
        [_alone(trained, "trained in", framework, other) + hint + "."] if trained else [],
        [_alone(unused, "without a gradient in", framework, other) + "."] if unused else [],
    )


def _alone(left: Sequence[OneSided], how: str, framework: str, other: str) -> str:
    """Return the beginning of a sentence on parameters of the model of one framework."""
    more = len(left) - 1
    names = f"`{left[0].place}`" + (f" and {more} more parameter{'s' * (more > 1)}" if more else "")
    verb, it = ("are", "them") if more else ("is", "it")
    text = (
        f"{names} {verb} {how} {framework}, and the {other} model does not have {it}: add {it} "
        f"there, or remove {it} here"
    )
    is_bias = all("bias" in x.params for x in left)
    return text + " (use_bias=False in NNX, bias=False in PyTorch)" * is_bias


def ratio(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return the number by which `other` times it is `one`; None if there is none."""
    one, other = one.ravel(), other.ravel()
    square = float(other @ other)
    if not square:
        return None
    factor = float(one @ other) / square
    rest = float(np.linalg.norm(one - factor * other))
    return factor if rest <= SAME_DIRECTION * float(np.linalg.norm(one)) else None


def explain_update(
    mine: Any, theirs: Any, weights: Any, before: Any = None, still: str = ""
) -> str:
    """
    Return what to look at, given two different updates of a parameter from equal gradients.

    `before` is the update of the step before, if there is one, and `still` the framework in which
    no parameter moves at all, "JAX" or "PyTorch".
    """
    if still:
        other = "PyTorch" if still == "JAX" else "JAX"
        return (
            f"nothing moves in {still}, and it does in {other}: is the learning rate 0 there, as "
            "that of a schedule that starts at 0?"
        )
    mine, theirs, weights = (np.asarray(x, np.float64) for x in (mine, theirs, weights))
    if not mine.any() or not theirs.any():
        still, other = ("JAX", "PyTorch") if not mine.any() else ("PyTorch", "JAX")
        return f"it stays as it is in {still} and moves in {other}: is it frozen in {still} alone?"
    factor = ratio(mine, theirs)
    if factor is not None and abs(factor - 1) < ALMOST_ONE:
        return (
            f"it moves {factor:.8g} times as far in JAX: look at clipping (PyTorch's "
            "clip_grad_norm_ adds 1e-6 to the norm, Optax adds nothing) and at eps."
        )
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
    return (
        "look at the optimizers' settings: betas, eps, momentum, and whether the weight decay is "
        "part of the gradient."
    )


def dropout_hints(ours: Sequence[Call], theirs: Sequence[Call]) -> list[str]:
    """Return sentences on dropout that only one side has, or that has another rate."""
    if len(ours) != len(theirs):
        return [
            f"A step calls dropout {times(len(ours))} in JAX{places(ours)} and "
            f"{times(len(theirs))} in PyTorch{places(theirs)}."
        ]
    rates: dict[tuple[float, float], list[tuple[Call, Call]]] = {}
    for pair in zip(ours, theirs, strict=True):
        if pair[0].rate != pair[1].rate:
            rates.setdefault((pair[0].rate, pair[1].rate), []).append(pair)
    return [
        f"Dropout has the rate {one:g} in JAX ({pairs[0][0].where}) and {other:g} in PyTorch "
        f"({pairs[0][1].where})" + said_once(f"{OTHERS}.", len(pairs) - 1, "call")
        for (one, other), pairs in rates.items()
    ]


def times(number: int) -> str:
    """Return a number of calls in words."""
    return "never" if not number else "once" if number == 1 else f"{number} times"


def places(calls: Sequence[Call]) -> str:
    """Return where calls stand, as " (net.py:3, net.py:5)"."""
    found = dict.fromkeys(call.where for call in calls)
    return f" ({', '.join(found)})" if found else ""
