"""Residual blocks (sections 8.6.2 and 8.6.5)."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from d2l_common.checks.arguments import check_positive
from d2l_common.checks.images import as_pair, check_shortcut
from ..functional import relu
from .convolution import conv2d
from .normalization import batch_norm_2d


class Residual(nn.Module):
    """
    The residual block of ResNets: images `(n, channels, h, w)` (section 8.6.2).

    Parameters
    ----------
    num_channels : int
        Channels of the outputs.
    use_1x1conv : bool
        Whether the inputs go through a 1 x 1 convolution before they are added; they must where
        the numbers of channels differ, and always do where `strides` is not 1.
    strides : int or pair of int
        For height and width.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number of channels or `strides` is not a positive integer.
    """

    def __init__(
        self,
        num_channels: int,
        use_1x1conv: bool = False,
        strides: Any = 1,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        strides = as_pair("strides", strides)
        size = {"kernel_size": 3, "padding": 1, "generator": generator}
        self.conv1 = conv2d(in_channels, num_channels, stride=strides, **size)
        self.conv2 = conv2d(num_channels, num_channels, **size)
        shortcut = partial(
            conv2d, in_channels, num_channels, 1, stride=strides, generator=generator
        )
        self.conv3 = shortcut() if use_1x1conv or strides != (1, 1) else None
        self.bn1 = batch_norm_2d(num_channels)
        self.bn2 = batch_norm_2d(num_channels)

    def forward(self, X: Tensor) -> Tensor:
        """Return `relu(branch(X) + X)`."""
        Y = relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.conv3 is not None:
            X = self.conv3(X)
        check_shortcut(X.shape, Y.shape)
        return relu(Y + X)


class ResNeXtBlock(nn.Module):
    """
    The residual block of ResNeXts, with grouped convolution (section 8.6.5).

    Images are `(n, channels, h, w)`.

    Parameters
    ----------
    num_channels : int
        Channels of the outputs.
    groups : int
        Number of groups of channels of the 3 x 3 convolution.
    bot_mul : float
        Channels of the 3 x 3 convolution as a multiple of `num_channels`.
    use_1x1conv : bool
        Whether the inputs go through a 1 x 1 convolution before they are added.
    strides : int or pair of int
        For height and width; the 1 x 1 convolution has them too.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number of channels or `strides` is not a positive integer, `bot_mul` is not a positive
        number, or `groups` does not divide the channels.
    """

    def __init__(
        self,
        num_channels: int,
        groups: int,
        bot_mul: float,
        use_1x1conv: bool = False,
        strides: Any = 1,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        bot_channels = round(num_channels * check_positive("bot_mul", bot_mul))
        middle = {"kernel_size": 3, "stride": strides, "padding": 1, "groups": groups}
        self.conv1 = conv2d(in_channels, bot_channels, 1, generator=generator)
        self.conv2 = conv2d(bot_channels, bot_channels, **middle, generator=generator)
        self.conv3 = conv2d(bot_channels, num_channels, 1, generator=generator)
        self.bn1 = batch_norm_2d(bot_channels)
        self.bn2 = batch_norm_2d(bot_channels)
        self.bn3 = batch_norm_2d(num_channels)
        shortcut = partial(
            conv2d, in_channels, num_channels, 1, stride=strides, generator=generator
        )
        self.conv4 = shortcut() if use_1x1conv else None
        self.bn4 = batch_norm_2d(num_channels) if use_1x1conv else None

    def forward(self, X: Tensor) -> Tensor:
        """Return `relu(branch(X) + X)`."""
        Y = relu(self.bn1(self.conv1(X)))
        Y = relu(self.bn2(self.conv2(Y)))
        Y = self.bn3(self.conv3(Y))
        if self.conv4 is not None and self.bn4 is not None:
            X = self.bn4(self.conv4(X))
        check_shortcut(X.shape, Y.shape)
        return relu(Y + X)
