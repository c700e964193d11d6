"""The book's names for tensor operations, in JAX (chapter 2)."""

from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.checks.axes import (
    as_shape,
    check_axes,
    check_axis,
    check_batches,
    check_joined,
    check_matmul,
    check_reshape,
    check_vectors,
)
from d2l_common.checks.numbers import (
    as_number,
    check_fits,
    check_float_dtype,
    check_kind,
    check_numbers,
    check_range,
)
from d2l_common.checks.tensors import check_broadcasts, check_some, indexed_shape, parts_of_index
from .conversion import as_tensor, holds_arrays, host_array, put_copy
from .random import get_key

int32 = jnp.int32
int64 = jnp.int64
float32 = jnp.float32
float64 = jnp.float64
nn_Module = nnx.Module


# -- new arrays: a size is given as `2, 3` or as `(2, 3)` -------------------------------------


def ones(*size: Any, dtype=None, device=None) -> Array:
    """Return an array of ones of shape `size`, by default the default float (section 2.1)."""
    return jnp.ones(as_shape(size), dtype=dtype, device=device)


def zeros(*size: Any, dtype=None, device=None) -> Array:
    """Return an array of zeros of shape `size`, by default the default float (section 2.1)."""
    return jnp.zeros(as_shape(size), dtype=dtype, device=device)


def ones_like(x: Array, dtype=None) -> Array:
    """Return an array of ones with the shape of `x`, by default also of its type (section 5.1)."""
    return jnp.ones_like(as_tensor(x), dtype=dtype)


def zeros_like(x: Array, dtype=None) -> Array:
    """Return an array of zeros with the shape of `x`, by default also of its type (section 2.1)."""
    return jnp.zeros_like(as_tensor(x), dtype=dtype)


def arange(start, end=None, step=1, dtype=None, device=None) -> Array:
    """Return `start, start + step, ...` before `end`; `arange(end)` starts at 0 (section 2.1)."""
    start, end = (0, start) if end is None else (start, end)
    start, end, step = map(as_number, ("start", "end", "step"), (start, end, step))
    check_range(start, end, step, dtype, integer=jnp.asarray(0).dtype)
    return jnp.arange(start, end, step, dtype=dtype, device=device)


def linspace(start, end, steps: int = 100, dtype=None, device=None) -> Array:
    """Return `steps` evenly spaced numbers from `start` to `end`, both included (section 12.1)."""
    start, end = as_number("start", start), as_number("end", end)
    check_count("steps", steps, minimum=0)
    check_float_dtype(dtype)
    return jnp.linspace(start, end, steps, dtype=dtype, device=device)


def eye(n: int, m: int | None = None, dtype=None, device=None) -> Array:
    """Return the `(n, m)` matrix, by default `(n, n)`, with ones on its diagonal (section 2.3)."""
    n = check_count("n", n, minimum=0)
    m = n if m is None else check_count("m", m, minimum=0)
    return jnp.eye(n, m, dtype=dtype, device=device)


def tensor(data: Any, dtype=None, device=None) -> Array:
    """Return a new array of numbers: nested lists, a NumPy array or another array (section 2.1)."""
    if not (isinstance(data, Array | nnx.Variable) or holds_arrays(data)):
        data = host_array(data, "data")
        if dtype is None:
            return put_copy(data, device)
        data = data.copy()  # JAX may read it after it has returned, so a later change could show
    if dtype is not None and not isinstance(data, jax.core.Tracer | list | tuple):
        check_fits("data", data, jax.dtypes.canonicalize_dtype(dtype))
    return jnp.array(data, dtype=dtype, device=device)


def rand(*size: Any, key=None, dtype=None, device=None) -> Array:
    """Return uniform random numbers in `[0, 1)` of shape `size` (section 4.4)."""
    check_float_dtype(dtype)
    key = get_key() if key is None else key
    return jax.device_put(jax.random.uniform(key, as_shape(size), dtype), device)


