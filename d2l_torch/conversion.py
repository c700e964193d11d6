"""Conversion of arguments: NumPy arrays, lists and numbers become tensors of PyTorch."""

from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from d2l_common.checks.numbers import check_fits, numbers_of
from d2l_common.checks.tensors import check_single


def as_tensor(x: Any, name: str = "x") -> Tensor:
    """
    Return an array of any kind, a list of numbers or a number as a tensor of PyTorch.

    All functions of the library that compute with tensors take their arguments by it.

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
        holds an integer that PyTorch would wrap around.
    """
    if isinstance(x, Tensor):
        return x
    if holds_tensors(x):
        return torch.stack([as_tensor(item, name) for item in x])
    array = host_array(x, name)
    return torch.as_tensor(array, dtype=torch.get_default_dtype() if is_double(array) else None)


def as_single(x: Any, name: str) -> Any:
    """Return one number of Python or NumPy as Python's, a tensor of shape `()` as a tensor."""
    x = x.item() if isinstance(x, np.generic) else x
    check_single(name, x)
    return x if isinstance(x, Real) else as_tensor(x, name)


def host_array(x: Any, name: str = "x") -> np.ndarray:
    """Return `x` as a NumPy array that PyTorch can share."""
    array = numbers_of(x, name)
    if array.dtype in (np.uint16, np.uint32, np.uint64):  # PyTorch can hardly compute with these
        check_fits(name, array, np.dtype(np.int64))
        array = array.astype(np.int64)
    # PyTorch has no negative strides, and JAX's memory cannot be written to.
    shares = array.flags.writeable and min(array.strides, default=0) >= 0
    return array if shares else array.copy()


def holds_tensors(x: Any) -> bool:
    """Return whether `x` is a list or tuple with tensors in it, which may have gradients."""
    is_list = isinstance(x, list | tuple)
    return is_list and any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(x))


def is_double(array: np.ndarray) -> bool:
    """Return whether an array holds float64, NumPy's and not the framework's default."""
    return array.dtype == np.float64
