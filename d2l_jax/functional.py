"""The book's formulas as pure functions of their arguments (chapters 3 to 5)."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.arguments import check_nonnegative, check_probability
from d2l_common.checks.axes import check_last_axis
from d2l_common.checks.classification import check_class_scores, check_integer, check_label_range
from d2l_common.checks.numbers import check_numbers
from d2l_common.checks.tensors import (
    check_argnums,
    check_differentiable,
    check_floating,
    check_num_features,
    check_same_shape,
    check_same_shapes,
    check_scalar_output,
    check_weights,
)
from .conversion import as_single, as_tensor, widened


def linreg(X: Array, w: Array, b: Array) -> Array:
    """
    Return the linear model's predictions `X w + b` (section 3.4.1).

    Parameters
    ----------
    X : floating-point array of shape `(n, num_inputs)`
    w : array of shape `(num_inputs, num_outputs)`, or `(num_inputs,)` for one output
    b : array of shape `(num_outputs,)`, or one number

    Returns
    -------
    array of shape `(n, num_outputs)`, or `(n,)`

    Raises
    ------
    TypeError
        If `X` holds integers.
    ValueError
        If `X` and `w` differ in the number of inputs, or `b` and `w` in that of outputs.
    """
    X, w, b = as_tensor(X, "X"), as_tensor(w, "w"), as_tensor(b, "b")
    check_floating("X", is_floating(X), X.dtype)
    check_weights(w.shape, b.shape)
    check_num_features(w.shape[0], X.shape)
    return jnp.matmul(X, w) + b


def relu(X: Array) -> Array:
    """
    Return `max(X, 0)` elementwise, with gradient 0 at 0 (section 5.1.2.1).

    Parameters
    ----------
    X : array of any shape

    Raises
    ------
    TypeError
        If `X` holds bools.
    """
    X = as_tensor(X, "X")
    check_numbers("X", X.dtype)
    return jax.nn.relu(X)


def prelu(X: Array, alpha: float) -> Array:
    """
    Return `max(X, 0) + alpha * min(X, 0)` elementwise, the parametrized ReLU (section 5.1.2.1).

    Parameters
    ----------
    X : array of any shape
    alpha : float
        The slope below 0; also the gradient at 0.

    Raises
    ------
    TypeError, ValueError
        If `X` holds bools, or `alpha` is not one number.
    """
    X, alpha = as_tensor(X, "X"), as_single(alpha, "alpha")
    check_numbers("X", X.dtype)
    return jnp.where(X > 0, X, alpha * X)


def softmax(X: Array) -> Array:
    """
    Return `exp(X)` normalized to sum to 1 along the last axis (section 4.4.1).

    The largest entry of each row is subtracted first, so large logits do not overflow.

    Parameters
    ----------
    X : floating-point array of shape `(..., num_classes)`

    Returns
    -------
    array of the same shape

    Raises
    ------
    TypeError, ValueError
        If `X` holds integers, or has no axes.
    """
    X = as_tensor(X, "X")
    check_floating("X", is_floating(X), X.dtype)
    check_last_axis("X", X.shape)
    # JAX rounds each step of it to bfloat16; PyTorch rounds the result alone.
    return jax.nn.softmax(widened(X), axis=-1).astype(X.dtype)


def squared_loss(y_hat: Array, y: Array) -> Array:
    """
    Return `(y_hat - y)**2 / 2` elementwise (section 3.4.2).

    Parameters
    ----------
    y_hat, y : arrays of the same shape
        `y_hat` is floating-point.

    Raises
    ------
    TypeError, ValueError
        If `y_hat` holds integers, `y` holds bools, or the shapes differ.
    """
    y_hat, y = as_tensor(y_hat, "y_hat"), as_tensor(y, "y")
    check_floating("y_hat", is_floating(y_hat), y_hat.dtype)
    check_numbers("y", y.dtype)
    check_same_shape(y_hat.shape, y.shape)
    return (y_hat - y) ** 2 / 2


def cross_entropy(y_hat: Array, y: Array, averaged: bool = True) -> Array:
    """
    Return `-log(y_hat[i, y[i]])`, on average or for each example (section 4.4.3).

    Parameters
    ----------
    y_hat : floating-point array of shape `(n, num_classes)`
        Probabilities; a probability of 0 at a label makes the loss infinite.
    y : integer array of shape `(n,)`
        Labels.
    averaged : bool
        Whether to return the mean over the examples, or the loss of each.

    Returns
    -------
    array of shape `()`, or `(n,)` if not averaged

    Raises
    ------
    TypeError, ValueError
        If a dtype or shape differs from these, or a label is outside the classes. Inside `jit`,
        which cannot raise, such a label makes the loss NaN.
    """
    y_hat, y = as_tensor(y_hat, "y_hat"), as_tensor(y, "y")
    check_labels("y_hat", y_hat, y)
    losses = -jnp.log(pick(y_hat, y))
    return losses.mean() if averaged else losses


def softmax_cross_entropy(
    logits: Array, y: Array, averaged: bool = True, label_smoothing: float = 0.0
) -> Array:
    """
    Return the cross-entropy of `softmax(logits)`, computed without its overflow (section 4.5.2).

    The target is `(1 - label_smoothing) * one_hot + label_smoothing / num_classes`, as in PyTorch
    (section 7.5 of 2026).

    Parameters
    ----------
    logits : floating-point array of shape `(n, num_classes)`
    y : integer array of shape `(n,)`
        Labels.
    averaged : bool
        Whether to return the mean over the examples, or the loss of each.
    label_smoothing : float
        In [0, 1].

    Returns
    -------
    array of shape `()`, or `(n,)` if not averaged

    Raises
    ------
    TypeError, ValueError
        If a dtype or shape differs from these, a label is outside the classes, or
        `label_smoothing` is not a number in [0, 1]. Inside `jit`, which cannot raise, such a label
        makes the loss NaN.
    """
    check_probability("label_smoothing", label_smoothing)
    logits, y = as_tensor(logits, "logits"), as_tensor(y, "y")
    check_labels("logits", logits, y)
    log_P = jax.nn.log_softmax(logits, axis=-1)
    losses = -pick(log_P, y)
    if label_smoothing > 0:  # else 0 times an infinite logarithm would be NaN
        losses = (1 - label_smoothing) * losses - label_smoothing * log_P.mean(axis=-1)
    return losses.mean() if averaged else losses


def accuracy(y_hat: Array, y: Array, averaged: bool = True) -> Array:
    """
    Return the share of rows whose largest entry is at the label (section 4.3.2).

    If several entries are largest, the first one counts.

    Parameters
    ----------
    y_hat : array of shape `(n, num_classes)`
        Logits or probabilities.
    y : integer array of shape `(n,)`
        Labels.
    averaged : bool
        Whether to return the share, or 1 or 0 for each example.

    Returns
    -------
    float32 array of shape `()`, or `(n,)` if not averaged

    Raises
    ------
    TypeError, ValueError
        If a dtype or shape differs from these, or a label is outside the classes.
    """
    y_hat, y = as_tensor(y_hat, "y_hat"), as_tensor(y, "y")
    check_labels("y_hat", y_hat, y)
    correct = (y_hat.argmax(axis=1) == y).astype(jnp.float32)
    # XLA multiplies by the reciprocal of a constant, which rounds twice. The barrier makes it
    # divide, so the share is the nearest float32, as in PyTorch.
    number = jax.lax.optimization_barrier(jnp.float32(len(y)))
    return correct.sum() / number if averaged else correct


def sgd(params: Any, grads: Any, lr: float) -> Any:
    """
    Return `params - lr * grads` as new arrays (section 3.4.3).

    Parameters
    ----------
    params, grads : arrays, or lists, tuples or dicts of them, of the same structure
    lr : float

    Raises
    ------
    TypeError, ValueError
        If `lr` is not a finite number of at least 0, or a parameter and its gradient differ in
        shape.
    """
    if not isinstance(lr, jax.core.Tracer):  # a traced lr has no value to check
        check_nonnegative("lr", lr)
    check_same_shapes(jax.tree.leaves(params), jax.tree.leaves(grads))
    return jax.tree.map(lambda param, grad: param - lr * grad, params, grads)


def grad(fun: Callable[..., Array], argnums: int = 0) -> Callable[..., Any]:
    """
    Return a function that computes the gradient of `fun` (section 2.5).

    Parameters
    ----------
    fun : callable
        Returns one number, an array of shape `()`.
    argnums : int
        The argument to differentiate by: an array, or a list, tuple or dict of arrays.

    Raises
    ------
    TypeError
        When called, if `fun` does not return one floating-point number, or the argument holds
        integers.
    """
    both = value_and_grad(fun, argnums)
    return lambda *args: both(*args)[1]


def value_and_grad(fun: Callable[..., Array], argnums: int = 0) -> Callable[..., tuple[Any, Any]]:
    """
    Return a function that computes `fun` and its gradient (section 2.5).

    Parameters
    ----------
    fun : callable
        Returns one number, an array of shape `()`.
    argnums : int
        The argument to differentiate by: an array, or a list, tuple or dict of arrays.

    Raises
    ------
    TypeError
        When called, if `fun` does not return one floating-point number, or the argument holds
        integers.
    """

    def scalar_fun(*args: Any) -> Array:
        value = fun(*args)
        check_scalar_output(value, is_floating)
        return value

    def value_and_grad_fun(*args: Any) -> tuple[Any, Any]:
        check_argnums(argnums, len(args))
        args = (*args[:argnums], jax.tree.map(as_tensor, args[argnums]), *args[argnums + 1 :])
        for leaf in jax.tree.leaves(args[argnums]):
            check_differentiable(is_floating(leaf), leaf)
        return jax.value_and_grad(scalar_fun, argnums)(*args)

    return value_and_grad_fun


def check_labels(name: str, scores: Array, y: Array) -> None:
    """Raise unless `scores` is `(n, num_classes)` and `y` holds labels of these classes."""
    check_floating(name, is_floating(scores), scores.dtype)
    check_integer("y", is_integer(y), y.dtype)
    check_class_scores(name, scores.shape, y.shape)
    # Inside jit, grad or vmap a traced label has no value: `pick` returns NaN for a bad one. Labels
    # from outside have values, but JAX would trace the comparison, so NumPy makes it.
    if len(y) and not isinstance(y, jax.core.Tracer):
        values = np.asarray(y)
        check_label_range(int(values.min()), int(values.max()), scores.shape[1])


def pick(scores: Array, y: Array) -> Array:
    """Return `scores[i, y[i]]` for each row, NaN where `y[i]` is outside the classes: `(n,)`."""
    y = y.astype(jnp.int32) if y.dtype.itemsize < 4 else y  # the number 256 would be 0 in uint8
    inside = (y >= 0) & (y < scores.shape[1])
    picked = jnp.take_along_axis(scores, jnp.where(inside, y, 0)[:, None], axis=1)[:, 0]
    # A product instead of a `where`, so that the gradient is NaN as well.
    return picked * jnp.where(inside, 1, jnp.nan).astype(scores.dtype)


def is_floating(X: Array) -> bool:
    """Return whether `X` holds floating-point numbers."""
    return jnp.issubdtype(X.dtype, jnp.floating)


def is_integer(x: Array) -> bool:
    """Return whether `x` holds integers."""
    return jnp.issubdtype(x.dtype, jnp.integer)
