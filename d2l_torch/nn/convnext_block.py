"""The block of ConvNeXt (section 7.6 of 2026)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.arguments import check_count, check_nonnegative
from ..tensors import ones
from .convolution import conv2d
from .dropout import DropPath
from .linear import linear
from .normalization import LayerNorm


class ConvNeXtBlock(nn.Module):
    """
    The residual block of ConvNeXt: images `(n, dim, h, w)` (section 7.6 of 2026).

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
    generator : torch.Generator
        Draws initial weights and masks; PyTorch's global one if not given.

    Attributes
    ----------
    gamma : parameter of shape `(dim,)`
        The factors.

    Raises
    ------
    TypeError, ValueError
        If `dim` is not a positive integer, `drop_prob` is not in [0, 1], or `layer_scale` is
        negative.
    """

    def __init__(
        self, dim: int, drop_prob: float = 0.0, layer_scale: float = 1e-6, generator: Any = None
    ):
        super().__init__()
        check_count("dim", dim)
        check_nonnegative("layer_scale", layer_scale)
        self.dwconv = conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, generator=generator)
        self.norm = LayerNorm(dim, eps=1e-6)
        self.pwconv1 = linear(dim, 4 * dim, generator=generator)
        self.pwconv2 = linear(4 * dim, dim, generator=generator)
        self.gamma = nn.Parameter(layer_scale * ones(dim))
        self.drop_path = DropPath(drop_prob, generator)

    def forward(self, X: Tensor) -> Tensor:
        """Return `X + branch(X)`."""
        Y = self.norm(self.dwconv(X).permute(0, 2, 3, 1))
        Y = self.pwconv2(nn.functional.gelu(self.pwconv1(Y)))
        return X + self.drop_path((self.gamma * Y).permute(0, 3, 1, 2))
