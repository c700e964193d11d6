"""Densely connected networks (section 8.7)."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from d2l_common.checks.architectures import check_counts
from d2l_common.checks.arguments import check_count, check_nonnegative
from ..nn.convolution import conv2d
from ..nn.dense_block import DenseBlock, transition_block
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import linear
from ..nn.normalization import batch_norm_2d
from ..nn.pooling import GlobalAvgPool, MaxPool2d
from ..training.classifier import Classifier


class DenseNet(Classifier):
    """
    A densely connected network (section 8.7.4).

    Parameters
    ----------
    num_channels : int
        Channels of the first convolution.
    growth_rate : int
        Channels that each convolution of a dense block adds.
    arch : sequence of int
        The number of convolutions of each dense block. Between two blocks, a transition halves
        channels, height and width.
    lr : float
        The learning rate.
    num_classes : int
    in_channels : int
        Channels of the images; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `arch` is not such a sequence, `lr` is negative, or another number is not a positive
        integer.
    """

    def __init__(
        self,
        num_channels: int = 64,
        growth_rate: int = 32,
        arch: Sequence[int] = (4, 4, 4, 4),
        lr: float = 0.1,
        num_classes: int = 10,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        check_count("num_channels", num_channels)
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        layers: list[Any] = [self.b1(num_channels, in_channels, generator)]
        channels = num_channels
        for i, num_convs in enumerate(check_counts("arch", arch)):
            if i > 0:
                layers.append(transition_block(channels // 2, channels, generator))
                channels //= 2
            layers.append(DenseBlock(num_convs, growth_rate, channels, generator))
            channels += num_convs * growth_rate
        last = nn.Sequential(
            batch_norm_2d(channels),
            nn.ReLU(),
            GlobalAvgPool(),
            linear(channels, num_classes, generator=generator),
        )
        self.net = nn.Sequential(*layers, last)
        init_layers(self.net, init_cnn, generator=generator)

    def b1(
        self, num_channels: int, in_channels: int | None = None, generator: Any = None
    ) -> nn.Sequential:
        """Return the first layers, which reduce height and width to a quarter."""
        return nn.Sequential(
            conv2d(
                in_channels, num_channels, kernel_size=7, stride=2, padding=3, generator=generator
            ),
            batch_norm_2d(num_channels),
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
