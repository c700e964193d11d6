"""Conversion of arrays and tensors of any framework to NumPy arrays."""

from numbers import Number
from typing import Any

import numpy as np


def to_numpy(x: Any, name: str = "x") -> np.ndarray:
    """
    Return an array or tensor of any framework as a NumPy array of the same shape.

    A tensor that requires gradients is detached, and one on another device is copied to the host.
    Types that NumPy lacks, such as bfloat16, become float32. The result may share its memory with
    `x`, so treat it as read-only.

    Parameters
    ----------
    x : array, tensor, number, or a list or tuple of these
        NumPy, JAX and PyTorch arrays, anything that `numpy.asarray` takes, and nested lists of
        them of equal shapes.
    name : str
        The argument that an error names.

    Returns
    -------
    numpy.ndarray
        A list of `n` arrays of shape `s` gives `(n, *s)`.

    Raises
    ------
    TypeError
        If `x` is a function, `None`, or anything else that does not hold numbers.
    ValueError
        If `x` is a list of arrays of different shapes.
    OverflowError
        If `x` holds an integer of more than 64 bits.

    Examples
    --------
    >>> to_numpy([1, 2.5])
    array([1. , 2.5])
    """
    # A tensor is recognized by its method, so that this file need not import PyTorch.
    if hasattr(x, "detach"):
        return _from_torch(x)
    if isinstance(x, list | tuple) and any(map(_holds_numbers, set(map(type, x)))):
        # NumPy alone raises on a tensor that requires gradients.
        return np.stack([to_numpy(item, name) for item in x])
    # Flax's parameters are both callable and arrays.
    if callable(x) and not hasattr(x, "__array__"):
        raise TypeError(f"{name} must be an array, got the function {getattr(x, '__name__', x)!r}")
    array = np.asarray(x)
    if array.dtype == object:
        if array.size and all(isinstance(item, int) for item in array.flat):
            raise OverflowError(f"{name} must hold integers of at most 64 bits, got more")
        bad = next((item for item in array.flat if not isinstance(item, Number)), x)
        raise TypeError(f"{name} must be an array of numbers, got {type(bad).__name__}")
    # NumPy holds JAX's bfloat16, float8 and int4 as raw bytes; float32 represents each exactly.
    if array.dtype.kind == "V" and array.dtype.names is None:
        return array.astype(np.float32)
    return array


def _from_torch(x: Any) -> np.ndarray:
    """Return a tensor as a NumPy array."""
    host = x.detach().cpu()
    try:
        return host.numpy()
    except TypeError:
        # NumPy lacks bfloat16 and float8.
        return host.float().numpy()


def _holds_numbers(kind: type) -> bool:
    """Return whether items of this type are lists, arrays or tensors, not plain numbers."""
    return issubclass(kind, list | tuple) or hasattr(kind, "__array__") or hasattr(kind, "detach")


def dtype_name(dtype: Any) -> str:
    """Return the name of a dtype of any framework, such as `uint8`."""
    # JAX's `jnp.uint8`, like NumPy's `np.uint8`, is a type of numbers and not yet a dtype.
    kind = np.dtype(dtype) if isinstance(dtype, type) or hasattr(dtype, "dtype") else dtype
    return str(kind).removeprefix("torch.")


def describe(x: Any) -> str:
    """Return a short description of `x` for an error message."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or dtype is None:
        return type(x).__name__
    return f"{dtype_name(dtype)} of shape {tuple(shape)}"
