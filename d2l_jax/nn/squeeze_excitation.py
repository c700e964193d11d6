"""Gates that weight channels (section 8.8)."""

from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.architectures import squeezed
from d2l_common.checks.images import check_channels, check_num_axes
from ..random import default_rngs
from .layer import Layer
from .linear import linear
from .pooling import global_avg_pool


class SE(Layer):
    """
    Squeeze and excitation: images `(n, h, w, num_channels)`, of the same shape (section 8.8).

    Each channel is multiplied by a number in (0, 1) that depends on the means of all channels. The
    section is that of the 2026 edition.

    Parameters
    ----------
    num_channels : int
    ratio : int
        Channels for each unit of the hidden layer between the means and the factors.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer, or `ratio` exceeds `num_channels`.
    """

    def __init__(self, num_channels: int, ratio: int = 4, rngs: Any = None):
        rngs, width = default_rngs(rngs), squeezed(num_channels, ratio)
        self.num_channels = num_channels
        self.fc = nnx.Sequential(
            linear(num_channels, width, rngs=rngs),
            nnx.relu,
            linear(width, num_channels, rngs=rngs),
            nnx.sigmoid,
        )

    def forward(self, X: Array) -> Array:
        """Return `X`, each channel multiplied by its factor."""
        check_num_axes(4, X.shape)
        check_channels(self.num_channels, X.shape[-1], X.shape)
        return X * self.fc(global_avg_pool(X))[:, None, None, :]
