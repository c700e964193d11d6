"""Network in network (section 8.3)."""

from typing import Any

from flax import nnx

from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.pooling import MaxPool2d, global_avg_pool
from ..random import default_rngs
from ..training.classifier import Classifier


def nin_block(
    out_channels: int,
    kernel_size: Any,
    strides: Any,
    padding: Any,
    in_channels: int | None = None,
    rngs: Any = None,
) -> nnx.Sequential:
    """
    Return a convolution and two 1 x 1 convolutions, a perceptron at each pixel (section 8.3.1).

    Images are `(n, h, w, channels)`.

    Parameters
    ----------
    out_channels : int
        Channels of the outputs of each convolution.
    kernel_size, strides, padding : int or pair of int
        Of the first convolution, for height and width.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer (`padding`: at least 0).
    """
    return nnx.Sequential(
        conv2d(in_channels, out_channels, kernel_size, strides, padding, rngs=rngs),
        nnx.relu,
        conv2d(out_channels, out_channels, kernel_size=1, rngs=rngs),
        nnx.relu,
        conv2d(out_channels, out_channels, kernel_size=1, rngs=rngs),
        nnx.relu,
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
    rngs : nnx.Rngs
        Draws initial weights and masks; `get_key()` if not given.

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
        rngs: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        rngs = default_rngs(rngs)
        c1, c2, c3 = self.channels
        self.net = nnx.Sequential(
            nin_block(c1, 11, strides=4, padding=0, in_channels=in_channels, rngs=rngs),
            MaxPool2d(3, stride=2),
            nin_block(c2, 5, strides=1, padding=2, in_channels=c1, rngs=rngs),
            MaxPool2d(3, stride=2),
            nin_block(c3, 3, strides=1, padding=1, in_channels=c2, rngs=rngs),
            MaxPool2d(3, stride=2),
            nnx.Dropout(0.5, rngs=rngs),
            nin_block(num_classes, 3, strides=1, padding=1, in_channels=c3, rngs=rngs),
            global_avg_pool,
        )
        init_layers(self.net, init_cnn, rngs=rngs)
