"""Network in network (section 8.3)."""

from typing import Any

from torch import nn

from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.pooling import GlobalAvgPool, MaxPool2d
from ..training.classifier import Classifier


def nin_block(
    out_channels: int,
    kernel_size: Any,
    strides: Any,
    padding: Any,
    in_channels: int | None = None,
    generator: Any = None,
) -> nn.Sequential:
    """
    Return a convolution and two 1 x 1 convolutions, a perceptron at each pixel (section 8.3.1).

    Images are `(n, channels, h, w)`.

    Parameters
    ----------
    out_channels : int
        Channels of the outputs of each convolution.
    kernel_size, strides, padding : int or pair of int
        Of the first convolution, for height and width.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer (`padding`: at least 0).
    """
    return nn.Sequential(
        conv2d(in_channels, out_channels, kernel_size, strides, padding, generator=generator),
        nn.ReLU(),
        conv2d(out_channels, out_channels, kernel_size=1, generator=generator),
        nn.ReLU(),
        conv2d(out_channels, out_channels, kernel_size=1, generator=generator),
        nn.ReLU(),
    )


class NiN(Classifier):
    """
    Network in network, for images of at least 67 x 67 pixels (section 8.3.2).

    Parameters
    ----------
    lr : float
        The learning rate.
    num_classes : int
    in_channels : int
        Channels of the images; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given. The global one draws masks.

    Attributes
    ----------
    channels : tuple of int
        Of the blocks, except the last. A subclass may have others.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or another number is not a positive integer.
    """

    channels = (96, 256, 384)

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
        c1, c2, c3 = self.channels
        self.net = nn.Sequential(
            nin_block(c1, 11, strides=4, padding=0, in_channels=in_channels, generator=generator),
            MaxPool2d(3, stride=2),
            nin_block(c2, 5, strides=1, padding=2, in_channels=c1, generator=generator),
            MaxPool2d(3, stride=2),
            nin_block(c3, 3, strides=1, padding=1, in_channels=c2, generator=generator),
            MaxPool2d(3, stride=2),
            nn.Dropout(0.5),
            nin_block(num_classes, 3, strides=1, padding=1, in_channels=c3, generator=generator),
            GlobalAvgPool(),
        )
        init_layers(self.net, init_cnn, generator=generator)
