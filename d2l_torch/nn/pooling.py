"""Pooling of images (section 7.5)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.images import as_pair, check_num_axes, check_pooling_padding, check_window


class Pool2d(nn.Module):
    """
    Base class of pooling layers on images `(n, channels, h, w)`.

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
    padding: Any

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        kernel_size = as_pair("kernel_size", kernel_size)
        stride = kernel_size if stride is None else as_pair("stride", stride)
        padding = as_pair("padding", padding, minimum=0)
        check_pooling_padding(padding, kernel_size)
        super().__init__(kernel_size, stride, padding)

    def forward(self, X: Tensor) -> Tensor:
        """Return the windows' maxima or means."""
        check_num_axes(4, X.shape)
        check_window(X.shape[2:], self.kernel_size, self.padding)
        return super().forward(X)


class MaxPool2d(Pool2d, nn.MaxPool2d):
    """Maximum pooling; what is padded never is the maximum."""


class AvgPool2d(Pool2d, nn.AvgPool2d):
    """Average pooling; padded zeros count."""


class GlobalAvgPool(nn.Module):
    """The mean of each channel of images: `(n, channels, h, w)` to `(n, channels)`."""

    def forward(self, X: Tensor) -> Tensor:
        """Return the means."""
        check_num_axes(4, X.shape)
        return X.mean(dim=(2, 3))
