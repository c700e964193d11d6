"""GoogLeNet (section 8.4)."""

from typing import Any

from torch import nn

from d2l_common.architectures import GOOGLENET
from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.inception import Inception
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import linear
from ..nn.pooling import GlobalAvgPool, MaxPool2d
from ..training.classifier import Classifier


class GoogleNet(Classifier):
    """
    GoogLeNet without its auxiliary losses, for images of any size (section 8.4.2).

    Parameters
    ----------
    lr : float
        The learning rate.
    num_classes : int
    in_channels : int
        Channels of the images; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Attributes
    ----------
    arch : tuple of tuples
        For each stage, the arguments `(c1, c2, c3, c4)` of its `Inception` blocks. A subclass may
        have another one.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or another number is not a positive integer.
    """

    arch = GOOGLENET

    def __init__(
        self,
        lr: float = 0.1,
        num_classes: int = 10,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        layers: list[Any] = [self.stem(in_channels, generator)]
        channels = 192
        for i, stage in enumerate(self.arch):
            if i > 0:
                layers.append(pool())
            blocks = []
            for c1, c2, c3, c4 in stage:
                blocks.append(Inception(c1, c2, c3, c4, channels, generator))
                channels = c1 + c2[1] + c3[1] + c4
            layers.append(nn.Sequential(*blocks))
        head = nn.Sequential(GlobalAvgPool(), linear(channels, num_classes, generator=generator))
        self.net = nn.Sequential(*layers, head)
        init_layers(self.net, init_cnn, generator=generator)

    def stem(self, in_channels: int | None = None, generator: Any = None) -> nn.Sequential:
        """Return the first layers, which reduce height and width to an eighth."""
        return nn.Sequential(
            conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, generator=generator),
            nn.ReLU(),
            pool(),
            conv2d(64, 64, kernel_size=1, generator=generator),
            nn.ReLU(),
            conv2d(64, 192, kernel_size=3, padding=1, generator=generator),
            nn.ReLU(),
            pool(),
        )


def pool() -> MaxPool2d:
    """Return maximum pooling that halves height and width."""
    return MaxPool2d(kernel_size=3, stride=2, padding=1)
