"""Compare inputs and outputs of layers, which the frameworks may lay out differently."""

import dataclasses
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from d2l_parity.closeness import relative_gap
from d2l_parity.tolerances import SAME_LAYER

# Modules between a model and the layer that it calls; a place in them explains nothing.
MACHINERY = {"jax", "jaxlib", "flax", "torch", "d2l_parity", "contextlib", "functools"}

# The search for a layout compares arrays at most this many numbers in all: some two seconds.
MAX_SEARCHED = 10**8


class Call(NamedTuple):
    """
    A call of a layer.

    Attributes
    ----------
    name : str
        The layer's name.
    inputs, outputs : list of arrays, or None
        All arrays of numbers among the arguments and results; None if they were not observed,
        since the call was inside a transformation such as `jax.vmap`.
    where : str
        File and line of the call, as `net.py:12`.
    rate : float
        That of a call of dropout.
    """

    name: str
    inputs: list[np.ndarray] | None
    outputs: list[np.ndarray] | None
    where: str
    rate: float = 0.0


def place_of_call() -> str:
    """Return the file and line of the innermost running code that is the user's."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        is_trainer = module.startswith(("d2l_jax.training", "d2l_torch.training"))
        if module.partition(".")[0] not in MACHINERY and not is_trainer:
            return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


class Layout(NamedTuple):
    """
    Order in which an array of one framework holds the numbers of another's.

    That one is transposed, reshaped and transposed.

    Attributes
    ----------
    before, after : tuple of int
        Orders of axes.
    shapes : pair of shapes
        The shape between the two transpositions, and the final one.
    """

    before: tuple[int, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    after: tuple[int, ...]
    source: tuple[int, ...]

    def apply(self, array: Any) -> Any:
        """Return `array`, of NumPy or JAX, in this layout."""
        array = array.reshape(self.source).transpose(self.before).reshape(self.shapes[0])
        return array.transpose(self.after).reshape(self.shapes[1])


def layouts(source: Sequence[int], target: Sequence[int]) -> Iterator[Layout]:
    """Yield the layouts that lead from one shape to the other, the simplest first."""
    if math.prod(source) != math.prod(target):
        return
    # Axes of length 1 add permutations, but no layout.
    short, long = (tuple(n for n in shape if n != 1) for shape in (source, target))
    plain = tuple(range(len(short))), tuple(range(len(long)))
    for after in permutations(plain[1]):
        shape = tuple(long[axis] for axis in np.argsort(after))
        yield Layout(plain[0], (shape, tuple(target)), after, short)
    for before in list(permutations(plain[0]))[1:]:
        yield Layout(before, (long, tuple(target)), plain[1], short)


def find_layout(
    one: np.ndarray, other: np.ndarray, tolerance: float
) -> tuple[Layout | None, float]:
    """
    Return the layout in which `other` is closest to `one`, and their gap in it.

    The search ends at the first layout with a gap of at most `tolerance`. The layout is None and
    the gap is infinite if the arrays have different numbers of entries.
    """
    best: tuple[Layout | None, float] = None, float("inf")
    budget = MAX_SEARCHED
    with np.errstate(all="ignore"):
        sizes = [float(np.linalg.norm(np.asarray(x, np.float64).ravel())) for x in (one, other)]
    # An array in another order has the same norm.
    same_norm = abs(sizes[0] - sizes[1]) <= tolerance * max(sizes)
    for layout in layouts(other.shape, one.shape):
        gap = relative_gap(one, layout.apply(other))
        if gap < best[1] or best[0] is None:
            best = layout, gap
        budget -= one.size
        if gap <= tolerance or budget < 0 or not (same_norm or one.shape != other.shape):
            break
    return best


def gap_of_arrays(
    ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float = SAME_LAYER
) -> float:
    """
    Return the gap between the arrays of two calls, in any layout; NaN if one has none.

    Each array of the call that has fewer must be among those of the other call.
    """
    if min(len(ours), len(theirs)) > 1:  # masks may be of other kinds
        ours, theirs = ([x for x in side if not _is_mask(x)] for side in (ours, theirs))
    fewer, more = sorted((ours, theirs), key=len)
    if not fewer:
        return float("nan")
    if len(fewer) == len(more):
        gaps = [find_layout(*two, tolerance)[1] for two in zip(ours, theirs, strict=True)]
        if max(gaps) <= tolerance or len(fewer) == 1:
            return max(gaps)
    return max(min(find_layout(one, each, tolerance)[1] for each in more) for one in fewer)


def _is_mask(x: np.ndarray) -> bool:
    """Return whether an array has two values at most, or an infinite one."""
    return len(np.unique(x.ravel()[:1000])) <= 2 or not np.isfinite(x).all()


def gap_of_calls(
    ours: list[Call], theirs: list[Call], which: str, tolerance: float = SAME_LAYER
) -> float:
    """
    Return the largest gap between the `which`, "inputs" or "outputs", of two layers' calls.

    NaN if they cannot be compared: a layer was not called or observed, or was called a different
    number of times (unless one call of one has the numbers of all calls of the other).
    """
    arrays = [[getattr(call, which) for call in calls] for calls in (ours, theirs)]
    if not all(arrays) or any(each is None for side in arrays for each in side):
        return float("nan")
    if len(arrays[0]) != len(arrays[1]):
        arrays = [_joined(side) for side in arrays]
        if len(arrays[0]) != len(arrays[1]):
            return float("nan")
        gap = gap_of_arrays(arrays[0][0], arrays[1][0], tolerance)
        return gap if gap < 1 else float("nan")
    pairs = zip(arrays[0], arrays[1], strict=True)
    gap = max(gap_of_arrays(one, other, tolerance) for one, other in pairs)
    if gap <= tolerance or len(arrays[0]) == 1 or len(arrays[0]) > 16:
        return gap
    # The calls may come in another order: each of both sides needs one of the other side.
    gaps = [[gap_of_arrays(one, other, tolerance) for other in arrays[1]] for one in arrays[0]]
    return max(*map(min, gaps), *map(min, zip(*gaps, strict=True)))


def _joined(calls: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """Return calls whose first arrays have one shape as a single call, stacked."""
    firsts = [arrays[0] for arrays in calls if arrays]
    if len(firsts) < len(calls) or len({x.shape for x in firsts}) > 1:
        return calls
    return [[np.stack(firsts)]] if len(firsts) > 1 else calls


def leaves_of(tree: Any) -> Iterator[Any]:
    """Yield what nested lists, tuples, dicts (by sorted keys) and dataclasses hold."""
    if isinstance(tree, Mapping):
        for _, value in sorted(tree.items(), key=lambda item: str(item[0])):
            yield from leaves_of(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from leaves_of(value)
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for each in dataclasses.fields(tree):
            yield from leaves_of(getattr(tree, each.name))
    else:
        yield tree


def numbers(leaves: Sequence[Any]) -> list[np.ndarray]:
    """Return the arrays of numbers among `leaves`, which are NumPy arrays; masks are left out."""
    return [x for x in leaves if x.dtype.kind in "iuf" and x.size and x.ndim]
