"""Pooling of images (section 7.5)."""

from dataclasses import dataclass
from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.images import as_pair, check_num_axes, check_pooling_padding, check_window


@dataclass(frozen=True)
class Pool2d:
    """
    Base class of pooling layers on images `(n, h, w, channels)`.

    Parameters
    ----------
    kernel_size : int or pair of int
        Height and width of the window.
    stride : int or pair of int
        Steps of the window; `kernel_size` if not given.
    padding : int or pair of int
        Rows and columns added on both sides, at most half of `kernel_size`.

    Raises
    ------
    TypeError, ValueError
        If `kernel_size` or `stride` is not a positive integer or a pair, or `padding` is negative
        or too large.
    """

    kernel_size: Any
    stride: Any = None
    padding: Any = 0

    def __post_init__(self) -> None:
        kernel_size = as_pair("kernel_size", self.kernel_size)
        stride = kernel_size if self.stride is None else as_pair("stride", self.stride)
        padding = as_pair("padding", self.padding, minimum=0)
        check_pooling_padding(padding, kernel_size)
        for name, value in (("kernel_size", kernel_size), ("stride", stride), ("padding", padding)):
            object.__setattr__(self, name, value)

    def pool(self, function: Any, X: Array) -> Array:
        """Return `function` of the windows of `X`."""
        check_num_axes(4, X.shape)
        check_window(X.shape[1:3], self.kernel_size, self.padding)
        padding = [(size, size) for size in self.padding]
        return function(X, self.kernel_size, strides=self.stride, padding=padding)


class MaxPool2d(Pool2d):
    """Maximum pooling; what is padded never is the maximum, as in PyTorch."""

    def __call__(self, X: Array) -> Array:
        """Return the maximum of each window."""
        return self.pool(nnx.max_pool, X)


class AvgPool2d(Pool2d):
    """Average pooling; padded zeros count, as in PyTorch."""

    def __call__(self, X: Array) -> Array:
        """Return the mean of each window."""
        return self.pool(nnx.avg_pool, X)


def global_avg_pool(X: Array) -> Array:
    """Return the mean of each channel of images: `(n, h, w, channels)` to `(n, channels)`."""
    check_num_axes(4, X.shape)
    return X.mean(axis=(1, 2))
