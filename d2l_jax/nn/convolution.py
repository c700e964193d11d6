"""Convolutional layers with PyTorch's padding and initial weights (section 7.2)."""

import math
from functools import partial
from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.arguments import check_count
from d2l_common.checks.images import (
    Pair,
    as_pair,
    check_channels,
    check_groups,
    check_num_axes,
    check_window,
)
from d2l_common.checks.tensors import check_floating
from ..conversion import default_float
from ..functional import is_floating
from ..random import default_rngs
from .cpu_convolution import convolve
from .initialization import uniform
from .lazy import Lazy


class Conv2d(nnx.Conv):
    """A convolutional layer on images `(n, h, w, channels)` that checks its input."""

    kernel_size: Any

    @property
    def num_padded(self) -> Pair:
        """The numbers of rows and columns that are padded on each side."""
        padding: Any = self.padding
        return padding[0][0], padding[1][0]

    def __call__(self, inputs: Array, out_sharding: Any = None) -> Array:
        """Return the cross-correlation of images with the kernels, plus the biases."""
        check_floating("X", is_floating(inputs), inputs.dtype)
        check_num_axes(4, inputs.shape)
        check_channels(self.in_features, inputs.shape[-1], inputs.shape)
        check_window(inputs.shape[1:3], self.kernel_size, self.num_padded)
        return super().__call__(inputs, out_sharding=out_sharding)


def conv2d(
    in_channels: int | None,
    out_channels: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: Any = 0,
    groups: int = 1,
    bias: bool = True,
    rngs: Any = None,
) -> Any:
    """
    Return a convolutional layer: images `(n, h, w, in_channels)` to `(n, h', w', out_channels)`.

    Weights and biases are uniform within `1 / sqrt(inputs of an output)`, as in PyTorch.

    Parameters
    ----------
    in_channels : int
        None to infer it from the first minibatch.
    out_channels : int
    kernel_size, stride, padding : int or pair of int
        For height and width; zeros are padded on both sides.
    groups : int
        Number of groups of channels that do not mix.
    bias : bool
    rngs : nnx.Rngs
        Draws the weights; from `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (`padding`: at least 0), or `groups` does not divide
        the numbers of channels.
    """
    check_count("out_channels", out_channels)
    kernel_size, stride = as_pair("kernel_size", kernel_size), as_pair("stride", stride)
    padding = as_pair("padding", padding, minimum=0)
    known = () if in_channels is None else (check_count("in_channels", in_channels),)
    check_groups(groups, *known, out_channels)
    if in_channels is None:
        sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        make = partial(conv2d, out_channels=out_channels, **sizes, groups=groups, bias=bias)
        return Lazy(make, rngs)
    draw = uniform(1 / math.sqrt(in_channels // groups * math.prod(kernel_size)))
    return Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding=[(size, size) for size in padding],
        feature_group_count=groups,
        conv_general_dilated=convolve,
        use_bias=bias,
        kernel_init=draw,
        bias_init=draw,
        param_dtype=default_float(),
        rngs=default_rngs(rngs),
    )
