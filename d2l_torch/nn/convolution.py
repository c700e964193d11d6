"""Convolutional layers whose initial weights have a generator of their own (section 7.2)."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.checks.arguments import check_count
from d2l_common.checks.images import (
    as_pair,
    check_channels,
    check_groups,
    check_num_axes,
    check_window,
)
from d2l_common.checks.tensors import check_floating
from .lazy import LearnsInit


class Conv2d(nn.Conv2d):
    """A convolutional layer on images `(n, channels, h, w)` that checks its input."""

    kernel_size: Any
    padding: Any

    def forward(self, X: Tensor) -> Tensor:
        """Return the cross-correlation of images with the kernels, plus the biases."""
        check_floating("X", X.is_floating_point(), X.dtype)
        check_num_axes(4, X.shape)
        check_channels(self.in_channels, X.shape[1], X.shape)
        check_window(X.shape[2:], self.kernel_size, self.padding)
        return super().forward(X)


class LazyConv2d(LearnsInit, nn.LazyConv2d):  # type: ignore[misc]  # as in PyTorch
    """A convolutional layer that infers its number of inputs from the first minibatch."""

    cls_to_become = Conv2d

    def __init__(self, *args: Any, generator: Any = None, **kwargs: Any):
        self._generator = generator
        super().__init__(*args, **kwargs)

    def initialize_parameters(self, X: Tensor) -> None:
        """Give the layer its shape; PyTorch leaves `in_channels` at 0 after a `load_state_dict`."""
        check_num_axes(4, X.shape)
        super().initialize_parameters(X)
        self.in_channels = self.weight.shape[1] * self.groups

    def reset_parameters(self) -> None:
        """Draw the initial weights; called by PyTorch once the shape is known."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            bound = 1 / math.sqrt(self.weight[0].numel())
            with torch.no_grad():
                for param in self.parameters():
                    param.uniform_(-bound, bound, generator=self._generator)


def conv2d(
    in_channels: int | None,
    out_channels: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: Any = 0,
    groups: int = 1,
    bias: bool = True,
    generator: Any = None,
) -> nn.Module:
    """
    Return a convolutional layer: images `(n, in_channels, h, w)` to `(n, out_channels, h', w')`.

    Weights and biases are uniform within `1 / sqrt(inputs of an output)`, PyTorch's default.

    Parameters
    ----------
    in_channels : int
        None to infer it from the first minibatch.
    out_channels : int
    kernel_size, stride, padding : int or pair of int
        For height and width; zeros are padded on both sides.
    groups : int
        Number of groups of channels that do not mix.
    bias : bool
    generator : torch.Generator
        Draws the weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (`padding`: at least 0), or `groups` does not divide
        the numbers of channels.
    """
    check_count("out_channels", out_channels)
    kernel_size, stride = as_pair("kernel_size", kernel_size), as_pair("stride", stride)
    padding = as_pair("padding", padding, minimum=0)
    known = () if in_channels is None else (check_count("in_channels", in_channels),)
    check_groups(groups, *known, out_channels)
    sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    layer = LazyConv2d(out_channels, **sizes, groups=groups, bias=bias, generator=generator)
    if in_channels is not None:
        # An image of zeros is PyTorch's way to give a lazy layer its shape.
        with torch.no_grad():
            layer(torch.zeros(1, in_channels, *kernel_size))
    return layer
