"""Initial weights (sections 5.4 and 7.6)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from .lazy import LearnsInit


def init_cnn(module: nn.Module, generator: Any = None) -> None:
    """
    Draw Xavier weights for a linear or convolutional layer; leave any other (section 7.6.1).

    Weights are uniform within `sqrt(6 / (num_inputs + num_outputs))`, counted over the kernel's
    window. A layer of the library that has no shape yet draws them once it has.

    Parameters
    ----------
    module : nn.Module
        A layer; `Module.apply_init` calls this function for each.
    generator : torch.Generator
        Draws the weights; PyTorch's global one if not given.
    """
    if not isinstance(module, nn.Linear | nn.Conv2d):
        return
    if not is_lazy(module.weight):
        nn.init.xavier_uniform_(module.weight, generator=generator)
    elif isinstance(module, LearnsInit):
        module.init = partial(init_cnn, generator=generator)


def init_layers(net: nn.Module, init: Callable[..., None], **arguments: Any) -> None:
    """Call `init(layer, **arguments)` for each layer of `net`."""
    for layer in net.modules():
        init(layer, **arguments)
