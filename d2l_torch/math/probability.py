"""Densities, information, and the correction of label shift (sections 3.1.3, 4.1 and 4.7)."""

import math

import torch
from torch import Tensor

from d2l_common.checks.arguments import check_count, check_not_empty, check_positive
from d2l_common.checks.axes import check_last_axis
from d2l_common.checks.classification import (
    check_classes,
    check_confusion,
    check_integer,
    check_label_range,
)
from d2l_common.checks.tensors import check_floating, check_same_shape
from ..conversion import as_single, as_tensor
from ..functional import is_integer


def normal_density(x: Tensor, mean: float, std: float) -> Tensor:
    """
    Return the density of the normal distribution at `x` (section 3.1.3).

    Parameters
    ----------
    x : floating-point tensor of any shape
    mean, std : float
        The standard deviation `std` is positive.

    Raises
    ------
    TypeError, ValueError
        If `x` holds integers, `mean` is not one number, or `std` is not a positive number.
    """
    x, mean = as_tensor(x), as_single(mean, "mean")
    check_floating("x", x.is_floating_point(), x.dtype)
    check_positive("std", std)
    return torch.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))


def entropy(p: Tensor) -> Tensor:
    """
    Return the entropy of distributions, in nats (section 4.1.3.1).

    Parameters
    ----------
    p : floating-point tensor of shape `(..., num_classes)`
        Probabilities; a probability of 0 contributes 0.

    Returns
    -------
    tensor of shape `(...)`

    Raises
    ------
    TypeError, ValueError
        If `p` holds integers, or has no axes.
    """
    p = as_tensor(p, "p")
    check_floating("p", p.is_floating_point(), p.dtype)
    check_last_axis("p", p.shape)
    return -torch.xlogy(p, p).sum(-1)


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """
    Return the cross-entropy of `p` and `q` minus the entropy of `p`, in nats (section 4.1.3).

    Parameters
    ----------
    p, q : floating-point tensors of shape `(..., num_classes)`
        Probabilities; where `q` is 0 and `p` is not, the divergence is infinite.

    Returns
    -------
    tensor of shape `(...)`

    Raises
    ------
    TypeError, ValueError
        If `p` or `q` holds integers or has no axes, or their shapes differ.
    """
    p, q = as_tensor(p, "p"), as_tensor(q, "q")
    check_floating("p", p.is_floating_point(), p.dtype)
    check_floating("q", q.is_floating_point(), q.dtype)
    check_same_shape(p.shape, q.shape, ("p", "q"))
    check_last_axis("p", p.shape)
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def confusion_matrix(predictions: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """
    Return the share of examples by prediction (row) and label (column) (section 4.7.3.2).

    Parameters
    ----------
    predictions, y : integer tensors of shape `(n,)`
        Predicted classes and labels.
    num_classes : int

    Returns
    -------
    floating-point tensor of shape `(num_classes, num_classes)`
        The entries sum to 1.

    Raises
    ------
    TypeError, ValueError
        If `predictions` or `y` does not hold integers, their shapes differ, they are empty, or a
        class is outside `0 .. num_classes - 1`.
    """
    predictions, y = as_tensor(predictions, "predictions"), as_tensor(y, "y")
    check_count("num_classes", num_classes)
    check_classes("predictions", predictions.shape)
    check_same_shape(predictions.shape, y.shape, ("predictions", "y"))
    check_not_empty("the data set", len(y))
    for name, classes in (("predictions", predictions), ("y", y)):
        check_integer(name, is_integer(classes), classes.dtype)
        check_label_range(int(classes.min()), int(classes.max()), num_classes)
    cells = predictions.long() * num_classes + y.long()
    counts = torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    return counts.to(torch.get_default_dtype()) / len(y)


def label_shift_weights(confusion: Tensor, predictions: Tensor) -> Tensor:
    """
    Return the ratio of each class's frequencies in test and training data (section 4.7.3.2).

    Parameters
    ----------
    confusion : tensor of shape `(num_classes, num_classes)`
        `confusion_matrix` of a classifier on validation data.
    predictions : integer tensor of shape `(n,)`
        Its predicted classes for the test data.

    Returns
    -------
    tensor of shape `(num_classes,)`
        The weights for the training examples of each class.

    Raises
    ------
    TypeError, ValueError
        If `predictions` does not hold integers, is empty, or has a class out of range, or if
        `confusion` holds integers or is singular.
    """
    confusion, predictions = (
        as_tensor(confusion, "confusion"),
        as_tensor(predictions, "predictions"),
    )
    check_confusion(confusion)
    check_classes("predictions", predictions.shape)
    num_classes = len(confusion)
    check_not_empty("the test data", len(predictions))
    check_integer("predictions", is_integer(predictions), predictions.dtype)
    check_label_range(int(predictions.min()), int(predictions.max()), num_classes)
    mean = torch.bincount(predictions.long(), minlength=num_classes) / len(predictions)
    return torch.linalg.solve(confusion, mean.to(confusion.dtype))
