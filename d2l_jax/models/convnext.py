"""ConvNeXt (section 7.6 of 2026)."""

from collections.abc import Sequence
from typing import Any

from flax import nnx

from d2l_common.architectures import CONVNEXT
from d2l_common.checks.architectures import check_stages
from d2l_common.checks.arguments import check_nonnegative, check_probability
from ..nn.convnext_block import ConvNeXtBlock
from ..nn.convolution import conv2d
from ..nn.linear import linear
from ..nn.normalization import LayerNorm, LayerNorm2d
from ..nn.pooling import global_avg_pool
from ..random import default_rngs
from ..training.classifier import Classifier


class ConvNeXt(Classifier):
    """
    A small ConvNeXt, for images of at least 32 x 32 pixels (section 7.6 of 2026).

    Parameters
    ----------
    arch : sequence of pairs of int
        For each stage, the number of blocks and their channels. The first stage is after a
        reduction of height and width to a quarter, each later one after their halving.
    lr : float
        The learning rate.
    num_classes : int
    drop_path_max : float
        The probability that an example skips the last block in training mode; it is 0 for the
        first block, and grows by the same amount from block to block.
    in_channels : int
        Channels of the images; None to infer them from the first minibatch.
    rngs : nnx.Rngs
        Draws initial weights and masks; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `arch` is not such a sequence, `lr` is negative, `drop_path_max` is not in [0, 1], or
        another number is not a positive integer.
    """

    def __init__(
        self,
        arch: Sequence[tuple[int, int]] = CONVNEXT,
        lr: float = 2e-3,
        num_classes: int = 10,
        drop_path_max: float = 0.1,
        in_channels: int | None = None,
        rngs: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        check_probability("drop_path_max", drop_path_max)
        self.save_hyperparameters(ignore=["rngs"])
        rngs = default_rngs(rngs)
        stages = check_stages(arch, ("depth", "num_channels"))
        num_blocks = sum(depth for depth, _ in stages)
        rates = iter([drop_path_max * i / max(num_blocks - 1, 1) for i in range(num_blocks)])
        channels = stages[0][1]
        layers = [conv2d(in_channels, channels, 4, stride=4, rngs=rngs)]
        layers.append(LayerNorm2d(channels, eps=1e-6))
        for i, (depth, num_channels) in enumerate(stages):
            if i > 0:
                layers.append(LayerNorm2d(channels, eps=1e-6))
                layers.append(conv2d(channels, num_channels, 2, stride=2, rngs=rngs))
                channels = num_channels
            for _ in range(depth):
                layers.append(ConvNeXtBlock(channels, next(rates), rngs=rngs))
        self.net = nnx.Sequential(
            *layers,
            global_avg_pool,
            LayerNorm(channels, eps=1e-6),
            linear(channels, num_classes, rngs=rngs),
        )
