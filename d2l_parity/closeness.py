"""One way to compare two arrays, which says where they are apart most, and by how much."""

from typing import Any, NamedTuple

import numpy as np

from d2l_common.arrays import to_numpy


class WorstEntry(NamedTuple):
    """The entry of two arrays that exceeds its bound most, or comes nearest to it."""

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
        What is judged; units in the last place are those of its dtype.
    expected : array, tensor or number, of the same shape
        The truth, in any precision.
    bound : number, or array of the same shape
        The largest gap allowed, absolute. NaN must meet NaN, and an infinity the same infinity,
        whatever the bound.
    """
    actual, expected = to_numpy(actual), to_numpy(expected)
    check_real(actual, expected)
    wide = np.asarray(expected, np.longdouble)
    bound = np.broadcast_to(np.asarray(bound, np.longdouble), wide.shape)
    with np.errstate(invalid="ignore"):
        gap = np.abs(actual.astype(np.longdouble) - wide)
    # Equal infinities and two NaNs are no gap; one of them alone is an infinite one.
    same = (actual == wide) | (np.isnan(actual) & np.isnan(wide))
    gap = np.where(same, 0, np.where(np.isnan(gap), np.inf, gap))
    within = (gap <= bound) & (gap < np.inf)
    if within.all():
        return None
    with np.errstate(invalid="ignore"):  # where both are infinite
        excess = gap / np.maximum(bound, np.finfo(np.longdouble).tiny)
    excess = np.where(within, -1, np.where(np.isinf(gap), np.inf, excess))
    index = np.unravel_index(np.argmax(excess), gap.shape)
    kind = actual.dtype if actual.dtype.kind == "f" else np.dtype(np.float64)
    with np.errstate(over="ignore"):
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

    The message says where the worst entry is, both values, how far apart they are (also in units
    in the last place), and the bound.

    Parameters
    ----------
    actual, expected, bound
        As for `worst_entry`.
    what : str
        What is compared, for the message.

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

    It is 0 for equal arrays (also of zeros), and infinite if one of them alone has a NaN.

    Parameters
    ----------
    one, other : arrays of one shape
    floor : float
        What the gap is relative to if both norms are less: rounding is as large as the numbers
        that an array came from, not as what their cancellation has left.
    """
    check_real(one, other)
    if np.shape(one) != np.shape(other):
        raise ValueError(f"cannot compare shape {np.shape(one)} with shape {np.shape(other)}")
    one, other = (np.asarray(x, np.float64).ravel() for x in (one, other))
    if np.array_equal(one, other, equal_nan=True):
        return 0.0
    gap = float(np.linalg.norm(one - other))
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)), floor)
    return gap / size if np.isfinite(gap) and np.isfinite(size) else float("inf")


def check_real(*arrays: Any) -> None:
    """Raise a `TypeError` if an array is complex: its imaginary part would not be compared."""
    if any(map(np.iscomplexobj, arrays)):
        raise TypeError("complex numbers: compare their real and imaginary parts")