def randn(*size: Any, key=None, dtype=None, device=None) -> Array:
    """Return standard normal random numbers of shape `size` (section 2.1)."""
    check_float_dtype(dtype)
    key = get_key() if key is None else key
    return jax.device_put(jax.random.normal(key, as_shape(size), dtype), device)


def normal(mean=0.0, std=1.0, size=(), key=None) -> Array:
    """Return random numbers of shape `size`, normal with this mean and std (section 3.4)."""
    mean, std = as_number("mean", mean), check_nonnegative("std", as_number("std", std))
    key = get_key() if key is None else key
    return mean + std * jax.random.normal(key, as_shape((size,)))


# -- elementwise ------------------------------------------------------------------------------


def exp(x: Array) -> Array:
    """Return `e**x` elementwise (section 2.1)."""
    return jnp.exp(as_tensor(x))


def log(x: Array) -> Array:
    """Return the natural logarithm elementwise (section 2.4)."""
    return jnp.log(as_tensor(x))


def sin(x: Array) -> Array:
    """Return the sine elementwise (section 2.4)."""
    return jnp.sin(as_tensor(x))


def cos(x: Array) -> Array:
    """Return the cosine elementwise (section 2.4)."""
    return jnp.cos(as_tensor(x))


def sinh(x: Array) -> Array:
    """Return the hyperbolic sine elementwise (section 12.1)."""
    return jnp.sinh(as_tensor(x))


