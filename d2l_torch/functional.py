"""The book's formulas as pure functions: nothing is changed in place (chapters 3 to 5)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

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
from .conversion import as_single, as_tensor

NOT_A_LABEL = -(2**62)


def linreg(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """
    Return the linear model's predictions `X w + b` (section 3.4.1).

    Parameters
    ----------
    X : floating-point tensor of shape `(n, num_inputs)`
    w : tensor of shape `(num_inputs, num_outputs)`, or `(num_inputs,)` for one output
    b : tensor of shape `(num_outputs,)`, or one number

    Returns
    -------
    tensor of shape `(n, num_outputs)`, or `(n,)`

    Raises
    ------
    TypeError
        If `X` holds integers.
    ValueError
        If `X` and `w` differ in the number of inputs, or `b` and `w` in that of outputs.
    """
    X, w, b = as_tensor(X, "X"), as_tensor(w, "w"), as_tensor(b, "b")
    check_floating("X", X.is_floating_point(), X.dtype)
    check_weights(w.shape, b.shape)
    check_num_features(w.shape[0], X.shape)
    return torch.matmul(X, w) + b


def relu(X: Tensor) -> Tensor:
    """
    Return `max(X, 0)` elementwise, with gradient 0 at 0 (section 5.1.2.1).

    Parameters
    ----------
    X : tensor of any shape

    Raises
    ------
    TypeError
        If `X` holds bools.
    """
    X = as_tensor(X, "X")
    check_numbers("X", X.dtype)
    return torch.relu(X)


def prelu(X: Tensor, alpha: float) -> Tensor:
    """
    Return `max(X, 0) + alpha * min(X, 0)` elementwise, the parametrized ReLU (section 5.1.2.1).

    Parameters
    ----------
    X : tensor of any shape
    alpha : float
        The slope below 0; also the gradient at 0.

    Raises
    ------
    TypeError, ValueError
        If `X` holds bools, or `alpha` is not one number.
    """
    X, alpha = as_tensor(X, "X"), as_single(alpha, "alpha")
    check_numbers("X", X.dtype)
    return torch.where(X > 0, X, alpha * X)


def softmax(X: Tensor) -> Tensor:
    """
    Return `exp(X)` normalized to sum to 1 along the last axis (section 4.4.1).

    The largest entry of each row is subtracted first, so large logits do not overflow.

    Parameters
    ----------
    X : floating-point tensor of shape `(..., num_classes)`

    Returns
    -------
    tensor of the same shape

    Raises
    ------
    TypeError, ValueError
        If `X` holds integers, or has no axes.
    """
    X = as_tensor(X, "X")
    check_floating("X", X.is_floating_point(), X.dtype)
    check_last_axis("X", X.shape)
    return torch.softmax(X, dim=-1)


def squared_loss(y_hat: Tensor, y: Tensor) -> Tensor:
    """
    Return `(y_hat - y)**2 / 2` elementwise (section 3.4.2).

    Parameters
    ----------
    y_hat, y : tensors of the same shape
        `y_hat` is floating-point.

    Raises
    ------
    TypeError, ValueError
        If `y_hat` holds integers, `y` holds bools, or the shapes differ.
    """
    y_hat, y = as_tensor(y_hat, "y_hat"), as_tensor(y, "y")
    check_floating("y_hat", y_hat.is_floating_point(), y_hat.dtype)
    check_numbers("y", y.dtype)
    check_same_shape(y_hat.shape, y.shape)
    return (y_hat - y) ** 2 / 2


def cross_entropy(y_hat: Tensor, y: Tensor, averaged: bool = True) -> Tensor:
    """
    Return `-log(y_hat[i, y[i]])`, on average or for each example (section 4.4.3).

    Parameters
    ----------
    y_hat : floating-point tensor of shape `(n, num_classes)`
        Probabilities; a probability of 0 at a label makes the loss infinite.
    y : integer tensor of shape `(n,)`
        Labels.
    averaged : bool
        Whether to return the mean over the examples, or the loss of each.

    Returns
    -------
    tensor of shape `()`, or `(n,)` if not averaged

    Raises
    ------
    TypeError, ValueError
        If a dtype or shape differs from these, or a label is outside the classes.
    """
    y_hat, y = as_tensor(y_hat, "y_hat"), as_tensor(y, "y")
    check_labels("y_hat", y_hat, y)
    losses = -torch.log(y_hat[torch.arange(len(y_hat), device=y.device), y.long()])
    return losses.mean() if averaged else losses


def softmax_cross_entropy(
    logits: Tensor, y: Tensor, averaged: bool = True, label_smoothing: float = 0.0
) -> Tensor:
    """
    Return the cross-entropy of `softmax(logits)`, computed without its overflow (section 4.5.2).

    The target is `(1 - label_smoothing) * one_hot + label_smoothing / num_classes`, as in PyTorch
    (section 7.5 of 2026).

    Parameters
    ----------
    logits : floating-point tensor of shape `(n, num_classes)`
    y : integer tensor of shape `(n,)`
        Labels.
    averaged : bool
        Whether to return the mean over the examples, or the loss of each.
    label_smoothing : float
        In [0, 1].

    Returns
    -------
    tensor of shape `()`, or `(n,)` if not averaged

    Raises
    ------
    TypeError, ValueError
        If a dtype or shape differs from these, a label is outside the classes, or
        `label_smoothing` is not a number in [0, 1].
    """
    check_probability("label_smoothing", label_smoothing)
    logits, y = as_tensor(logits, "logits"), as_tensor(y, "y")
    check_labels("logits", logits, y, read=False)
    # PyTorch counts the examples in the type of the logits, where float16 ends at 65,504.
    at_once = averaged and logits.dtype.itemsize >= 4
    try:  # PyTorch itself reads the labels, and by default ignores those of -100
        loss = torch.nn.functional.cross_entropy(
            logits,
            y.long(),
            ignore_index=NOT_A_LABEL,
            reduction="mean" if at_once else "none",
            label_smoothing=label_smoothing,
        )
        return loss.mean() if averaged and not at_once else loss
    except IndexError:
        check_labels("logits", logits, y)
        raise


def accuracy(y_hat: Tensor, y: Tensor, averaged: bool = True) -> Tensor:
    """
    Return the share of rows whose largest entry is at the label (section 4.3.2).

    If several entries are largest, the first one counts.

    Parameters
    ----------
    y_hat : tensor of shape `(n, num_classes)`
        Logits or probabilities.
    y : integer tensor of shape `(n,)`
        Labels.
    averaged : bool
        Whether to return the share, or 1 or 0 for each example.

    Returns
    -------
    float32 tensor of shape `()`, or `(n,)` if not averaged

    Raises
    ------
    TypeError, ValueError
        If a dtype or shape differs from these, or a label is outside the classes.
    """
    y_hat, y = as_tensor(y_hat, "y_hat"), as_tensor(y, "y")
    check_labels("y_hat", y_hat, y)
    correct = (y_hat.argmax(dim=1) == y).type(torch.float32)
    return correct.mean() if averaged else correct


def sgd(params: Any, grads: Any, lr: float) -> Any:
    """
    Return `params - lr * grads` as new tensors (section 3.4.3).

    Parameters
    ----------
    params, grads : tensors, or lists, tuples or dicts of them, of the same structure
    lr : float

    Raises
    ------
    TypeError, ValueError
        If `lr` is not a finite number of at least 0, or a parameter and its gradient differ in
        shape.
    """
    check_nonnegative("lr", lr)
    check_same_shapes(pytree.tree_leaves(params), pytree.tree_leaves(grads))
    return pytree.tree_map(lambda param, grad: param - lr * grad, params, grads)


def grad(fun: Callable[..., Tensor], argnums: int = 0) -> Callable[..., Any]:
    """
    Return a function that computes the gradient of `fun` (section 2.5).

    Parameters
    ----------
    fun : callable
        Returns one number, a tensor of shape `()`.
    argnums : int
        The argument to differentiate by: a tensor, or a list, tuple or dict of tensors.

    Raises
    ------
    TypeError
        When called, if `fun` does not return one floating-point number, or the argument holds
        integers.
    """
    both = value_and_grad(fun, argnums)
    return lambda *args: both(*args)[1]


def value_and_grad(fun: Callable[..., Tensor], argnums: int = 0) -> Callable[..., tuple[Any, Any]]:
    """
    Return a function that computes `fun` and its gradient (section 2.5).

    Parameters
    ----------
    fun : callable
        Returns one number, a tensor of shape `()`.
    argnums : int
        The argument to differentiate by: a tensor, or a list, tuple or dict of tensors.

    Raises
    ------
    TypeError
        When called, if `fun` does not return one floating-point number, or the argument holds
        integers.
    """

    def scalar_fun(*args: Any) -> Tensor:
        value = fun(*args)
        check_scalar_output(value, Tensor.is_floating_point)
        return value

    def value_and_grad_fun(*args: Any) -> tuple[Any, Any]:
        check_argnums(argnums, len(args))
        args = (*args[:argnums], pytree.tree_map(as_tensor, args[argnums]), *args[argnums + 1 :])
        for leaf in pytree.tree_leaves(args[argnums]):
            check_differentiable(leaf.is_floating_point(), leaf)
        gradient, value = torch.func.grad_and_value(scalar_fun, argnums)(*args)
        return value, gradient

    return value_and_grad_fun


def check_labels(name: str, scores: Tensor, y: Tensor, read: bool = True) -> None:
    """Raise unless `scores` is `(n, num_classes)` and `y` holds labels; `read` their values."""
    check_floating(name, scores.is_floating_point(), scores.dtype)
    check_integer("y", is_integer(y), y.dtype)
    check_class_scores(name, scores.shape, y.shape)
    # On a GPU a look would make every step wait for the device, and CUDA itself asserts.
    if read and y.is_cpu and len(y) and not torch.compiler.is_compiling():
        lowest, highest = y.aminmax()
        check_label_range(int(lowest), int(highest), scores.shape[1])


def is_integer(x: Tensor) -> bool:
    """Return whether `x` holds integers."""
    return not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)
