"""Networks of a design space, and one of its members (section 8.8)."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from d2l_common.architectures import REGNETX32
from d2l_common.checks.architectures import check_stages
from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.initialization import init_cnn, init_layers
from ..nn.linear import linear
from ..nn.normalization import batch_norm_2d
from ..nn.pooling import GlobalAvgPool
from ..nn.residual import ResNeXtBlock
from ..training.classifier import Classifier


class AnyNet(Classifier):
    """
    A network of the AnyNet design space: a stem, stages of ResNeXt blocks, a head (section 8.8.1).

    Parameters
    ----------
    arch : sequence of `(depth, num_channels, groups, bot_mul)`
        The stages: the number of blocks, and the arguments of each `ResNeXtBlock`.
    stem_channels : int
    lr : float
        The learning rate.
    num_classes : int
    in_channels : int
        Channels of the images; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `arch` is not such a sequence, `lr` is negative, or an argument of a stage is not one of
        `ResNeXtBlock`.
    """

    def __init__(
        self,
        arch: Sequence[tuple[int, int, int, float]],
        stem_channels: int,
        lr: float = 0.1,
        num_classes: int = 10,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        stages = check_stages(arch, ("depth", "num_channels", "groups"), ("bot_mul",))
        layers, channels = [self.stem(stem_channels, in_channels, generator)], stem_channels
        for depth, num_channels, groups, bot_mul in stages:
            layers.append(self.stage(depth, num_channels, groups, bot_mul, channels, generator))
            channels = num_channels
        head = nn.Sequential(GlobalAvgPool(), linear(channels, num_classes, generator=generator))
        self.net = nn.Sequential(*layers, head)
        init_layers(self.net, init_cnn, generator=generator)

    def stem(
        self, num_channels: int, in_channels: int | None = None, generator: Any = None
    ) -> nn.Sequential:
        """Return the first layers, which halve height and width."""
        return nn.Sequential(
            conv2d(
                in_channels, num_channels, kernel_size=3, stride=2, padding=1, generator=generator
            ),
            batch_norm_2d(num_channels),
            nn.ReLU(),
        )

    def stage(
        self,
        depth: int,
        num_channels: int,
        groups: int,
        bot_mul: float,
        in_channels: int | None = None,
        generator: Any = None,
    ) -> nn.Sequential:
        """Return `depth` blocks, of which the first halves height and width."""
        first = ResNeXtBlock(num_channels, groups, bot_mul, True, 2, in_channels, generator)
        others = [
            ResNeXtBlock(
                num_channels, groups, bot_mul, in_channels=num_channels, generator=generator
            )
            for _ in range(depth - 1)
        ]
        return nn.Sequential(first, *others)


class RegNetX32(AnyNet):
    """
    The smallest RegNetX, with 32 and 80 channels (section 8.8.3).

    Parameters and errors are those of `AnyNet`, without `arch` and `stem_channels`.
    """

    def __init__(
        self,
        lr: float = 0.1,
        num_classes: int = 10,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__(REGNETX32, 32, lr, num_classes, in_channels, generator)
