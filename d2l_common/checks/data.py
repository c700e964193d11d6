"""Checks of minibatches, labels and tables of examples."""

from typing import Any

import numpy as np

from d2l_common.arrays import dtype_name, to_numpy
from d2l_common.checks.arguments import check_not_empty
from d2l_common.checks.classification import check_integer, check_label_range
from d2l_common.checks.tensors import check_floating


def check_minibatch(batch: Any) -> None:
    """Raise unless `batch` is a tuple of inputs and targets with at least one example."""
    if not isinstance(batch, tuple | list) or not batch:
        raise TypeError(
            f"a minibatch must be a tuple of inputs and targets, got {type(batch).__name__}"
        )
    check_not_empty("a minibatch", len(batch[-1]))


def check_images(X: Any) -> None:
    """Raise a TypeError if `X` has more than two axes and holds integers, as raw images do."""
    if dtype_name(X.dtype).startswith(("int", "uint")) and X.ndim > 2:
        check_floating("X", False, X.dtype)


def check_class_labels(labels: Any, num_classes: int) -> None:
    """Raise unless `labels` are integers from 0 to `num_classes - 1`."""
    is_integer = dtype_name(labels.dtype).startswith(("int", "uint"))
    check_integer("y", is_integer, labels.dtype)
    values = to_numpy(labels)
    check_label_range(int(values.min()), int(values.max()), num_classes)


def check_tensors(tensors: Any) -> int:
    """
    Return the number of examples in `tensors`, arrays of shape `(num_examples, ...)`.

    Raises
    ------
    TypeError
        If `tensors` is not a tuple or list of arrays.
    ValueError
        If there are no examples, or the arrays differ in their first axis.
    """
    shapes = [getattr(x, "shape", ()) for x in tensors] if isinstance(tensors, tuple | list) else []
    if () in shapes or not shapes:
        raise TypeError(
            "tensors must be a tuple of arrays, each of shape (num_examples, ...), "
            f"got {describe(tensors)}"
        )
    lengths = [len(tensor) for tensor in tensors]
    if len(set(lengths)) != 1:
        raise ValueError(f"tensors must have the same number of examples, got {lengths}")
    check_not_empty("the data set", lengths[0])
    return lengths[0]


def positions(indices: Any, num_examples: int) -> slice | np.ndarray:
    """
    Return the positions that `indices` selects: a slice, or int64 of shape `(n,)`.

    Parameters
    ----------
    indices : slice, integers, or mask of shape `(num_examples,)`
        Negative integers count from the end.

    Raises
    ------
    TypeError, ValueError
        If `indices` is neither a slice nor integers nor a mask of one axis.
    IndexError
        If an integer is out of range; JAX itself would take a different example.
    """
    if isinstance(indices, slice):
        backwards = indices.step is not None and indices.step < 0  # PyTorch takes no negative step
        return np.arange(num_examples)[indices].copy() if backwards else indices
    rows = to_numpy(indices)
    if rows.shape == (0,):
        return np.zeros(0, np.int64)
    if rows.dtype.kind not in "biu":
        raise TypeError(f"indices must be integers, a mask or a slice, got {describe(rows)}")
    if rows.ndim != 1 or (rows.dtype == bool and len(rows) != num_examples):
        raise ValueError(
            f"indices must have shape (n,), a mask ({num_examples},), got {tuple(rows.shape)}"
        )
    if rows.dtype == bool:
        return np.flatnonzero(rows)
    out_of_range = rows[(rows < -num_examples) | (rows >= num_examples)]
    if len(out_of_range):
        raise IndexError(f"index {out_of_range[0]} is out of range for {num_examples} examples")
    return np.where(rows < 0, rows + num_examples, rows).astype(np.int64)


def describe(x: Any) -> str:
    """Return a short description of `x` for an error message."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or dtype is None:
        return type(x).__name__
    return f"{dtype_name(dtype)} of shape {tuple(shape)}"
