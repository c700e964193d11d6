"""VGG (section 8.2)."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from d2l_common.checks.architectures import check_stages
from d2l_common.checks.arguments import check_count, check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import Flatten, linear
from ..nn.pooling import MaxPool2d
from ..training.classifier import Classifier


def vgg_block(
    num_convs: int, out_channels: int, in_channels: int | None = None, generator: Any = None
) -> nn.Sequential:
    """
    Return 3 x 3 convolutions, and pooling that halves height and width (section 8.2.1).

    Images are `(n, channels, h, w)`.

    Parameters
    ----------
    num_convs : int
    out_channels : int
        Channels of the outputs of each convolution.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer.
    """
    layers: list[Any] = []
    for _ in range(check_count("num_convs", num_convs)):
        layers.append(
            conv2d(in_channels, out_channels, kernel_size=3, padding=1, generator=generator)
        )
        layers.append(nn.ReLU())
        in_channels = out_channels
    return nn.Sequential(*layers, MaxPool2d(kernel_size=2, stride=2))


class VGG(Classifier):
    """
    A network of VGG blocks, for images of any number of channels (section 8.2.2).

    Parameters
    ----------
    arch : sequence of pairs of int
        For each block, the number of convolutions and their channels. Each block halves height and
        width, which are at least `2 ** len(arch)`.
    lr : float
        The learning rate.
    num_classes : int
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given. The global one draws masks.

    Attributes
    ----------
    num_hiddens : int
        Units of each of the two hidden layers that are fully connected. A subclass may have others.

    Raises
    ------
    TypeError, ValueError
        If `arch` is not such a sequence, `lr` is negative, or a number is not a positive integer.
    """

    num_hiddens = 4096

    def __init__(
        self,
        arch: Sequence[tuple[int, int]],
        lr: float = 0.1,
        num_classes: int = 10,
        generator: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        blocks, channels = [], None
        for num_convs, out_channels in check_stages(arch, ("num_convs", "out_channels")):
            blocks.append(vgg_block(num_convs, out_channels, channels, generator))
            channels = out_channels
        self.net = nn.Sequential(
            *blocks,
            Flatten(),
            linear(None, self.num_hiddens, generator=generator),
            nn.ReLU(),
            nn.Dropout(0.5),
            linear(self.num_hiddens, self.num_hiddens, generator=generator),
            nn.ReLU(),
            nn.Dropout(0.5),
            linear(self.num_hiddens, num_classes, generator=generator),
        )
        init_layers(self.net, init_cnn, generator=generator)
