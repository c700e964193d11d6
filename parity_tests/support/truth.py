"""
The exact result of every operation, and the bound on a backend's rounding errors.

A reference is NumPy in a wider type than the operation's. It returns the value and its condition:
the quantity that the operation's row in `d2l_parity.OPERATIONS` names. Where a reference
gives NaN or infinity, both backends have to. Those of one theme are in one file, `truth_*.py`;
`operations.py` has them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_parity import assert_within, forward_error_bound
from parity_tests.support.draws import FEW, KINDS, SCALES

WIDER = {"float32": np.float64, "float64": np.longdouble}
# Where `long double` is no wider than `double`, nothing can judge float64.
HAS_EXTENDED = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps


@dataclass(frozen=True)
class Operation:
    """
    One operation: how to call it, on what, and the truth.

    Attributes
    ----------
    row : its row in `d2l_parity.OPERATIONS`
    arrays : from a `draws.Source` to the arguments
    call : from a backend and the arguments, as its tensors, to the result, or a tuple of them
    truth : from the arguments, widened, to `(value, condition)`, or a tuple of such pairs; a third
        entry is the size of an intermediate result that may overflow where the value does not
    shapes, scales, kinds : what to draw
    result : the dtype of the result, if it is not that of the arguments
    """

    row: str
    arrays: Callable[[Any], tuple]
    call: Callable[..., Any]
    truth: Callable[..., tuple]
    shapes: tuple = FEW
    scales: tuple = SCALES
    kinds: tuple = KINDS
    result: str | None = None


@dataclass(frozen=True)
class Gradient(Operation):
    """The gradient of `scalar(d2l, *arguments)` by its argument `by`."""

    scalar: Callable[..., Any] | None = None
    by: int = 0


VALUES: dict[str, Operation] = {}
GRADIENTS: dict[str, Gradient] = {}


def value(name, arrays, call, truth, row=None, **draws):
    """Register an operation."""
    VALUES[name] = Operation(row or name, arrays, call, truth, **draws)


def gradient(name, arrays, scalar, truth, by=0, row=None, **draws):
    """Register the gradient of a function that returns one number."""

    def call(d2l, *args):
        return d2l.grad(lambda *args: scalar(d2l, *args), by)(*args)

    row = row or f"gradient of {name}"
    GRADIENTS[name] = Gradient(row, arrays, call, truth, scalar=scalar, by=by, **draws)


def product(probabilities, factor):
    """Return a product in which a probability of 0 makes any factor 0, also an infinite one."""
    return np.where(probabilities == 0, 0, probabilities * factor)


def weighted(fun):
    """Return the sum of `fun`'s results times weights, the last argument: one number."""
    return lambda d2l, *args: d2l.reduce_sum(fun(d2l, *args[:-1]) * args[-1])


def assert_true(operation, results, arrays, dtype, what=""):
    """Raise unless an operation's results are within its bound of the truth for `arrays`."""
    truths = [references(operation, arrays, dtype)]
    flushed = [flush(array) for array in arrays]
    if any((one != other).any() for one, other in zip(flushed, arrays, strict=True)):
        truths.append(references(operation, flushed, dtype))
    results = results if isinstance(results, tuple) else (results,)
    for actual, *expectations in zip(results, *truths, strict=True):
        actual = to_numpy(actual)
        assert actual.dtype == (operation.result or dtype), f"{what}: dtype {actual.dtype}"
        expected, bound = within_range(actual, *expectations[0])
        if len(expectations) == 2:
            # A subnormal argument may count as 0: take the truth that is nearer.
            other, bound_of_other = within_range(actual, *expectations[1])
            nearer = ~is_within(actual, expected, bound) & is_within(actual, other, bound_of_other)
            expected = np.where(nearer, other, expected)
            bound = np.where(nearer, bound_of_other, bound)
        assert_within(actual, expected, bound, what)


def references(operation, arrays, dtype):
    """Return `(value, bound, size of intermediate results)` of each result, in a wider type."""
    wide = [array.astype(WIDER[dtype]) if array.dtype.kind == "f" else array for array in arrays]
    with np.errstate(all="ignore"):
        truths = operation.truth(*wide)
        truths = truths if isinstance(truths[0], tuple) else (truths,)
        found = []
        for value, condition, *peak in truths:
            # Where the value is NaN or infinite, the condition is, too, and means nothing.
            condition = np.where(np.isnan(condition) | ~np.isfinite(value), 0, condition)
            bound = forward_error_bound(operation.row, operation.result or dtype, condition)
            # Subnormal numbers count as 0, also as the factors of up to four terms.
            bound = np.maximum(bound, 4 * np.finfo(operation.result or dtype).tiny)
            bound = np.where(np.isinf(condition), np.inf, bound)  # left open, also if c is 0
            found.append((np.asarray(value), bound, peak[0] if peak else np.abs(value)))
    return found


def within_range(actual, value, bound, peak):
    """Return the truth and its bound as a dtype of a limited range can have them."""
    largest = np.finfo(actual.dtype).max
    with np.errstate(all="ignore"):
        must = np.abs(value) - bound > largest
        # So near the end of the range a rounding may decide.
        may = (np.abs(value) + bound > largest) | (peak * (1 + 1e-4) > largest)
        infinite = must | (may & np.isinf(actual))
        return np.where(infinite, np.copysign(np.inf, value), value), bound


def is_within(actual, expected, bound):
    """Return for each entry whether it is within its bound."""
    with np.errstate(invalid="ignore"):
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        return same | (np.abs(actual - expected) <= bound)


def flush(array):
    """Return `array` with subnormal numbers as 0, as XLA counts them."""
    if array.dtype.kind != "f":
        return array
    zeros = np.copysign(array.dtype.type(0), array)
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, zeros, array)
