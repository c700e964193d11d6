"""Exponential moving averages of weights (section 7.5 of 2026)."""

from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.checks.arguments import check_probability
from d2l_common.checks.optimizers import check_averages, check_same_weights, no_average
from ..weights import check_model, checked_tensors


class EMA:
    """
    Exponential moving average of a model's weights (section 7.5 of 2026).

    The state that is not trained, such as running averages of normalization, is averaged like the
    parameters; integers, such as counters, are copied.

    Parameters
    ----------
    model : torch.nn.Module
        Its weights are the first averages.
    decay : float
        In [0, 1]. The average extends over about `1 / (1 - decay)` updates.

    Attributes
    ----------
    shadow : dict of tensors
        The averages, in PyTorch's names (`net.1.weight`) and layout.

    Raises
    ------
    TypeError, ValueError
        If `model` is not an nn.Module, `decay` is not a number in [0, 1], or a lazy layer does not
        have its shape yet.
    """

    def __init__(self, model: nn.Module, decay: float = 0.99):
        check_model(model)
        self.decay = check_probability("decay", decay)
        self.shadow: dict[str, Tensor] = {
            name: x.detach().clone() for name, x in named_tensors(model).items()
        }

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """
        Set each average to `decay * average + (1 - decay) * weight`.

        Raises
        ------
        ValueError
            If names or shapes of the weights of `model` are not those of the averages.
        """
        weights = named_tensors(model)
        check_same_weights(self.shadow, weights)
        for name, weight in weights.items():
            blend(self.shadow[name], weight, self.decay)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """
        Set the weights of `model` to the averages.

        Raises
        ------
        ValueError
            If names or shapes of the weights of `model` are not those of the averages.
        """
        weights = named_tensors(model)
        check_same_weights(self.shadow, weights)
        for name, weight in weights.items():
            weight.copy_(self.shadow[name])


def averaging(optimizer: Any, decay: float) -> Any:
    """Return an optimizer that also averages its parameters, in its groups of parameters."""
    is_one = isinstance(optimizer, torch.optim.Optimizer)
    check_averages("one of torch.optim", is_one, optimizer, "such an optimizer")

    for group in optimizer.param_groups:
        group["average"] = [param.detach().clone() for param in group["params"]]

    @torch.no_grad()
    def advance(optimizer: Any, *_: Any) -> None:
        for group in optimizer.param_groups:
            for average, param in zip(group["average"], group["params"], strict=True):
                blend(average, param, decay)

    optimizer.register_step_post_hook(advance)
    return optimizer


def average_of(optim: Any, model: nn.Module, decay: float) -> EMA:
    """
    Return the average that an optimizer keeps of the parameters, with the state of `model`.

    Raises
    ------
    RuntimeError
        If `optim` keeps no average.
    """
    groups = getattr(optim, "param_groups", [{}])
    if not all("average" in group for group in groups):
        raise no_average()
    ema = EMA(model, decay)
    averages = {
        id(param): average
        for group in groups
        for param, average in zip(group["params"], group["average"], strict=True)
    }
    for name, param in model.named_parameters(remove_duplicate=False):
        if id(param) in averages:  # an optimizer may hold some of them only
            ema.shadow[name] = averages[id(param)].clone()
    return ema


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and the persistent buffers of a model by name."""
    checked_tensors(model)
    return {name: x for name, x in model.state_dict().items() if isinstance(x, Tensor)}


def blend(average: Tensor, weight: Tensor, decay: float) -> None:
    """Set an average to the next one; of integers, which are counters, to the new one."""
    if weight.is_floating_point():
        average.mul_(decay).add_(weight, alpha=1 - decay)
    else:
        average.copy_(weight)
