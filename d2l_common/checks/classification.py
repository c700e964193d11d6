"""Checks of class scores and labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import dtype_name, to_numpy
from d2l_common.checks.tensors import (
    check_floating,
)


def check_integer(name: str, is_integer: bool, dtype: Any) -> None:
    """Raise a `TypeError` unless `name`, of type `dtype`, holds integers."""
    if not is_integer:
        raise TypeError(f"{name} must hold integer class labels, not {dtype_name(dtype)}")


def check_class_scores(name: str, shape: Sequence[int], y: Sequence[int]) -> None:
    """Raise a `ValueError` unless scores `(n, num_classes)` and labels `(n,)` go together."""
    if len(shape) != 2:
        raise ValueError(f"{name} must have shape (n, num_classes), not {tuple(shape)}")
    if len(y) != 1 or y[0] != shape[0]:
        raise ValueError(
            f"y must have shape ({shape[0]},), one label for each row of {name}, not {tuple(y)}"
        )


def check_label_range(lowest: int, highest: int, num_classes: int) -> None:
    """Raise a `ValueError` if a label lies outside `0 .. num_classes - 1`."""
    if lowest < 0 or highest >= num_classes:
        bad = lowest if lowest < 0 else highest
        raise ValueError(f"label {bad} is outside the {num_classes} classes 0 to {num_classes - 1}")


def check_confusion(confusion: Any) -> None:
    """
    Raise unless a confusion matrix can be inverted.

    Raises
    ------
    TypeError
        If it holds integers.
    ValueError
        If it is not square, or singular within its rounding.
    """
    matrix = to_numpy(confusion)
    check_floating("confusion", matrix.dtype.kind == "f", matrix.dtype)
    if matrix.ndim != 2 or len(matrix) != matrix.shape[1]:
        raise ValueError(
            f"confusion must have shape (num_classes, num_classes), not {matrix.shape}"
        )
    wide = matrix.astype(np.float64)
    if not np.isfinite(wide).all() or np.linalg.cond(wide) * np.finfo(matrix.dtype).eps > 1:
        raise ValueError(
            "the confusion matrix is singular: a class has no examples, or two are predicted alike"
        )
