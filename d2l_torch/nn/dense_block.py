"""The blocks of DenseNet (section 8.7)."""

from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.checks.arguments import check_count
from .convolution import conv2d
from .normalization import batch_norm_2d
from .pooling import AvgPool2d


class DenseBlock(nn.Module):
    """
    Convolutions that each get the outputs of all before: `(n, channels, h, w)` (section 8.7.2).

    The outputs have the channels of the inputs and `num_convs * num_channels` more.

    Parameters
    ----------
    num_convs : int
    num_channels : int
        Channels that each convolution adds.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer.
    """

    def __init__(
        self,
        num_convs: int,
        num_channels: int,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        blocks = []
        for _ in range(check_count("num_convs", num_convs)):
            blocks.append(conv_block(num_channels, in_channels, generator))
            in_channels = None if in_channels is None else in_channels + num_channels
        self.net = nn.Sequential(*blocks)

    def forward(self, X: Tensor) -> Tensor:
        """Return the inputs and the outputs of the convolutions, along the channels."""
        for block in self.net:
            X = torch.cat((X, block(X)), dim=1)
        return X


def conv_block(num_channels: int, in_channels: int | None = None, generator: Any = None) -> Any:
    """Return a convolution after its normalization and activation, as in a `DenseBlock`."""
    return nn.Sequential(
        batch_norm_2d(in_channels),
        nn.ReLU(),
        conv2d(in_channels, num_channels, kernel_size=3, padding=1, generator=generator),
    )


def transition_block(
    num_channels: int, in_channels: int | None = None, generator: Any = None
) -> Any:
    """
    Return layers that change the number of channels and halve height and width (section 8.7.3).

    Images are `(n, channels, h, w)`.

    Parameters
    ----------
    num_channels : int
        Channels of the outputs.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number of channels is not a positive integer.
    """
    return nn.Sequential(
        batch_norm_2d(in_channels),
        nn.ReLU(),
        conv2d(in_channels, num_channels, kernel_size=1, generator=generator),
        AvgPool2d(kernel_size=2, stride=2),
    )
