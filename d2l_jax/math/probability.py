"""Densities, information, and the correction of label shift (sections 3.1.3, 4.1 and 4.7)."""

import math

from jax import Array
from jax import numpy as jnp
from jax.scipy.special import xlogy

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
from ..functional import is_floating, is_integer


def normal_density(x: Array, mean: float, std: float) -> Array:
    """
    Return the density of the normal distribution at `x` (section 3.1.3).

    Parameters
    ----------
    x : floating-point array of any shape
    mean, std : float
        The standard deviation `std` is positive.

    Raises
    ------
    TypeError, ValueError
        If `x` holds integers, `mean` is not one number, or `std` is not a positive number.
    """
    x, mean = as_tensor(x), as_single(mean, "mean")
    check_floating("x", is_floating(x), x.dtype)
    check_positive("std", std)
    return jnp.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))


def entropy(p: Array) -> Array:
    """
    Return the entropy of distributions, in nats (section 4.1.3.1).

    Parameters
    ----------
    p : floating-point array of shape `(..., num_classes)`
        Probabilities; a probability of 0 contributes 0.

    Returns
    -------
    array of shape `(...)`

    Raises
    ------
    TypeError, ValueError
        If `p` holds integers, or has no axes.
    """
    p = as_tensor(p, "p")
    check_floating("p", is_floating(p), p.dtype)
    check_last_axis("p", p.shape)
    return -xlogy(p, p).sum(-1)


def kl_divergence(p: Array, q: Array) -> Array:
    """
    Return the cross-entropy of `p` and `q` minus the entropy of `p`, in nats (section 4.1.3).

    Parameters
    ----------
    p, q : floating-point arrays of shape `(..., num_classes)`
        Probabilities; where `q` is 0 and `p` is not, the divergence is infinite.

    Returns
    -------
    array of shape `(...)`

    Raises
    ------
    TypeError, ValueError
        If `p` or `q` holds integers or has no axes, or their shapes differ.
    """
    p, q = as_tensor(p, "p"), as_tensor(q, "q")
    check_floating("p", is_floating(p), p.dtype)
    check_floating("q", is_floating(q), q.dtype)
    check_same_shape(p.shape, q.shape, ("p", "q"))
    check_last_axis("p", p.shape)
    return (xlogy(p, p) - xlogy(p, q)).sum(-1)


def confusion_matrix(predictions: Array, y: Array, num_classes: int) -> Array:
    """
    Return the share of examples by prediction (row) and label (column) (section 4.7.3.2).

    Parameters
    ----------
    predictions, y : integer arrays of shape `(n,)`
        Predicted classes and labels.
    num_classes : int

    Returns
    -------
    floating-point array of shape `(num_classes, num_classes)`
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
    cells = predictions.astype(jnp.int32) * num_classes + y.astype(jnp.int32)
    counts = jnp.bincount(cells, length=num_classes**2).reshape(num_classes, num_classes)
    return counts.astype(float) / len(y)


def label_shift_weights(confusion: Array, predictions: Array) -> Array:
    """
    Return the ratio of each class's frequencies in test and training data (section 4.7.3.2).

    Parameters
    ----------
    confusion : array of shape `(num_classes, num_classes)`
        `confusion_matrix` of a classifier on validation data.
    predictions : integer array of shape `(n,)`
        Its predicted classes for the test data.

    Returns
    -------
    array of shape `(num_classes,)`
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
    mean = jnp.bincount(predictions, length=num_classes) / len(predictions)
    return jnp.linalg.solve(confusion, mean.astype(confusion.dtype))
