"""VGG (section 8.2)."""

from collections.abc import Sequence
from typing import Any

from flax import nnx

from d2l_common.checks.architectures import check_stages
from d2l_common.checks.arguments import check_count, check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import flatten, linear
from ..nn.pooling import MaxPool2d
from ..random import default_rngs
from ..training.classifier import Classifier


def vgg_block(
    num_convs: int, out_channels: int, in_channels: int | None = None, rngs: Any = None
) -> nnx.Sequential:
    """
    Return 3 x 3 convolutions, and pooling that halves height and width (section 8.2.1).

    Images are `(n, h, w, channels)`.

    Parameters
    ----------
    num_convs : int
    out_channels : int
        Channels of the outputs of each convolution.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer.
    """
    layers: list[Any] = []
    for _ in range(check_count("num_convs", num_convs)):
        layers.append(conv2d(in_channels, out_channels, kernel_size=3, padding=1, rngs=rngs))
        layers.append(nnx.relu)
        in_channels = out_channels
    return nnx.Sequential(*layers, MaxPool2d(kernel_size=2, stride=2))


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
    rngs : nnx.Rngs
        Draws initial weights and masks; `get_key()` if not given.

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
        rngs: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        rngs = default_rngs(rngs)
        blocks, channels = [], None
        for num_convs, out_channels in check_stages(arch, ("num_convs", "out_channels")):
            blocks.append(vgg_block(num_convs, out_channels, channels, rngs))
            channels = out_channels
        self.net = nnx.Sequential(
            *blocks,
            flatten,
            linear(None, self.num_hiddens, rngs=rngs),
            nnx.relu,
            nnx.Dropout(0.5, rngs=rngs),
            linear(self.num_hiddens, self.num_hiddens, rngs=rngs),
            nnx.relu,
            nnx.Dropout(0.5, rngs=rngs),
            linear(self.num_hiddens, num_classes, rngs=rngs),
        )
        init_layers(self.net, init_cnn, rngs=rngs)
