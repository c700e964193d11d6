"""LeNet (section 7.6)."""

from typing import Any

from flax import nnx

from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_kernel, init_layers, xavier_uniform
from ..nn.linear import flatten, linear
from ..nn.pooling import AvgPool2d
from ..random import default_rngs
from ..training.classifier import Classifier


class LeNet(Classifier):
    """
    The LeNet-5 model, for images of any size and number of channels (section 7.6.1).

    Parameters
    ----------
    lr : float
        The learning rate.
    num_classes : int
    kernel_init : initializer of JAX
        Draws the weights of layers; Xavier's distribution if not given.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative or `num_classes` is not a positive integer.
    """

    def __init__(
        self, lr: float = 0.1, num_classes: int = 10, kernel_init: Any = None, rngs: Any = None
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["kernel_init", "rngs"])
        rngs = default_rngs(rngs)
        self.net = nnx.Sequential(
            conv2d(None, 6, kernel_size=5, padding=2, rngs=rngs),
            nnx.sigmoid,
            AvgPool2d(kernel_size=2, stride=2),
            conv2d(6, 16, kernel_size=5, rngs=rngs),
            nnx.sigmoid,
            AvgPool2d(kernel_size=2, stride=2),
            flatten,
            linear(None, 120, rngs=rngs),
            nnx.sigmoid,
            linear(120, 84, rngs=rngs),
            nnx.sigmoid,
            linear(84, num_classes, rngs=rngs),
        )
        init_layers(self.net, init_kernel, rngs=rngs, draw=kernel_init or xavier_uniform)
