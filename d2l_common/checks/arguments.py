"""Checks of plain numbers; both backends raise the same sentences."""

import math
from numbers import Integral, Real
from typing import Any


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """
    Return `value` as an `int` if it is an integer of at least `minimum`.

    Raises
    ------
    TypeError
        If `value` is not an integer; `True` and `False` are not.
    ValueError
        If `value` is below `minimum`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def check_nonnegative(name: str, value: Any) -> float:
    """
    Return `value` if it is a finite number of at least 0.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If `value` is negative, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (math.isfinite(value) and float(value) >= 0):
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
    return value  # type: ignore[return-value]  # a Real, as it came


def check_probability(name: str, value: Any) -> float:
    """
    Return `value` if it is a number in [0, 1].

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If `value` is outside [0, 1].
    """
    check_nonnegative(name, value)
    if value > 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
    return value


def check_positive(name: str, value: Any) -> float:
    """
    Return `value` if it is a finite number above 0.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If `value` is 0, negative, infinite or NaN.
    """
    check_nonnegative(name, value)
    if value == 0:
        raise ValueError(f"{name} must be above 0, got {value}")
    return value


def check_gpu(i: int, num_gpus: int) -> None:
    """Raise a `ValueError` unless `i` is the position of one of `num_gpus` GPUs."""
    if not 0 <= i < num_gpus:
        raise ValueError(f"i must name one of this machine's {num_gpus} GPUs, got {i}; use cpu()")


def check_not_empty(name: str, num_examples: int) -> None:
    """Raise a `ValueError` if `num_examples` is 0."""
    if num_examples == 0:
        raise ValueError(f"{name} must have at least one example, got none")
