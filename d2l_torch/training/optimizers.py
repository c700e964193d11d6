"""Optimizers (section 3.4.3)."""

from collections.abc import Sequence
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.models import nothing_to_train
from d2l_common.checks.optimizers import no_rate_to_set, not_an_optimizer
from d2l_common.hyperparameters import HyperParameters
from .ema import averaging
from .module import check_registered


class SGD(HyperParameters):
    """
    Minibatch stochastic gradient descent (section 3.4.3).

    Parameters
    ----------
    params : iterable of tensors
        Changed in place.
    lr : float
        The learning rate.

    Raises
    ------
    TypeError, ValueError
        If `lr` is not a finite number, or is negative.
    """

    def __init__(self, params: Any, lr: float):
        check_nonnegative("lr", lr)
        params = list(params)
        self.save_hyperparameters()

    def step(self) -> None:
        """Subtract `lr` times its gradient from each parameter."""
        with torch.no_grad():
            for param in self.params:
                if param.grad is not None:
                    param -= self.lr * param.grad

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        for param in self.params:
            if param.grad is not None:
                param.grad.zero_()


def make_optimizer(model: Any, ema_decay: float | None = None) -> Any:
    """
    Return the optimizer that a model configures; with `ema_decay` it averages the parameters.

    Raises
    ------
    TypeError
        If `configure_optimizers` does not return an object with `step` and `zero_grad`, or `step`
        needs a closure, or the model holds layers or tensors that PyTorch would not train; or if
        the optimizer is not of torch.optim where an average is to be kept.
    ValueError
        If the model has no parameters, or the optimizer holds none of them.
    """
    check_registered(model)
    if not any(True for _ in model.parameters()):
        raise nothing_to_train(model)
    optimizer = model.configure_optimizers()
    is_one = hasattr(optimizer, "step") and hasattr(optimizer, "zero_grad")
    if not is_one:
        raise not_an_optimizer("an optimizer, with step and zero_grad", optimizer)
    groups = getattr(optimizer, "param_groups", [{"params": getattr(optimizer, "params", ())}])
    held = {id(param) for group in groups for param in group["params"]}
    if held and held.isdisjoint(id(param) for param in model.parameters()):
        raise ValueError(
            f"the optimizer of {type(model).__name__} holds none of its parameters; "
            "create it with self.parameters()"
        )
    closure = signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is Parameter.empty:
        raise TypeError(
            f"{type(optimizer).__name__} computes the loss several times in a step, which the "
            "Trainer does not support; choose an optimizer whose step() needs no closure"
        )
    return optimizer if ema_decay is None else averaging(optimizer, ema_decay)


def learning_rates(optim: Any) -> list[float]:
    """
    Return the learning rates of an optimizer's groups of parameters.

    Raises
    ------
    TypeError
        If the optimizer has no groups with learning rates.
    """
    groups = getattr(optim, "param_groups", ())
    if not groups or not all("lr" in group for group in groups):
        raise no_rate_to_set()
    return [float(group["lr"]) for group in groups]


def set_learning_rates(optim: Any, rates: Sequence[float]) -> None:
    """Set the learning rates that `learning_rates` returns."""
    for group, rate in zip(optim.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
