"""AlexNet (section 8.1)."""

from typing import Any

from flax import nnx

from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import flatten, linear
from ..nn.pooling import MaxPool2d
from ..random import default_rngs
from ..training.classifier import Classifier


class AlexNet(Classifier):
    """
    AlexNet, for images of at least 67 x 67 pixels and any number of channels (section 8.1.2).

    The first convolution does not pad, as in the 2026 edition; in the edition 1.0.3 it pads by 1.

    Parameters
    ----------
    lr : float
        The learning rate.
    num_classes : int
    rngs : nnx.Rngs
        Draws initial weights and masks; `get_key()` if not given.

    Attributes
    ----------
    channels : tuple of int
        Of the convolutions. A subclass may have others, and likewise `num_hiddens`.
    num_hiddens : int
        Units of each of the two hidden layers that are fully connected.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative or `num_classes` is not a positive integer.
    """

    channels = (96, 256, 384, 384, 256)
    num_hiddens = 4096

    def __init__(self, lr: float = 0.1, num_classes: int = 10, rngs: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        rngs = default_rngs(rngs)
        c1, c2, c3, c4, c5 = self.channels
        self.net = nnx.Sequential(
            conv2d(None, c1, kernel_size=11, stride=4, rngs=rngs),
            nnx.relu,
            MaxPool2d(kernel_size=3, stride=2),
            conv2d(c1, c2, kernel_size=5, padding=2, rngs=rngs),
            nnx.relu,
            MaxPool2d(kernel_size=3, stride=2),
            conv2d(c2, c3, kernel_size=3, padding=1, rngs=rngs),
            nnx.relu,
            conv2d(c3, c4, kernel_size=3, padding=1, rngs=rngs),
            nnx.relu,
            conv2d(c4, c5, kernel_size=3, padding=1, rngs=rngs),
            nnx.relu,
            MaxPool2d(kernel_size=3, stride=2),
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