def cosh(x: Array) -> Array:
    """Return the hyperbolic cosine elementwise (section 12.1)."""
    return jnp.cosh(as_tensor(x))


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent elementwise (section 5.1.2.3)."""
    return jnp.tanh(as_tensor(x))


def sigmoid(x: Array) -> Array:
    """Return `1 / (1 + exp(-x))` elementwise (section 5.1.2.2)."""
    x = as_tensor(x)
    is_integer = not jnp.issubdtype(x.dtype, jnp.inexact)
    return jax.nn.sigmoid(x.astype(float) if is_integer else x)


def abs(x: Array) -> Array:
    """Return the absolute value elementwise, with gradient 0 at 0 (section 2.3)."""
    x = as_tensor(x)
    check_numbers("x", x.dtype)
    size = jnp.abs(x)  # its gradient at 0 is 1
    return jnp.where(size == 0, 0, size)


def astype(x: Array, dtype: Any) -> Array:
    """Return `x` with its numbers converted to `dtype` (section 4.3)."""
    return as_tensor(x).astype(dtype)


# -- products and reductions ------------------------------------------------------------------


def matmul(a: Array, b: Array) -> Array:
    """Return the matrix product of `(..., n, k)` and `(..., k, m)`: `(..., n, m)` (section 2.3)."""
    a, b = as_tensor(a, "a"), as_tensor(b, "b")
    check_matmul(a.shape, b.shape)
    return jnp.matmul(a, b)


def batch_matmul(a: Array, b: Array) -> Array:
    """Return products of `(batch, n, k)` and `(batch, k, m)`: `(batch, n, m)` (section 11.3)."""
    a, b = as_tensor(a, "a"), as_tensor(b, "b")
    check_batches(a.shape, b.shape)
    return jax.lax.batch_matmul(a, b)


def reduce_sum(x: Array, axis=None, keepdims: bool = False) -> Array:
    """Return the sum over `axis`, one or several, by default over all entries (section 2.3)."""
    x = as_tensor(x)
    check_axes(axis, x.ndim)
    return jnp.sum(x, axis=_axes(axis), keepdims=keepdims)


def reduce_mean(x: Array, axis=None, keepdims: bool = False) -> Array:
    """Return the mean over `axis`, one or several, by default over all entries (section 2.3)."""
    x = as_tensor(x)
    check_axes(axis, x.ndim)
    return jnp.mean(x, axis=_axes(axis), keepdims=keepdims)


def argmax(x: Array, axis: int | None = None) -> Array:
    """Return the index of the largest entry along `axis`, the first of equals (section 4.3)."""
    x = as_tensor(x)
    check_numbers("x", x.dtype)
    if axis is not None:
        check_axis(axis, x.ndim)
    check_some("argmax", x.size if axis is None else x.shape[axis])
    return jnp.argmax(x, axis=axis)


# -- shapes -----------------------------------------------------------------------------------


def reshape(x: Array, shape: Any) -> Array:
    """Return `x` in a new shape, of which one entry may be -1 (section 2.1)."""
    x, shape = as_tensor(x), as_shape((shape,), minimum=-1)
    check_reshape(x.shape, shape)
    return jnp.reshape(x, shape)


def concat(tensors: Any, axis: int = 0) -> Array:
    """Return the arrays joined along an existing axis (section 2.1)."""
    tensors = [as_tensor(x, "each tensor") for x in tensors]
    check_joined([x.shape for x in tensors], axis, new_axis=False)
    return jnp.concatenate(tensors, axis=axis)


def stack(tensors: Any, axis: int = 0) -> Array:
    """Return the arrays joined along a new axis (section 2.3)."""
    tensors = [as_tensor(x, "each tensor") for x in tensors]
    check_joined([x.shape for x in tensors], axis, new_axis=True)
    return jnp.stack(tensors, axis=axis)


def transpose(x: Array) -> Array:
    """Return `x` with its axes reversed: the transpose of a matrix (section 2.3)."""
    return jnp.transpose(as_tensor(x))


def swapaxes(x: Array, axis0: int, axis1: int) -> Array:
    """Return `x` with two axes exchanged (section 9.5)."""
    x = as_tensor(x)
    check_axis(axis0, x.ndim, "axis0")
    check_axis(axis1, x.ndim, "axis1")
    return jnp.swapaxes(x, axis0, axis1)


def expand_dims(x: Array, axis: int) -> Array:
    """Return `x` with a new axis of length 1 at position `axis` (section 11.3)."""
    x = as_tensor(x)
    check_axis(axis, x.ndim + 1)
    return jnp.expand_dims(x, axis)


def repeat(x: Array, repeats: int, axis: int | None = None) -> Array:
    """Return `x` with each entry repeated along `axis`, or flattened if None (section 11.3)."""
    x, repeats = as_tensor(x), check_count("repeats", repeats, minimum=0)
    if axis is not None:
        check_axis(axis, x.ndim)
    return jnp.repeat(x, repeats, axis=axis)


def meshgrid(*tensors: Array, indexing: str = "ij") -> tuple[Array, ...]:
    """Return coordinate matrices of vectors, by default the first along axis 0 (section 12.1)."""
    vectors = [as_tensor(x, "each tensor") for x in tensors]
    check_vectors(vectors, indexing)
    return tuple(jnp.meshgrid(*vectors, indexing=indexing))


def size(x: Array) -> int:
    """Return the number of entries (section 2.1)."""
    return as_tensor(x).size


def index_update(x: Array, index: Any, values: Any) -> Array:
    """Return a copy of `x` after `x[index] = values`; `x` itself is unchanged (section 2.1)."""
    x, values = as_tensor(x), as_tensor(values, "values")
    index = parts_of_index(index)  # JAX accepts no lists
    check_kind("values", values, x)
    if not isinstance(values, jax.core.Tracer):
        check_fits("values", values, x.dtype)
    if not any(isinstance(part, jax.core.Tracer) for part in index):
        # Compiled code cannot raise, and writes nothing if an index is out of range.
        check_broadcasts("values", values.shape, indexed_shape(x.shape, index))
    return x.at[index].set(values.astype(x.dtype))


# -- to and from ------------------------------------------------------------------------------


def numpy(x: Array) -> np.ndarray:
    """Return `x` as a NumPy array (section 2.1)."""
    return to_numpy(x)


def to(x: Array, device: Any) -> Array:
    """Return `x` on `device` (section 3.2)."""
    return jax.device_put(as_tensor(x), device)


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis
