"""The block of MobileNet (section 7.7 of 2026)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.arguments import check_count
from ..functional import relu
from .convolution import conv2d
from .normalization import batch_norm_2d


class DepthwiseSeparable(nn.Module):
    """
    A 3 x 3 convolution of each channel, then one of 1 x 1 across channels (section 7.7 of 2026).

    Each has batch normalization instead of a bias, and a ReLU. Images are `(n, channels, h, w)`.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int or pair of int
        For height and width, of the 3 x 3 convolution.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number of channels or `stride` is not a positive integer.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: Any = 1, generator: Any = None):
        super().__init__()
        check_count("in_channels", in_channels)
        middle = {"kernel_size": 3, "stride": stride, "padding": 1, "groups": in_channels}
        self.depthwise = conv2d(in_channels, in_channels, **middle, bias=False, generator=generator)
        self.bn1 = batch_norm_2d(in_channels)
        self.pointwise = conv2d(in_channels, out_channels, 1, bias=False, generator=generator)
        self.bn2 = batch_norm_2d(out_channels)

    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs of both convolutions."""
        X = relu(self.bn1(self.depthwise(X)))
        return relu(self.bn2(self.pointwise(X)))
