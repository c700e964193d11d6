"""The book's names for tensor operations, in JAX (chapter 2)."""

from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_common.checks.tensors import (
    as_shape,
    check_axes,
    check_batches,
    check_deviation,
    check_index,
    check_range,
    check_some,
    parts_of_index,
)
from d2l_jax.random import get_key

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
    return jnp.ones_like(x, dtype=dtype)


def zeros_like(x: Array, dtype=None) -> Array:
    """Return an array of zeros with the shape of `x`, by default also of its type (section 2.1)."""
    return jnp.zeros_like(x, dtype=dtype)


def arange(start, end=None, step=1, dtype=None, device=None) -> Array:
    """Return `start, start + step, ...` before `end`; `arange(end)` starts at 0 (section 2.1)."""
    start, end = (0, start) if end is None else (start, end)
    check_range(start, end, step)
    return jnp.arange(start, end, step, dtype=dtype, device=device)


def linspace(start, end, steps: int = 100, dtype=None, device=None) -> Array:
    """Return `steps` evenly spaced numbers from `start` to `end`, both included (section 12.1)."""
    return jnp.linspace(start, end, steps, dtype=dtype, device=device)


def eye(n: int, m: int | None = None, dtype=None, device=None) -> Array:
    """Return the `(n, m)` matrix, by default `(n, n)`, with ones on its diagonal (section 2.3)."""
    return jnp.eye(n, m, dtype=dtype, device=device)


def tensor(data: Any, dtype=None, device=None) -> Array:
    """Return a new array of numbers: nested lists, a NumPy array or another array (section 2.1)."""
    # JAX may read a NumPy array after it has returned, so a later change could show.
    data = data.copy() if isinstance(data, np.ndarray) else data
    return jnp.array(data, dtype=dtype, device=device)


def rand(*size: Any, key=None, dtype=None, device=None) -> Array:
    """Return uniform random numbers in `[0, 1)` of shape `size` (section 4.4)."""
    key = get_key() if key is None else key
    return jax.device_put(jax.random.uniform(key, as_shape(size), dtype), device)


def randn(*size: Any, key=None, dtype=None, device=None) -> Array:
    """Return standard normal random numbers of shape `size` (section 2.1)."""
    key = get_key() if key is None else key
    return jax.device_put(jax.random.normal(key, as_shape(size), dtype), device)


def normal(mean=0.0, std=1.0, size=(), key=None) -> Array:
    """Return random numbers of shape `size`, normal with this mean and std (section 3.4)."""
    check_deviation(std)
    key = get_key() if key is None else key
    return mean + std * jax.random.normal(key, as_shape((size,)))


# -- elementwise ------------------------------------------------------------------------------


def exp(x: Array) -> Array:
    """Return `e**x` elementwise (section 2.1)."""
    return jnp.exp(x)


def log(x: Array) -> Array:
    """Return the natural logarithm elementwise (section 2.4)."""
    return jnp.log(x)


def sin(x: Array) -> Array:
    """Return the sine elementwise (section 2.4)."""
    return jnp.sin(x)


def cos(x: Array) -> Array:
    """Return the cosine elementwise (section 2.4)."""
    return jnp.cos(x)


def sinh(x: Array) -> Array:
    """Return the hyperbolic sine elementwise (section 12.1)."""
    return jnp.sinh(x)


