"""Checks of numbers that enter a framework from Python or NumPy, and of the types to hold them."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from d2l_common.arrays import describe, dtype_name, to_numpy

INTEGERS = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}


def numbers_of(x: Any, name: str = "x") -> np.ndarray:
    """
    Return an array of any kind, a list or a number as a NumPy array that both frameworks take.

    Parameters
    ----------
    x : array, tensor, number, or nested lists of these
    name : str
        The argument that an error names.

    Returns
    -------
    numpy.ndarray
        Of native byte order; it may share its memory with `x`.

    Raises
    ------
    TypeError
        If `x` does not hold numbers, or is a masked array.
    ValueError
        If `x` is a list of lists of different lengths.
    OverflowError
        If `x` holds an integer of more than 64 bits.
    """
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array; fill it first, with x.filled(value)")
    try:
        array = to_numpy(x, name)
    except ValueError:
        raise ValueError(
            f"{name} must hold lists of equal lengths, got lists of different lengths"
        ) from None
    if array.dtype.kind not in "biufc":
        kind = "text" if array.dtype.kind in "US" else array.dtype
        raise TypeError(f"{name} must be an array of numbers, got {kind}")
    if array.dtype.kind in "fc" and array.dtype.itemsize > 8 * (1 + (array.dtype.kind == "c")):
        return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_fits(name: str, values: Any, dtype: Any) -> None:
    """
    Raise unless numbers keep their values as `dtype`, of any framework; floats may be cut.

    Raises
    ------
    TypeError
        If complex numbers are to become real ones.
    ValueError
        If NaN or an infinity is to become an integer.
    OverflowError
        If an integer is out of the range of `dtype`.
    """
    have, kind = dtype_name(values.dtype), dtype_name(dtype)
    if "complex" in have and "complex" not in kind:
        raise TypeError(f"{name} must hold real numbers to become {kind}, got {have}")
    if kind not in INTEGERS or have in (kind, "bool"):
        return
    array = to_numpy(values)
    if not array.size or np.can_cast(array.dtype, kind):
        return
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = array[~np.isfinite(array)].flat[0]
        raise ValueError(f"{name} must be finite to become {kind}, got {bad}")
    lowest, highest = int(array.min()), int(array.max())
    info = np.iinfo(kind)
    if lowest < info.min or highest > info.max:
        raise too_wide(name, lowest if lowest < info.min else highest, kind)


def too_wide(name: str, value: int, kind: str) -> OverflowError:
    """Return the error for an integer that the type `kind` cannot hold."""
    info = np.iinfo(kind)
    return OverflowError(
        f"{name} must hold integers from {info.min} to {info.max}, the range of {kind}, got "
        f"{value}; use floats or a wider type (in JAX, enable x64 for one of 64 bits)"
    )


def as_number(name: str, value: Any) -> Any:
    """
    Return `value`, a number or a tensor of shape `()`, as a finite number of Python.

    Raises
    ------
    TypeError
        If `value` is not one real number.
    ValueError
        If `value` is infinite or NaN.
    """
    if getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {describe(value)}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return value


def check_range(start: Any, end: Any, step: Any, dtype: Any, integer: Any) -> None:
    """
    Raise unless `start, start + step, ...` leads to `end` in numbers that `dtype` holds.

    Parameters
    ----------
    start, end, step : numbers
    dtype : dtype of any framework, or None
    integer : dtype
        What holds integers if `dtype` is None.

    Raises
    ------
    TypeError
        If floats are to be rounded to an integer `dtype`.
    ValueError
        If `step` does not lead from `start` to `end`.
    OverflowError
        If an integer is out of the range of the type.
    """
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"step must lead from start to end, got arange({start}, {end}, {step})")
    is_integer = all(isinstance(number, Integral) for number in (start, end, step))
    if not is_integer and dtype is not None:
        check_float_dtype(dtype)
    kind = dtype_name(integer if dtype is None else dtype)
    if is_integer and kind in INTEGERS and start != end:
        last = start + (end - start - (1 if step > 0 else -1)) // step * step
        info = np.iinfo(kind)
        for value in (start, last):
            if not info.min <= value <= info.max:
                raise too_wide("arange", int(value), kind)


def check_float_dtype(dtype: Any) -> None:
    """Raise a `TypeError` if `dtype` is given and holds integers or bools."""
    if dtype is not None and (dtype_name(dtype) in INTEGERS or "bool" in dtype_name(dtype)):
        raise TypeError(
            f"dtype must be of floating-point numbers, got {dtype_name(dtype)}; "
            "round the result, then convert it with astype"
        )


def check_numbers(name: str, dtype: Any) -> None:
    """Raise a `TypeError` if `name`, of type `dtype`, holds bools."""
    if dtype_name(dtype) == "bool":
        raise TypeError(f"{name} must hold numbers, got bools; convert them with astype")


def check_kind(name: str, values: Any, x: Any) -> None:
    """Raise a `TypeError` if `values` would lose a part: floats in an `x` of integers, and such."""
    if kind_rank(values.dtype) > kind_rank(x.dtype):
        raise TypeError(
            f"{name} must be of the kind of x, {KINDS[kind_rank(x.dtype)]}, got "
            f"{KINDS[kind_rank(values.dtype)]}; convert one of them with astype"
        )


KINDS = ("bools", "integers", "floating-point numbers", "complex numbers")


def kind_rank(dtype: Any) -> int:
    """Return the position in `KINDS` of what a dtype of any framework holds."""
    kind = dtype_name(dtype)
    return 0 if kind == "bool" else 1 if kind in INTEGERS else 3 if "complex" in kind else 2
