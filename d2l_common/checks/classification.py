"""Checks of class scores, labels and confusion matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import dtype_name, to_numpy
from d2l_common.checks.tensors import check_floating


def check_integer(
    name: str, is_integer: bool, dtype: Any, what: str = "integer class labels"
) -> None:
    """Raise a `TypeError` unless `name`, of type `dtype`, holds integers, which are `what`."""
    if not is_integer:
        raise TypeError(f"{name} must hold {what}, got {dtype_name(dtype)}")


def check_class_scores(name: str, scores: Sequence[int], labels: Sequence[int]) -> None:
    """Raise a `ValueError` unless the shapes are `(n, num_classes)` and `(n,)`."""
    if len(scores) != 2:
        raise ValueError(f"{name} must have shape (n, num_classes), got {tuple(scores)}")
    if tuple(labels) != (scores[0],):
        raise ValueError(
            f"y must have shape ({scores[0]},), one label for each row of {name}, "
            f"got {tuple(labels)}"
        )


def check_classes(name: str, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless `name`, the classes of examples, has the shape `(n,)`."""
    if len(shape) != 1:
        raise ValueError(f"{name} must have shape (n,), got {tuple(shape)}")


def check_label_axes(scores: Sequence[int], labels: Sequence[int]) -> None:
    """Raise a `ValueError` unless the shapes are `(..., num_classes)` and `(...)`."""
    if not scores or tuple(labels) != tuple(scores[:-1]):
        raise ValueError(
            f"Y must have shape {tuple(scores[:-1])}, one label for each score of Y_hat "
            f"{tuple(scores)}, got {tuple(labels)}"
        )


def check_label_range(lowest: int, highest: int, num_classes: int) -> None:
    """Raise a `ValueError` if a label is outside the classes `0 .. num_classes - 1`."""
    if lowest < 0 or highest >= num_classes:
        bad = lowest if lowest < 0 else highest
        raise ValueError(f"labels must be from 0 to {num_classes - 1}, got {bad}")


def check_confusion(confusion: Any) -> None:
    """
    Raise unless a confusion matrix can be inverted.

    Raises
    ------
    TypeError
        If `confusion` holds integers.
    ValueError
        If `confusion` is not square, or singular within its rounding.
    """
    matrix = to_numpy(confusion)
    check_floating("confusion", matrix.dtype.kind == "f", matrix.dtype)
    if matrix.ndim != 2 or len(matrix) != matrix.shape[1]:
        raise ValueError(
            f"confusion must have shape (num_classes, num_classes), got {matrix.shape}"
        )
    wide = matrix.astype(np.float64)
    if not np.isfinite(wide).all() or np.linalg.cond(wide) * np.finfo(matrix.dtype).eps > 1:
        raise ValueError(
            "confusion must be invertible, got a singular matrix: "
            "a class has no examples, or two classes are predicted alike"
        )
