"""Conversion of arguments: NumPy arrays, lists and numbers become arrays of JAX."""

import math
from numbers import Real
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.numbers import check_fits, numbers_of
from d2l_common.checks.tensors import check_single


def as_tensor(x: Any, name: str = "x") -> Array:
    """
    Return an array of any kind, a list of numbers or a number as an array of JAX.

    All functions of the library that compute with arrays take their arguments by it.

    Parameters
    ----------
    x : array, tensor, number, or nested lists of these
        NumPy's float64 becomes the default float type.
    name : str
        The argument that an error names.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If `x` does not hold numbers, is a masked array or a list of lists of different lengths, or
        holds an integer that JAX would wrap around.
    """
    if isinstance(x, Array):
        return x
    if isinstance(x, nnx.Variable):
        return x[...]
    if holds_arrays(x):
        return jnp.asarray(x)
    return put_copy(host_array(x, name))


def put_copy(array: np.ndarray, device: Any = None) -> Array:
    """Return a copy of a NumPy array as an array of JAX, of a type that JAX has."""
    # JAX may share the memory of what it is given, or read it later. `jnp.asarray` copies, too, but
    # compiles a program for each shape; it alone follows a mesh that the user has set.
    copy = aligned_empty(array.shape, array.dtype)
    copy[...] = array
    if not jax.sharding.get_abstract_mesh().empty:
        return jnp.asarray(copy, device=device)
    return jax.device_put(copy, device)


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return a new array of NumPy, placed so that on a CPU JAX need not copy it."""
    # JAX takes over memory that begins at a multiple of 64 bytes.
    num_bytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(num_bytes + 63, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + num_bytes].view(dtype).reshape(shape)


def as_single(x: Any, name: str) -> Any:
    """Return one number of Python or NumPy as Python's, a tensor of shape `()` as a tensor."""
    x = x.item() if isinstance(x, np.generic) else x
    check_single(name, x)
    return x if isinstance(x, Real) else as_tensor(x, name)


def host_array(x: Any, name: str = "x") -> np.ndarray:
    """Return `x` as a NumPy array whose numbers JAX can hold."""
    array = numbers_of(x, name)
    check_fits(name, array, jax.dtypes.canonicalize_dtype(array.dtype))
    return array


def holds_arrays(x: Any) -> bool:
    """Return whether `x` is a list or tuple with arrays of JAX in it, which may be traced."""
    is_list = isinstance(x, list | tuple)
    return is_list and any(isinstance(leaf, Array) for leaf in jax.tree.leaves(x))


def is_narrow(X: Array) -> bool:
    """Return whether an array holds floats of fewer bits than float32, such as bfloat16."""
    return jnp.issubdtype(X.dtype, jnp.floating) and X.dtype.itemsize < 4


def widened(X: Array) -> Array:
    """Return floats of fewer bits than float32 as float32, and any other array as it is."""
    return X.astype(jnp.float32) if is_narrow(X) else X


def default_float() -> Any:
    """Return the type of JAX's floats by default: float32, or float64 while x64 is enabled."""
    return jnp.zeros(()).dtype
