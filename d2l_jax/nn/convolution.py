"""Convolutional layers with PyTorch's padding and initial weights (section 7.2)."""

import math
from functools import partial
from typing import Any

import jax
from flax import nnx
from jax import Array
from jax import numpy as jnp

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
from d2l_jax.conversion import default_float
from d2l_jax.functional import is_floating
from d2l_jax.nn.initialization import uniform
from d2l_jax.nn.lazy import Lazy
from d2l_jax.random import default_rngs


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
        conv_general_dilated=convolve_groups if groups > 1 else jax.lax.conv_general_dilated,
        use_bias=bias,
        kernel_init=draw,
        bias_init=draw,
        param_dtype=default_float(),
        rngs=default_rngs(rngs),
    )


def convolve_groups(
    inputs: Array, kernel: Array, *args: Any, feature_group_count: int, **kwargs: Any
) -> Array:
    """
    Return `lax.conv_general_dilated`, on a CPU by one convolution for each group of channels.

    XLA computes the gradient of a grouped kernel on a CPU 14 to 40 times as slowly as those of its
    groups, measured for 2 to 16 groups of 16 channels or fewer. It gains nothing where each channel
    is a group.
    """
    is_depthwise = feature_group_count == inputs.shape[-1]
    if is_depthwise or jax.default_backend() != "cpu":
        kwargs["feature_group_count"] = feature_group_count
        return jax.lax.conv_general_dilated(inputs, kernel, *args, **kwargs)
    split = partial(jnp.split, indices_or_sections=feature_group_count, axis=-1)
    groups = zip(split(inputs), split(kernel), strict=True)
    parts = [jax.lax.conv_general_dilated(x, k, *args, **kwargs) for x, k in groups]
    return jnp.concatenate(parts, axis=-1)
