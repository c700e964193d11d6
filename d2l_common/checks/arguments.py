"""
The errors that both backends raise, worded once.

Every check takes plain numbers, shapes or dtype names, so that the same sentence comes out
whichever framework asked.
"""

import math
from numbers import Integral, Real
from typing import Any


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """
    Return `value` as an `int`, if it is a whole number of at least `minimum`.

    Raises
    ------
    TypeError
        If it is no whole number (`True` counts as none).
    ValueError
        If it is below `minimum`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {value}")
    return int(value)


def check_nonnegative(name: str, value: Any) -> float:
    """
    Return `value`, if it is a finite number that is not negative.

    Raises
    ------
    TypeError
        If it is no real number.
    ValueError
        If it is negative, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not (math.isfinite(value) and float(value) >= 0):
        raise ValueError(f"{name} must be a finite number that is not negative, not {value}")
    return value  # type: ignore[return-value]  # a Real, as it came


def check_not_empty(what: str, num_examples: int) -> None:
    """Raise a `ValueError` if there is no example."""
    if num_examples == 0:
        raise ValueError(f"{what} has no examples")


def check_probability(name: str, value: Any) -> float:
    """
    Return `value`, if it is a number from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If it is no number, or another one.
    """
    check_nonnegative(name, value)
    if value > 1:
        raise ValueError(f"{name} must be from 0 to 1, not {value}")
    return value


def check_positive(name: str, value: Any) -> float:
    """
    Return `value`, if it is a finite number above 0.

    Raises
    ------
    TypeError, ValueError
        If it is no number, or another one.
    """
    check_nonnegative(name, value)
    if value == 0:
        raise ValueError(f"{name} must be above 0")
    return value
