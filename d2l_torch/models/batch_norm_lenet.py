"""LeNet with batch normalization, from scratch and concise (section 8.5)."""

from collections.abc import Callable
from typing import Any

from torch import nn

from d2l_common.checks.arguments import check_nonnegative
from ..nn.batch_norm import BatchNorm
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import Flatten, linear
from ..nn.normalization import BatchNorm1d, BatchNorm2d
from ..nn.pooling import AvgPool2d
from ..training.classifier import Classifier


class BNLeNetScratch(Classifier):
    """
    LeNet with batch normalization from scratch after each layer (section 8.5.4).

    Parameters
    ----------
    lr : float
        The learning rate.
    num_classes : int
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative or `num_classes` is not a positive integer.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10, generator: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        self.net = lenet(
            lambda num_features: BatchNorm(num_features, num_dims=4),
            lambda num_features: BatchNorm(num_features, num_dims=2),
            num_classes,
            generator,
        )


class BNLeNet(Classifier):
    """
    LeNet with batch normalization after each layer, concise (section 8.5.5).

    Parameters and errors are those of `BNLeNetScratch`.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10, generator: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        self.net = lenet(BatchNorm2d, BatchNorm1d, num_classes, generator)


def lenet(
    norm_2d: Callable[[int], nn.Module],
    norm_1d: Callable[[int], nn.Module],
    num_classes: int,
    generator: Any,
) -> nn.Sequential:
    """Return the layers of LeNet, each with a normalization before its activation."""
    net = nn.Sequential(
        conv2d(None, 6, kernel_size=5, generator=generator),
        norm_2d(6),
        nn.Sigmoid(),
        AvgPool2d(kernel_size=2, stride=2),
        conv2d(6, 16, kernel_size=5, generator=generator),
        norm_2d(16),
        nn.Sigmoid(),
        AvgPool2d(kernel_size=2, stride=2),
        Flatten(),
        linear(None, 120, generator=generator),
        norm_1d(120),
        nn.Sigmoid(),
        linear(120, 84, generator=generator),
        norm_1d(84),
        nn.Sigmoid(),
        linear(84, num_classes, generator=generator),
    )
    init_layers(net, init_cnn, generator=generator)
    return net
