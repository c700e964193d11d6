"""Data-parallel training from scratch (section 13.5)."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.parallel import (
    check_all_alike,
    check_one_a_device,
    check_one_each,
    check_parts,
    part_of,
)
from d2l_common.checks.tensors import check_one_per_example
from ..conversion import as_tensor
from ..functional import grad, sgd
from ..tensors import to


def split_batch(X: Tensor, y: Tensor, devices: Any) -> tuple[Any, Any]:
    """
    Return the parts of a minibatch, one for each device (section 13.5.4).

    Parameters
    ----------
    X, y : tensors of shape `(n, ...)`
    devices : int, or sequence of devices
        A number `k` reshapes both to `(k, n / k, ...)`. For `k` devices there are two lists, the
        parts of `X` and those of `y`, each on its device; their sizes differ by at most one.

    Raises
    ------
    TypeError, ValueError
        If `X` and `y` differ in length, `devices` is neither a positive integer that divides it
        nor a sequence of devices, or there are fewer examples than devices.
    """
    X, y = as_tensor(X, "X"), as_tensor(y, "y")
    num_parts = check_parts(len(X), len(y), devices)

    def parts(x: Tensor) -> Any:
        if isinstance(devices, Integral):
            return x.reshape(num_parts, -1, *x.shape[1:])
        return [to(x[part_of(len(x), i, num_parts)], device) for i, device in enumerate(devices)]

    return parts(X), parts(y)


def allreduce(data: Sequence[Tensor]) -> list[Tensor]:
    """
    Return the sum of tensors on several devices, on each of them (section 13.5.3).

    Parameters
    ----------
    data : sequence of tensors of one shape
        One on each device.

    Raises
    ------
    TypeError, ValueError
        If `data` is not a sequence, or is empty, or its tensors differ in shape.
    """
    check_one_a_device(data)
    data = [as_tensor(x, "data") for x in data]
    check_all_alike([x.shape for x in data])
    total = data[0]
    for x in data[1:]:
        total = total + to(x, total.device)
    return [to(total, x.device) for x in data]


def train_batch(
    X: Tensor,
    y: Tensor,
    device_params: Sequence[Any],
    devices: Sequence[Any],
    lr: float,
    loss: Callable[[Any, Tensor, Tensor], Tensor],
) -> list[Any]:
    """
    Return the parameters after a step of minibatch SGD on several devices (section 13.5.5).

    Each device computes the gradient of its part of the minibatch, from its own copy of the
    parameters; the sum of the gradients updates each copy.

    Parameters
    ----------
    X, y : tensors of shape `(n, ...)`
    device_params : sequence
        For each device a list, tuple or dict of tensors, all with the same values.
    devices : sequence of devices
    lr : float
        The learning rate.
    loss : callable
        `loss(params, X, y)` returns the loss of each example, `(n,)`.

    Raises
    ------
    TypeError, ValueError
        If the minibatch cannot be split, there are not as many parameters as devices, `lr` is
        negative, or the loss is not one number an example.
    """
    check_one_each(device_params, devices)
    check_nonnegative("lr", lr)
    X_parts, y_parts = split_batch(X, y, devices)

    def total_loss(params: Any, X: Tensor, y: Tensor) -> Tensor:
        losses = loss(params, X, y)
        check_one_per_example("loss", len(X), getattr(losses, "shape", ()))
        return losses.sum()

    parts = zip(device_params, X_parts, y_parts, strict=True)
    grads = [grad(total_loss)(params, X, y) for params, X, y in parts]
    leaves, treedef = [pytree.tree_leaves(grad) for grad in grads], pytree.tree_structure(grads[0])
    totals = zip(*map(allreduce, zip(*leaves, strict=True)), strict=True)
    return [
        sgd(params, pytree.tree_unflatten(total, treedef), lr / len(X))
        for params, total in zip(device_params, totals, strict=True)
    ]
