"""The blocks of DenseNet (section 8.7)."""

from typing import Any

from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.arguments import check_count
from ..random import default_rngs
from .convolution import conv2d
from .layer import Layer
from .normalization import batch_norm_2d
from .pooling import AvgPool2d


class DenseBlock(Layer):
    """
    Convolutions that each get the outputs of all before: `(n, h, w, channels)` (section 8.7.2).

    The outputs have the channels of the inputs and `num_convs * num_channels` more.

    Parameters
    ----------
    num_convs : int
    num_channels : int
        Channels that each convolution adds.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer.
    """

    def __init__(
        self, num_convs: int, num_channels: int, in_channels: int | None = None, rngs: Any = None
    ):
        rngs, blocks = default_rngs(rngs), []
        for _ in range(check_count("num_convs", num_convs)):
            blocks.append(conv_block(num_channels, in_channels, rngs))
            in_channels = None if in_channels is None else in_channels + num_channels
        self.net = nnx.Sequential(*blocks)

    def forward(self, X: Array) -> Array:
        """Return the inputs and the outputs of the convolutions, along the channels."""
        for block in self.net.layers:
            X = jnp.concatenate((X, block(X)), axis=-1)
        return X


def conv_block(num_channels: int, in_channels: int | None = None, rngs: Any = None) -> Any:
    """Return a convolution after its normalization and activation, as in a `DenseBlock`."""
    return nnx.Sequential(
        batch_norm_2d(in_channels),
        nnx.relu,
        conv2d(in_channels, num_channels, kernel_size=3, padding=1, rngs=rngs),
    )


def transition_block(num_channels: int, in_channels: int | None = None, rngs: Any = None) -> Any:
    """
    Return layers that change the number of channels and halve height and width (section 8.7.3).

    Images are `(n, h, w, channels)`.

    Parameters
    ----------
    num_channels : int
        Channels of the outputs.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If a number of channels is not a positive integer.
    """
    return nnx.Sequential(
        batch_norm_2d(in_channels),
        nnx.relu,
        conv2d(in_channels, num_channels, kernel_size=1, rngs=rngs),
        AvgPool2d(kernel_size=2, stride=2),
    )
