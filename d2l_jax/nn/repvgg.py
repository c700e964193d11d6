"""Branches that become one convolution after training (section 7.7 of 2026)."""

from typing import Any

from flax import nnx
from jax import Array
from jax import numpy as jnp

from ..functional import relu
from ..random import default_rngs
from .convolution import conv2d
from .layer import Layer
from .normalization import batch_norm_2d


class RepVGGBlock(Layer):
    """
    A 3 x 3 convolution, a 1 x 1 convolution and the identity, added up (section 7.7 of 2026).

    Each has its own batch normalization. Images are `(n, h, w, num_channels)`.

    Parameters
    ----------
    num_channels : int
        Channels of the inputs and of the outputs.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `num_channels` is not a positive integer.
    """

    def __init__(self, num_channels: int, rngs: Any = None):
        rngs = default_rngs(rngs)
        self.conv3 = conv2d(num_channels, num_channels, 3, padding=1, bias=False, rngs=rngs)
        self.conv1 = conv2d(num_channels, num_channels, 1, bias=False, rngs=rngs)
        self.bn3 = batch_norm_2d(num_channels)
        self.bn1 = batch_norm_2d(num_channels)
        self.bn0 = batch_norm_2d(num_channels)

    def forward(self, X: Array) -> Array:
        """Return `relu(sum of the branches)`."""
        return relu(self.bn3(self.conv3(X)) + self.bn1(self.conv1(X)) + self.bn0(X))

    def fuse(self) -> Any:
        """
        Return the 3 x 3 convolution, with biases, that is equal to the block.

        `relu(block.fuse()(X))` is `block(X)` in evaluation mode, up to rounding.
        """
        num_channels = self.bn0.num_features
        kernel = self.conv3.kernel[...]
        pointwise = self.conv1.kernel[...]
        identity = jnp.eye(num_channels, dtype=kernel.dtype)[None, None]
        branches = [
            folded(kernel, self.bn3),
            folded(padded(pointwise), self.bn1),
            folded(padded(identity), self.bn0),
        ]
        fused = conv2d(num_channels, num_channels, 3, padding=1, rngs=nnx.Rngs(0))
        fused.kernel = nnx.Param(sum(kernel for kernel, _ in branches))
        fused.bias = nnx.Param(sum(bias for _, bias in branches))
        return fused


def padded(kernel: Array) -> Array:
    """Return a 1 x 1 kernel as the 3 x 3 kernel with zeros around it."""
    return jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))


def folded(kernel: Array, norm: Any) -> tuple[Array, Array]:
    """Return kernel and biases of a convolution that includes the normalization after it."""
    scale = norm.scale[...] / jnp.sqrt(norm.var[...] + norm.epsilon)
    return kernel * scale, norm.bias[...] - norm.mean[...] * scale
