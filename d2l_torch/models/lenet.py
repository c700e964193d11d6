"""LeNet (section 7.6)."""

from typing import Any

from torch import nn

from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import Flatten, linear
from ..nn.pooling import AvgPool2d
from ..training.classifier import Classifier


class LeNet(Classifier):
    """
    The LeNet-5 model, for images of any size and number of channels (section 7.6.1).

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
        self.net = nn.Sequential(
            conv2d(None, 6, kernel_size=5, padding=2, generator=generator),
            nn.Sigmoid(),
            AvgPool2d(kernel_size=2, stride=2),
            conv2d(6, 16, kernel_size=5, generator=generator),
            nn.Sigmoid(),
            AvgPool2d(kernel_size=2, stride=2),
            Flatten(),
            linear(None, 120, generator=generator),
            nn.Sigmoid(),
            linear(120, 84, generator=generator),
            nn.Sigmoid(),
            linear(84, num_classes, generator=generator),
        )
        init_layers(self.net, init_cnn, generator=generator)
