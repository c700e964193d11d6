"""Arrays and tensors of any framework as NumPy arrays, for plots and data that are shown."""

from typing import Any

import numpy as np


def to_numpy(x: Any) -> np.ndarray:
    """
    Return numbers of any framework as a NumPy array of the same shape.

    A tensor that requires gradients is detached, one on another device is copied to the host.
    Numbers that NumPy itself does not have, such as bfloat16, come as float32. Nothing is copied
    that need not be: the result may share its memory with `x`, so treat it as read-only.

    Parameters
    ----------
    x : array, tensor, number, or a list or tuple of these
        NumPy, JAX and PyTorch arrays, anything that `numpy.asarray` takes, and lists of them of
        equal shapes, nested at will.

    Returns
    -------
    numpy.ndarray
        The numbers, of the same shape; a list of `n` arrays of shape `s` gives `(n, *s)`.

    Raises
    ------
    TypeError
        If `x` is a function, or `None`, or anything else that holds no numbers.
    ValueError
        If the arrays in a list have different shapes.

    Examples
    --------
    >>> to_numpy([1, 2.5])
    array([1. , 2.5])
    """
    # PyTorch's tensors are told by what they can do, so that this file need not import PyTorch.
    if hasattr(x, "detach"):
        return _from_torch(x)
    if isinstance(x, list | tuple) and any(map(_holds_numbers, set(map(type, x)))):
        # NumPy alone would ask a tensor that requires gradients for its memory, and fail.
        return np.stack([to_numpy(item) for item in x])
    # Flax's parameters are callable and arrays at once.
    if callable(x) and not hasattr(x, "__array__"):
        raise TypeError(f"expected an array, not the function {getattr(x, '__name__', x)!r}")
    array = np.asarray(x)
    if array.dtype == object:
        raise TypeError(f"expected an array of numbers, not {type(x).__name__}")
    # JAX's bfloat16, float8 and int4 are raw bytes to NumPy; float32 holds each of them exactly.
    if array.dtype.kind == "V" and array.dtype.names is None:
        return array.astype(np.float32)
    return array


def _from_torch(x: Any) -> np.ndarray:
    """Return a tensor as a NumPy array."""
    host = x.detach().cpu()
    try:
        return host.numpy()
    except TypeError:
        # NumPy has no such dtype (bfloat16, float8).
        return host.float().numpy()


def _holds_numbers(kind: type) -> bool:
    """Tell whether items of this type are lists, arrays or tensors, and not plain numbers."""
    return issubclass(kind, list | tuple) or hasattr(kind, "__array__") or hasattr(kind, "detach")


def dtype_name(dtype: Any) -> str:
    """Return the bare name of a dtype of any framework, such as `uint8`."""
    return str(dtype).removeprefix("torch.")
