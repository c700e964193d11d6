"""Residual networks (section 8.6)."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from d2l_common.architectures import RESNET18
from d2l_common.checks.architectures import check_stages
from d2l_common.checks.arguments import check_count, check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import linear
from ..nn.normalization import batch_norm_2d
from ..nn.pooling import GlobalAvgPool, MaxPool2d
from ..nn.residual import Residual
from ..training.classifier import Classifier


class ResNet(Classifier):
    """
    A residual network (section 8.6.3).

    Parameters
    ----------
    arch : sequence of pairs of int
        For each stage, the number of residual blocks and their channels.
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
        arch: Sequence[tuple[int, int]],
        lr: float = 0.1,
        num_classes: int = 10,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        stages = check_stages(arch, ("num_residuals", "num_channels"))
        layers, channels = [self.b1(in_channels, generator)], 64
        for i, (num_residuals, num_channels) in enumerate(stages):
            layers.append(self.block(num_residuals, num_channels, channels, i == 0, generator))
            channels = num_channels
        last = nn.Sequential(GlobalAvgPool(), linear(channels, num_classes, generator=generator))
        self.net = nn.Sequential(*layers, last)
        init_layers(self.net, init_cnn, generator=generator)

    def b1(self, in_channels: int | None = None, generator: Any = None) -> nn.Sequential:
        """Return the first layers, which reduce height and width to a quarter."""
        return nn.Sequential(
            conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, generator=generator),
            batch_norm_2d(64),
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2, padding=1),
        )

    def block(
        self,
        num_residuals: int,
        num_channels: int,
        in_channels: int | None = None,
        first_block: bool = False,
        generator: Any = None,
    ) -> nn.Sequential:
        """Return a stage; all except the first halve height and width."""
        blocks = []
        for i in range(num_residuals):
            halves = i == 0 and not first_block
            strides = 2 if halves else 1
            blocks.append(Residual(num_channels, halves, strides, in_channels, generator))
            in_channels = num_channels
        return nn.Sequential(*blocks)


class ResNet18(ResNet):
    """
    The residual network with 18 layers (section 8.6.3).

    Parameters and errors are those of `ResNet`, without `arch`.
    """

    def __init__(
        self,
        lr: float = 0.1,
        num_classes: int = 10,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__(RESNET18, lr, num_classes, in_channels, generator)


def resnet18(num_classes: int, in_channels: int = 1, generator: Any = None) -> nn.Sequential:
    """
    Return a ResNet-18 for small images `(n, in_channels, h, w)` (section 13.6.1).

    Its first convolution is smaller than that of `ResNet18`, and no pooling follows it.

    Parameters
    ----------
    num_classes, in_channels : int
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer.
    """
    check_count("num_classes", num_classes)
    check_count("in_channels", in_channels)
    stem = conv2d(in_channels, 64, kernel_size=3, padding=1, generator=generator)
    layers, channels = [stem, batch_norm_2d(64), nn.ReLU()], 64
    for num_channels in (64, 128, 256, 512):
        strides = 1 if num_channels == channels else 2
        layers += [
            Residual(num_channels, strides > 1, strides, channels, generator),
            Residual(num_channels, in_channels=num_channels, generator=generator),
        ]
        channels = num_channels
    last = linear(channels, num_classes, generator=generator)
    return nn.Sequential(*layers, GlobalAvgPool(), last)
