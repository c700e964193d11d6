"""The block of ConvNeXt (section 7.6 of 2026)."""

from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.arguments import check_count, check_nonnegative
from ..random import default_rngs
from ..tensors import ones
from .convolution import conv2d
from .dropout import DropPath
from .layer import Layer
from .linear import linear
from .normalization import LayerNorm


class ConvNeXtBlock(Layer):
    """
    The residual block of ConvNeXt: images `(n, h, w, dim)` (section 7.6 of 2026).

    The branch is a 7 x 7 convolution of each channel, layer normalization of the channels, and a
    perceptron with one hidden layer of `4 * dim` units and exact GELU at each pixel.

    Parameters
    ----------
    dim : int
        Channels of the inputs and of the outputs.
    drop_prob : float
        The probability that an example skips the branch in training mode.
    layer_scale : float
        Initial value of the factor by which each channel of the branch is multiplied.
    rngs : nnx.Rngs
        Draws initial weights and masks; `get_key()` if not given.

    Attributes
    ----------
    gamma : nnx.Param of shape `(dim,)`
        The factors.

    Raises
    ------
    TypeError, ValueError
        If `dim` is not a positive integer, `drop_prob` is not in [0, 1], or `layer_scale` is
        negative.
    """

    def __init__(
        self, dim: int, drop_prob: float = 0.0, layer_scale: float = 1e-6, rngs: Any = None
    ):
        rngs = default_rngs(rngs)
        check_count("dim", dim)
        check_nonnegative("layer_scale", layer_scale)
        self.dwconv = conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, rngs=rngs)
        self.norm = LayerNorm(dim, eps=1e-6)
        self.pwconv1 = linear(dim, 4 * dim, rngs=rngs)
        self.pwconv2 = linear(4 * dim, dim, rngs=rngs)
        self.gamma = nnx.Param(layer_scale * ones(dim))
        self.drop_path = DropPath(drop_prob, rngs)

    def forward(self, X: Array) -> Array:
        """Return `X + branch(X)`."""
        Y = self.norm(self.dwconv(X))
        Y = self.pwconv2(nnx.gelu(self.pwconv1(Y), approximate=False))
        return X + self.drop_path(self.gamma[...] * Y)
