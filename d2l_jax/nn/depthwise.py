"""The block of MobileNet (section 7.7 of 2026)."""

from typing import Any

from jax import Array

from d2l_common.checks.arguments import check_count
from ..functional import relu
from ..random import default_rngs
from .convolution import conv2d
from .layer import Layer
from .normalization import batch_norm_2d


class DepthwiseSeparable(Layer):
    """
    A 3 x 3 convolution of each channel, then one of 1 x 1 across channels (section 7.7 of 2026).

    Each has batch normalization instead of a bias, and a ReLU. Images are `(n, h, w, channels)`.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int or pair of int
        For height and width, of the 3 x 3 convolution.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If a number of channels or `stride` is not a positive integer.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: Any = 1, rngs: Any = None):
        rngs = default_rngs(rngs)
        check_count("in_channels", in_channels)
        middle = {"kernel_size": 3, "stride": stride, "padding": 1, "groups": in_channels}
        self.depthwise = conv2d(in_channels, in_channels, **middle, bias=False, rngs=rngs)
        self.bn1 = batch_norm_2d(in_channels)
        self.pointwise = conv2d(in_channels, out_channels, 1, bias=False, rngs=rngs)
        self.bn2 = batch_norm_2d(out_channels)

    def forward(self, X: Array) -> Array:
        """Return the outputs of both convolutions."""
        X = relu(self.bn1(self.depthwise(X)))
        return relu(self.bn2(self.pointwise(X)))
