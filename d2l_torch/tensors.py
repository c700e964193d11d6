"""The book's names for tensor operations, in PyTorch (chapter 2)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
    numbers_of,
)
from d2l_common.checks.tensors import check_broadcasts, check_some, indexed_shape, parts_of_index
from .conversion import as_tensor

int32 = torch.int32
int64 = torch.int64
float32 = torch.float32
float64 = torch.float64
nn_Module = nn.Module


# -- new tensors: a size is given as `2, 3` or as `(2, 3)` ------------------------------------


def ones(*size: Any, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones of shape `size`, by default the default float (section 2.1)."""
    return torch.ones(as_shape(size), dtype=dtype, device=device, requires_grad=requires_grad)


def zeros(*size: Any, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros of shape `size`, by default the default float (section 2.1)."""
    return torch.zeros(as_shape(size), dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(x: Tensor, dtype=None) -> Tensor:
    """Return a tensor of ones with the shape of `x`, by default also of its type (section 5.1)."""
    return torch.ones_like(as_tensor(x), dtype=dtype)


def zeros_like(x: Tensor, dtype=None) -> Tensor:
    """Return a tensor of zeros with the shape of `x`, by default also of its type (section 2.1)."""
    return torch.zeros_like(as_tensor(x), dtype=dtype)


def arange(start, end=None, step=1, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return `start, start + step, ...` before `end`; `arange(end)` starts at 0 (section 2.1)."""
    start, end = (0, start) if end is None else (start, end)
    start, end, step = map(as_number, ("start", "end", "step"), (start, end, step))
    check_range(start, end, step, dtype, integer=int64)
    return torch.arange(start, end, step, dtype=dtype, device=device, requires_grad=requires_grad)


def linspace(start, end, steps: int = 100, dtype=None, device=None) -> Tensor:
    """Return `steps` evenly spaced numbers from `start` to `end`, both included (section 12.1)."""
    start, end = as_number("start", start), as_number("end", end)
    check_count("steps", steps, minimum=0)
    check_float_dtype(dtype)
    return torch.linspace(start, end, steps, dtype=dtype, device=device)


def eye(n: int, m: int | None = None, dtype=None, device=None) -> Tensor:
    """Return the `(n, m)` matrix, by default `(n, n)`, with ones on its diagonal (section 2.3)."""
    n = check_count("n", n, minimum=0)
    m = n if m is None else check_count("m", m, minimum=0)
    return torch.eye(n, m, dtype=dtype, device=device)


def tensor(data: Any, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a new tensor of numbers: nested lists, NumPy array or another tensor (section 2.1)."""
    if isinstance(data, Tensor):
        if dtype is not None:
            check_fits("data", data, dtype)
        copy = data.detach().clone().to(dtype=dtype or data.dtype, device=device or data.device)
        return copy.requires_grad_(requires_grad)
    array = numbers_of(data, "data")
    if dtype is not None:
        check_fits("data", array, dtype)
    elif not isinstance(data, np.ndarray | np.generic) and array.dtype.kind in "fc":
        dtype = torch.tensor([1j] if array.dtype.kind == "c" else [1.0]).dtype  # the default
    return torch.tensor(array.copy(), dtype=dtype, device=device, requires_grad=requires_grad)


def rand(*size: Any, generator=None, dtype=None, device=None) -> Tensor:
    """Return uniform random numbers in `[0, 1)` of shape `size` (section 4.4)."""
    check_float_dtype(dtype)
    return torch.rand(as_shape(size), generator=generator, dtype=dtype, device=device)


def randn(*size: Any, generator=None, dtype=None, device=None) -> Tensor:
    """Return standard normal random numbers of shape `size` (section 2.1)."""
    check_float_dtype(dtype)
    return torch.randn(as_shape(size), generator=generator, dtype=dtype, device=device)


def normal(mean=0.0, std=1.0, size=(), generator=None, requires_grad: bool = False) -> Tensor:
    """Return random numbers of shape `size`, normal with this mean and std (section 3.4)."""
    mean, std = as_number("mean", mean), check_nonnegative("std", as_number("std", std))
    return torch.normal(
        mean, std, as_shape((size,)), generator=generator, requires_grad=requires_grad
    )


# -- elementwise ------------------------------------------------------------------------------


def exp(x: Tensor) -> Tensor:
    """Return `e**x` elementwise (section 2.1)."""
    return torch.exp(as_tensor(x))


def log(x: Tensor) -> Tensor:
    """Return the natural logarithm elementwise (section 2.4)."""
    return torch.log(as_tensor(x))


def sin(x: Tensor) -> Tensor:
    """Return the sine elementwise (section 2.4)."""
    return torch.sin(as_tensor(x))


def cos(x: Tensor) -> Tensor:
    """Return the cosine elementwise (section 2.4)."""
    return torch.cos(as_tensor(x))


def sinh(x: Tensor) -> Tensor:
    """Return the hyperbolic sine elementwise (section 12.1)."""
    return torch.sinh(as_tensor(x))


def cosh(x: Tensor) -> Tensor:
    """Return the hyperbolic cosine elementwise (section 12.1)."""
    return torch.cosh(as_tensor(x))


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent elementwise (section 5.1.2.3)."""
    return torch.tanh(as_tensor(x))


def sigmoid(x: Tensor) -> Tensor:
    """Return `1 / (1 + exp(-x))` elementwise (section 5.1.2.2)."""
    return torch.sigmoid(as_tensor(x))


def abs(x: Tensor) -> Tensor:
    """Return the absolute value elementwise, with gradient 0 at 0 (section 2.3)."""
    x = as_tensor(x)
    check_numbers("x", x.dtype)
    return torch.abs(x)


def astype(x: Tensor, dtype: Any) -> Tensor:
    """Return `x` with its numbers converted to `dtype` (section 4.3)."""
    return as_tensor(x).to(dtype)


# -- products and reductions ------------------------------------------------------------------


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Return the matrix product of `(..., n, k)` and `(..., k, m)`: `(..., n, m)` (section 2.3)."""
    a, b = as_tensor(a, "a"), as_tensor(b, "b")
    check_matmul(a.shape, b.shape)
    return torch.matmul(a, b)


def batch_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Return products of `(batch, n, k)` and `(batch, k, m)`: `(batch, n, m)` (section 11.3)."""
    a, b = as_tensor(a, "a"), as_tensor(b, "b")
    check_batches(a.shape, b.shape)
    return torch.bmm(a, b)


def reduce_sum(x: Tensor, axis=None, keepdims: bool = False) -> Tensor:
    """Return the sum over `axis`, one or several, by default over all entries (section 2.3)."""
    x = as_tensor(x)
    check_axes(axis, x.ndim)
    return torch.sum(x, dim=axis, keepdim=keepdims)


def reduce_mean(x: Tensor, axis=None, keepdims: bool = False) -> Tensor:
    """Return the mean over `axis`, one or several, by default over all entries (section 2.3)."""
    x = as_tensor(x)
    check_axes(axis, x.ndim)
    # PyTorch has no mean of integers and bools.
    dtype = x.dtype if x.is_floating_point() or x.is_complex() else torch.get_default_dtype()
    return torch.mean(x, dim=axis, keepdim=keepdims, dtype=dtype)


def argmax(x: Tensor, axis: int | None = None) -> Tensor:
    """Return the index of the largest entry along `axis`, the first of equals (section 4.3)."""
    x = as_tensor(x)
    check_numbers("x", x.dtype)
    if axis is not None:
        check_axis(axis, x.ndim)
    check_some("argmax", x.numel() if axis is None else x.shape[axis])
    return torch.argmax(x, dim=axis)


# -- shapes -----------------------------------------------------------------------------------


def reshape(x: Tensor, shape: Any) -> Tensor:
    """Return `x` in a new shape, of which one entry may be -1 (section 2.1)."""
    x, shape = as_tensor(x), as_shape((shape,), minimum=-1)
    check_reshape(x.shape, shape)
    return torch.reshape(x, shape)


def concat(tensors: Any, axis: int = 0) -> Tensor:
    """Return the tensors joined along an existing axis (section 2.1)."""
    tensors = [as_tensor(x, "each tensor") for x in tensors]
    check_joined([x.shape for x in tensors], axis, new_axis=False)
    return torch.cat(tensors, dim=axis)


def stack(tensors: Any, axis: int = 0) -> Tensor:
    """Return the tensors joined along a new axis (section 2.3)."""
    tensors = [as_tensor(x, "each tensor") for x in tensors]
    check_joined([x.shape for x in tensors], axis, new_axis=True)
    return torch.stack(tensors, dim=axis)


def transpose(x: Tensor) -> Tensor:
    """Return `x` with its axes reversed: the transpose of a matrix (section 2.3)."""
    x = as_tensor(x)
    return x.permute(tuple(range(x.ndim - 1, -1, -1)))


def swapaxes(x: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return `x` with two axes exchanged (section 9.5)."""
    x = as_tensor(x)
    check_axis(axis0, x.ndim, "axis0")
    check_axis(axis1, x.ndim, "axis1")
    return torch.swapaxes(x, axis0, axis1)


def expand_dims(x: Tensor, axis: int) -> Tensor:
    """Return `x` with a new axis of length 1 at position `axis` (section 11.3)."""
    x = as_tensor(x)
    check_axis(axis, x.ndim + 1)
    return torch.unsqueeze(x, axis)


def repeat(x: Tensor, repeats: int, axis: int | None = None) -> Tensor:
    """Return `x` with each entry repeated along `axis`, or flattened if None (section 11.3)."""
    x, repeats = as_tensor(x), check_count("repeats", repeats, minimum=0)
    if axis is not None:
        check_axis(axis, x.ndim)
    return torch.repeat_interleave(x, repeats, dim=axis)


def meshgrid(*tensors: Tensor, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return coordinate matrices of vectors, by default the first along axis 0 (section 12.1)."""
    vectors = [as_tensor(x, "each tensor") for x in tensors]
    check_vectors(vectors, indexing)
    return tuple(torch.meshgrid(*vectors, indexing=indexing))


def size(x: Tensor) -> int:
    """Return the number of entries (section 2.1)."""
    return as_tensor(x).numel()


def index_update(x: Tensor, index: Any, values: Any) -> Tensor:
    """Return a copy of `x` after `x[index] = values`; `x` itself is unchanged (section 2.1)."""
    x, values = as_tensor(x), as_tensor(values, "values")
    index = parts_of_index(index)  # PyTorch treats some lists as tuples
    check_kind("values", values, x)
    check_fits("values", values, x.dtype)
    check_broadcasts("values", values.shape, indexed_shape(x.shape, index))
    updated = x.clone()
    updated[tuple(map(as_positions, index))] = values.to(x)
    return updated


def as_positions(part: Any) -> Any:
    """Return integers in an index as int64: PyTorch takes no int8, and uint8 as a mask."""
    if isinstance(part, np.ndarray):
        part = as_tensor(part, "index")
    return part.long() if isinstance(part, Tensor) and part.dtype != torch.bool else part


# -- to and from ------------------------------------------------------------------------------


def numpy(x: Tensor) -> np.ndarray:
    """Return `x`, detached, as a NumPy array (section 2.1)."""
    return to_numpy(x)


def to(x: Tensor, device: Any) -> Tensor:
    """Return `x` on `device` (section 3.2)."""
    return x.to(device) if isinstance(x, nn.Module) else as_tensor(x).to(device)
