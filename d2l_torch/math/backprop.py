"""Forward propagation and backpropagation by hand (section 5.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from d2l_common.checks.numbers import check_numbers
from d2l_common.checks.tensors import check_floating, check_same_shape, check_same_shapes
from ..conversion import as_single, as_tensor
from ..functional import relu
from ..models.weight_decay import l2_penalty
from ..tensors import astype, matmul, transpose


def forward_propagation(
    params: dict[str, Tensor], X: Tensor, y: Tensor, lambd: float = 0
) -> tuple[Tensor, dict[str, Tensor]]:
    """
    Return the objective of a perceptron with one hidden layer, and its intermediate results.

    The objective is the mean of half the squared errors, summed over outputs, plus `lambd` times
    half the sum of squares of both weight matrices (section 5.3.1).

    Parameters
    ----------
    params : dict
        `W1` of shape `(num_inputs, num_hiddens)` and `W2` of shape `(num_hiddens, num_outputs)`.
    X : tensor of shape `(n, num_inputs)`
    y : tensor of shape `(n, num_outputs)`
    lambd : float

    Returns
    -------
    objective : tensor of shape `()`
    intermediates : dict
        `Z` before and `H` after the hidden layer's ReLU, and the outputs `O`.

    Raises
    ------
    TypeError, ValueError
        If `X` or an entry of `params` holds integers, `y` holds bools, shapes do not fit, or
        `lambd` is not one number.
    """
    X, y, lambd = as_tensor(X, "X"), as_tensor(y, "y"), as_single(lambd, "lambd")
    check_floating("X", X.is_floating_point(), X.dtype)
    W1, W2 = floats(params, ("W1", "W2"), "params")
    Z = matmul(X, W1)
    H = relu(Z)
    O = matmul(H, W2)
    check_numbers("y", y.dtype)
    check_same_shape(O.shape, y.shape, ("the outputs", "y"))
    loss = ((O - y) ** 2).sum() / 2 / len(X)
    penalty = l2_penalty(W1) + l2_penalty(W2)
    return loss + lambd * penalty, {"Z": Z, "H": H, "O": O}


def backpropagation(
    params: dict[str, Tensor],
    X: Tensor,
    y: Tensor,
    intermediates: dict[str, Any],
    lambd: float = 0,
) -> dict[str, Tensor]:
    """
    Return the gradient of `forward_propagation`'s objective, by the chain rule (section 5.3.3).

    Parameters
    ----------
    params, X, y, lambd
        The arguments of `forward_propagation`.
    intermediates : dict
        Its second result.

    Returns
    -------
    dict
        The gradients with respect to `W1` and `W2`, by name.

    Raises
    ------
    TypeError, ValueError
        If `X` or an entry of `params` or `intermediates` holds integers, `y` holds bools, shapes
        do not fit, or `lambd` is not one number.
    """
    X, y, lambd = as_tensor(X, "X"), as_tensor(y, "y"), as_single(lambd, "lambd")
    check_floating("X", X.is_floating_point(), X.dtype)
    W1, W2 = floats(params, ("W1", "W2"), "params")
    Z, H, O = floats(intermediates, "ZHO", "intermediates")
    check_numbers("y", y.dtype)
    check_same_shape(O.shape, y.shape, ("the outputs", "y"))
    check_same_shape(H.shape, Z.shape, ("H", "Z"))
    dO = (O - y) / len(X)
    dW2 = matmul(transpose(H), dO)
    dH = matmul(dO, transpose(W2))
    check_same_shape(dH.shape, H.shape, ("the gradient of H", "H"))
    dZ = dH * astype(Z > 0, Z.dtype)
    dW1 = matmul(transpose(X), dZ)
    check_same_shapes([dW1, dW2], [W1, W2], ("the gradients", "params"))
    return {"W1": dW1 + lambd * W1, "W2": dW2 + lambd * W2}


def floats(named: Mapping[str, Any], keys: Sequence[str], name: str) -> list[Tensor]:
    """Return the floating-point tensors that the dict `name` has under these keys."""
    tensors = [as_tensor(named[key], f"{name}[{key!r}]") for key in keys]
    for key, x in zip(keys, tensors, strict=True):
        check_floating(f"{name}[{key!r}]", x.is_floating_point(), x.dtype)
    return tensors