def cosh(x: Array) -> Array:
    """Return the hyperbolic cosine elementwise (section 12.1)."""
    return jnp.cosh(x)


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent elementwise (section 5.1.2.3)."""
    return jnp.tanh(x)


def sigmoid(x: Array) -> Array:
    """Return `1 / (1 + exp(-x))` elementwise (section 5.1.2.2)."""
    is_integer = not jnp.issubdtype(jnp.result_type(x), jnp.inexact)
    return jax.nn.sigmoid(jnp.asarray(x, float) if is_integer else x)


def abs(x: Array) -> Array:
    """Return the absolute value elementwise, with gradient 0 at 0 (section 2.3)."""
    size = jnp.abs(x)  # its gradient at 0 is 1
    return jnp.where(size == 0, 0, size)


def astype(x: Array, dtype: Any) -> Array:
    """Return `x` with its numbers converted to `dtype` (section 4.3)."""
    return x.astype(dtype)


# -- products and reductions ------------------------------------------------------------------


def matmul(a: Array, b: Array) -> Array:
    """Return the matrix product of `(..., n, k)` and `(..., k, m)`: `(..., n, m)` (section 2.3)."""
    return jnp.matmul(a, b)


def batch_matmul(a: Array, b: Array) -> Array:
    """Return products of `(batch, n, k)` and `(batch, k, m)`: `(batch, n, m)` (section 11.3)."""
    check_batches(a.shape, b.shape)
    return jax.lax.batch_matmul(a, b)


def reduce_sum(x: Array, axis=None, keepdims: bool = False) -> Array:
    """Return the sum over `axis`, one or several, by default over all entries (section 2.3)."""
    check_axes(axis)
    return jnp.sum(x, axis=_axes(axis), keepdims=keepdims)


def reduce_mean(x: Array, axis=None, keepdims: bool = False) -> Array:
    """Return the mean over `axis`, one or several, by default over all entries (section 2.3)."""
    check_axes(axis)
    return jnp.mean(x, axis=_axes(axis), keepdims=keepdims)


def argmax(x: Array, axis: int | None = None) -> Array:
    """Return the index of the largest entry along `axis`, the first of equals (section 4.3)."""
    check_some("argmax", x.size if axis is None else x.shape[axis])
    return jnp.argmax(x, axis=axis)


# -- shapes -----------------------------------------------------------------------------------


def reshape(x: Array, shape: Any) -> Array:
    """Return `x` in a new shape, of which one entry may be -1 (section 2.1)."""
    return jnp.reshape(x, as_shape((shape,)))


def concat(tensors: Any, axis: int = 0) -> Array:
    """Return the arrays joined along an existing axis (section 2.1)."""
    return jnp.concatenate(tuple(tensors), axis=axis)


def stack(tensors: Any, axis: int = 0) -> Array:
    """Return the arrays joined along a new axis (section 2.3)."""
    return jnp.stack(tuple(tensors), axis=axis)


def transpose(x: Array) -> Array:
    """Return `x` with its axes reversed: the transpose of a matrix (section 2.3)."""
    return jnp.transpose(x)


def swapaxes(x: Array, axis0: int, axis1: int) -> Array:
    """Return `x` with two axes exchanged (section 9.5)."""
    return jnp.swapaxes(x, axis0, axis1)


def expand_dims(x: Array, axis: int) -> Array:
    """Return `x` with a new axis of length 1 at position `axis` (section 11.3)."""
    return jnp.expand_dims(x, axis)


def repeat(x: Array, repeats: int, axis: int | None = None) -> Array:
    """Return `x` with each entry repeated along `axis`, or flattened if None (section 11.3)."""
    return jnp.repeat(x, repeats, axis=axis)


def meshgrid(*tensors: Array, indexing: str = "ij") -> tuple[Array, ...]:
    """Return coordinate matrices of vectors, by default the first along axis 0 (section 12.1)."""
    return tuple(jnp.meshgrid(*tensors, indexing=indexing))


def size(x: Array) -> int:
    """Return the number of entries (section 2.1)."""
    return x.size


def index_update(x: Array, index: Any, values: Any) -> Array:
    """Return a copy of `x` after `x[index] = values`; `x` itself is unchanged (section 2.1)."""
    index = parts_of_index(index)  # JAX accepts no lists
    if not any(isinstance(part, jax.core.Tracer) for part in index):
        check_index(x.shape, index)  # compiled code cannot raise, and writes nothing then
    return x.at[index].set(values)


# -- to and from ------------------------------------------------------------------------------


def numpy(x: Array) -> np.ndarray:
    """Return `x` as a NumPy array (section 2.1)."""
    return to_numpy(x)


def to(x: Array, device: Any) -> Array:
    """Return `x` on `device` (section 3.2)."""
    return jax.device_put(x, device)


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis
