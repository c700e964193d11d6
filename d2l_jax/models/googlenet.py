"""GoogLeNet (section 8.4)."""

from typing import Any

from flax import nnx

from d2l_common.architectures import GOOGLENET
from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.inception import Inception
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import linear
from ..nn.pooling import MaxPool2d, global_avg_pool
from ..random import default_rngs
from ..training.classifier import Classifier


class GoogleNet(Classifier):
    """
    GoogLeNet without its auxiliary losses, for images of any size (section 8.4.2).

    Parameters
    ----------
    lr : float
        The learning rate.
    num_classes : int
    in_channels : int
        Channels of the images; None to infer them from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Attributes
    ----------
    arch : tuple of tuples
        For each stage, the arguments `(c1, c2, c3, c4)` of its `Inception` blocks. A subclass may
        have another one.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or another number is not a positive integer.
    """

    arch = GOOGLENET

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
        layers: list[Any] = [self.stem(in_channels, rngs)]
        channels = 192
        for i, stage in enumerate(self.arch):
            if i > 0:
                layers.append(pool())
            blocks = []
            for c1, c2, c3, c4 in stage:
                blocks.append(Inception(c1, c2, c3, c4, channels, rngs))
                channels = c1 + c2[1] + c3[1] + c4
            layers.append(nnx.Sequential(*blocks))
        head = nnx.Sequential(global_avg_pool, linear(channels, num_classes, rngs=rngs))
        self.net = nnx.Sequential(*layers, head)
        init_layers(self.net, init_cnn, rngs=rngs)

    def stem(self, in_channels: int | None = None, rngs: Any = None) -> nnx.Sequential:
        """Return the first layers, which reduce height and width to an eighth."""
        return nnx.Sequential(
            conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, rngs=rngs),
            nnx.relu,
            pool(),
            conv2d(64, 64, kernel_size=1, rngs=rngs),
            nnx.relu,
            conv2d(64, 192, kernel_size=3, padding=1, rngs=rngs),
            nnx.relu,
            pool(),
        )


def pool() -> MaxPool2d:
    """Return maximum pooling that halves height and width."""
    return MaxPool2d(kernel_size=3, stride=2, padding=1)
