"""LeNet with batch normalization, from scratch and concise (section 8.5)."""

from collections.abc import Callable
from typing import Any

from flax import nnx

from d2l_common.checks.arguments import check_nonnegative
from ..nn.batch_norm import BatchNorm
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import flatten, linear
from ..nn.normalization import BatchNorm1d, BatchNorm2d
from ..nn.pooling import AvgPool2d
from ..random import default_rngs
from ..training.classifier import Classifier


class BNLeNetScratch(Classifier):
    """
    LeNet with batch normalization from scratch after each layer (section 8.5.4).

    Parameters
    ----------
    lr : float
        The learning rate.
    num_classes : int
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative or `num_classes` is not a positive integer.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10, rngs: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        self.net = lenet(
            lambda num_features: BatchNorm(num_features, num_dims=4),
            lambda num_features: BatchNorm(num_features, num_dims=2),
            num_classes,
            default_rngs(rngs),
        )


class BNLeNet(Classifier):
    """
    LeNet with batch normalization after each layer, concise (section 8.5.5).

    Parameters and errors are those of `BNLeNetScratch`.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10, rngs: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        self.net = lenet(BatchNorm2d, BatchNorm1d, num_classes, default_rngs(rngs))


def lenet(
    norm_2d: Callable[[int], nnx.Module],
    norm_1d: Callable[[int], nnx.Module],
    num_classes: int,
    rngs: Any,
) -> nnx.Sequential:
    """Return the layers of LeNet, each with a normalization before its activation."""
    net = nnx.Sequential(
        conv2d(None, 6, kernel_size=5, rngs=rngs),
        norm_2d(6),
        nnx.sigmoid,
        AvgPool2d(kernel_size=2, stride=2),
        conv2d(6, 16, kernel_size=5, rngs=rngs),
        norm_2d(16),
        nnx.sigmoid,
        AvgPool2d(kernel_size=2, stride=2),
        flatten,
        linear(None, 120, rngs=rngs),
        norm_1d(120),
        nnx.sigmoid,
        linear(120, 84, rngs=rngs),
        norm_1d(84),
        nnx.sigmoid,
        linear(84, num_classes, rngs=rngs),
    )
    init_layers(net, init_cnn, rngs=rngs)
    return net
