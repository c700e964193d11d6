"""A small MobileNet (section 7.7 of 2026)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from d2l_common.architectures import MINI_MOBILENET
from d2l_common.checks.architectures import check_stages
from d2l_common.checks.arguments import check_nonnegative
from ..nn.convolution import conv2d
from ..nn.depthwise import DepthwiseSeparable
from ..nn.linear import linear
from ..nn.normalization import batch_norm_2d
from ..nn.pooling import GlobalAvgPool
from ..training.classifier import Classifier


class MiniMobileNet(Classifier):
    """
    A network of depthwise separable blocks, trained with momentum (section 7.7 of 2026).

    Parameters
    ----------
    arch : sequence of pairs of int
        The channels and the stride of each block.
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
        If `arch` is not such a sequence, `lr` is negative, or another number is not a positive
        integer.
    """

    def __init__(
        self,
        arch: Sequence[tuple[int, int]] = MINI_MOBILENET,
        lr: float = 0.1,
        num_classes: int = 10,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        blocks, channels = [], 32
        for out_channels, stride in check_stages(arch, ("out_channels", "stride")):
            blocks.append(DepthwiseSeparable(channels, out_channels, stride, generator))
            channels = out_channels
        self.net = nn.Sequential(
            conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False, generator=generator),
            batch_norm_2d(32),
            nn.ReLU(),
            *blocks,
            GlobalAvgPool(),
            linear(channels, num_classes, generator=generator),
        )

    def configure_optimizers(self) -> Any:
        """Return minibatch SGD at `self.lr` with momentum 0.9."""
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)
