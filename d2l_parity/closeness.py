"""Measure how far arrays are apart: entry by entry, in norm, or step by step of a run."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from d2l_common.arrays import to_numpy


class WorstEntry(NamedTuple):
    """The entry of two arrays that is the furthest outside its bound."""

    at: tuple[int, ...]
    actual: Any
    expected: Any
    gap: float
    ulps: float
    bound: float

    def __str__(self) -> str:
        return (
            f"at {self.at}: {self.actual!s} against {self.expected!s}; {self.gap:.3g} apart "
            f"({self.ulps:.3g} ulp), bound {self.bound:.3g}"
        )


def worst_entry(actual: Any, expected: Any, bound: Any) -> WorstEntry | None:
    """
    Return the entry that is the furthest outside its bound, None if all are within.

    Parameters
    ----------
    actual : array, tensor or number
        Units in the last place are those of its dtype.
    expected : array, tensor or number, of the same shape
        The truth, in any precision.
    bound : number, or array of the same shape
        The largest gap allowed, absolute. NaN must meet NaN, and an infinity the same infinity,
        whatever the bound.

    Raises
    ------
    TypeError
        If `actual` or `expected` is complex.
    """
    actual, expected = to_numpy(actual), to_numpy(expected)
    check_real(actual, expected)
    wide = np.asarray(expected, np.longdouble)
    bound = np.broadcast_to(np.asarray(bound, np.longdouble), wide.shape)
    with np.errstate(all="ignore"):  # infinities and NaN
        gap = np.abs(actual.astype(np.longdouble) - wide)
        # Equal infinities and two NaNs have the gap 0; one of them alone has an infinite gap.
        same = (actual == wide) | (np.isnan(actual) & np.isnan(wide))
        gap = np.where(same, 0, np.where(np.isnan(gap), np.inf, gap))
        within = (gap <= bound) & (gap < np.inf)
        if within.all():
            return None
        excess = gap / np.maximum(bound, np.finfo(np.longdouble).tiny)
        excess = np.where(within, -1, np.where(np.isinf(gap), np.inf, excess))
        index = np.unravel_index(np.argmax(excess), gap.shape)
        kind = actual.dtype if actual.dtype.kind == "f" else np.dtype(np.float64)
        size = np.abs(wide[index]).astype(kind)
    ulp = np.spacing(size) if np.isfinite(size) else np.inf
    return WorstEntry(
        tuple(map(int, index)),
        actual[index],
        float(wide[index]),
        float(gap[index]),
        float(gap[index] / ulp) if np.isfinite(gap[index]) else float("inf"),
        float(bound[index]),
    )


def assert_within(actual: Any, expected: Any, bound: Any, what: str = "") -> None:
    """
    Raise an `AssertionError` unless `actual` is within `bound` of `expected`, entry by entry.

    The message gives the place of the worst entry, both values, their gap (also in units in the
    last place), and the bound.

    Parameters
    ----------
    actual, expected, bound
        As for `worst_entry`.
    what : str
        Name of the arrays in the message.

    Examples
    --------
    >>> assert_within([1.0, 2.0], [1.0, 2.5], bound=0.1, what="weights")
    Traceback (most recent call last):
    AssertionError: weights at (1,): 2.0 against 2.5; 0.5 apart (1.13e+15 ulp), bound 0.1
    """
    shapes = np.shape(to_numpy(actual)), np.shape(to_numpy(expected))
    if shapes[0] != shapes[1]:
        raise AssertionError(f"{what}: shape {shapes[0]} against {shapes[1]}")
    worst = worst_entry(actual, expected, bound)
    if worst is not None:
        raise AssertionError(f"{what} {worst}".strip())


def relative_gap(one: np.ndarray, other: np.ndarray, floor: float = 0.0) -> float:
    """
    Return how far two arrays are apart in norm, relative to the larger of them.

    It is 0 for equal arrays (also of zeros), and infinite if only one of them has a NaN.

    Parameters
    ----------
    one, other : arrays of one shape
    floor : float
        Size to which the gap is relative if both norms are less: the rounding of an array is as
        large as the numbers that it was computed from, not as what their cancellation has left.

    Raises
    ------
    TypeError
        If an array is complex.
    ValueError
        If the shapes differ.
    """
    check_real(one, other)
    if np.shape(one) != np.shape(other):
        raise ValueError(f"cannot compare shape {np.shape(one)} with shape {np.shape(other)}")
    one, other = (np.asarray(x, np.float64).ravel() for x in (one, other))
    if np.array_equal(one, other, equal_nan=True):
        return 0.0
    gap = float(np.linalg.norm(one - other))
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)), floor)
    if not (np.isfinite(gap) and np.isfinite(size)):
        return float("inf")
    return gap / size if size else 0.0  # squares of the smallest numbers are 0


def check_real(*arrays: Any) -> None:
    """Raise a `TypeError` if an array is complex: its imaginary part would not be compared."""
    if any(map(np.iscomplexobj, arrays)):
        raise TypeError(
            "arrays must be real, got complex numbers; compare their real and imaginary parts"
        )


def gap_of_steps(one: np.ndarray, other: np.ndarray, scale: float) -> np.ndarray:
    """Return the gaps of numbers relative to the second plus `scale`; infinite for one NaN."""
    size = np.abs(other) + scale
    with np.errstate(all="ignore"):  # of runs that diverge
        gap = np.abs(one - other) / np.where(size == 0, 1, size)
    return np.where(np.isnan(one) & np.isnan(other), 0, np.where(np.isnan(gap), np.inf, gap))


def norms(stack: np.ndarray) -> np.ndarray:
    """Return the norm of each tensor in a stack, float64 `(num_steps,)`."""
    with np.errstate(all="ignore"):  # of runs that diverge
        return np.linalg.norm(stack.reshape(len(stack), -1).astype(np.float64), axis=1)


def total_norm(sizes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the norm of all tensors of a step together, from the norms of each."""
    with np.errstate(all="ignore"):
        return np.sqrt(sum(size**2 for size in sizes.values()))


def largest_gap(
    ones: Mapping[str, np.ndarray],
    others: Mapping[str, np.ndarray],
    only_rounding: Collection[str] = (),
    from_first: bool = False,
) -> float:
    """
    Return the largest gap in norm of stacked tensors, relative to the tensor of the same step.

    Parameters
    ----------
    ones, others : dict of arrays of shape `(num_steps, ...)`
    only_rounding : collection of str
        Gradients that cancel to 0 up to rounding, or weights that begin at 0 and that such
        gradients move: their gap is relative to all tensors of the step together.
    from_first : bool
        Whether the gap is relative to the first tensor of the stack if that is larger: a gradient
        that has become small is a small difference of large numbers.
    """
    sizes = {name: norms(other) for name, other in others.items()}
    total, largest = total_norm(sizes), 0.0
    for name, other in others.items():
        size = total if name in only_rounding else sizes[name]
        with np.errstate(all="ignore"):  # of runs that diverge
            size = np.maximum(size, size[:1].sum() if from_first else 0)
            gap = norms(ones[name].astype(np.float64) - other) / np.where(size == 0, 1, size)
        largest = max(largest, np.where(np.isnan(gap), np.inf, gap).max(initial=0.0))
    return float(largest)
