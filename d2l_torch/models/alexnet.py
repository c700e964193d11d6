"""AlexNet (section 8.1)."""

from typing import Any

from torch import nn

from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import Flatten, linear
from ..nn.pooling import MaxPool2d
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
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given. The global one draws masks.

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

    def __init__(self, lr: float = 0.1, num_classes: int = 10, generator: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        c1, c2, c3, c4, c5 = self.channels
        self.net = nn.Sequential(
            conv2d(None, c1, kernel_size=11, stride=4, generator=generator),
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2),
            conv2d(c1, c2, kernel_size=5, padding=2, generator=generator),
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2),
            conv2d(c2, c3, kernel_size=3, padding=1, generator=generator),
            nn.ReLU(),
            conv2d(c3, c4, kernel_size=3, padding=1, generator=generator),
            nn.ReLU(),
            conv2d(c4, c5, kernel_size=3, padding=1, generator=generator),
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2),
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
