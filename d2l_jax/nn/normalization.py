"""Normalization layers with PyTorch's conventions (section 8.5.5)."""

from functools import partial
from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.arguments import check_count, check_positive
from d2l_common.checks.images import check_channels, check_num_axes
from d2l_common.checks.tensors import check_floating, check_last_axis
from ..conversion import default_float, is_narrow, widened
from ..functional import is_floating
from ..tensors import ones, zeros
from .batch_norm import batch_norm
from .lazy import Lazy


class BatchNorm1d(nnx.BatchNorm):
    """
    Batch normalization of vectors `(n, num_features)`, with the attributes of NNX's layer.

    The moving average of the variance is unbiased, as in PyTorch; NNX's is biased.

    Parameters
    ----------
    num_features : int
    rngs : nnx.Rngs
        Not used.

    Raises
    ------
    TypeError, ValueError
        If `num_features` is not a positive integer.
    """

    num_axes = 2
    scale: Any
    bias: Any

    def __init__(self, num_features: int, rngs: Any = None):
        check_count("num_features", num_features)
        super().__init__(num_features, momentum=0.9, param_dtype=default_float(), rngs=nnx.Rngs(0))
        self.mean = nnx.BatchStat(zeros(num_features))
        self.var = nnx.BatchStat(ones(num_features))

    def __call__(self, x: Array, use_running_average: bool | None = None) -> Array:  # type: ignore[override]
        """Return `x` normalized; in training mode, update the moving averages."""
        check_num_axes(self.num_axes, x.shape)
        check_channels(self.num_features, x.shape[-1], x.shape)
        if use_running_average is None:
            use_running_average = self.use_running_average
        scale, bias, mean, var = (x[...] for x in (self.scale, self.bias, self.mean, self.var))
        # As in PyTorch: statistics of bfloat16 are computed in float32, and the output is bfloat16.
        y, mean, var = batch_norm(
            widened(x),
            scale,
            bias,
            mean,
            var,
            eps=self.epsilon,
            momentum=1 - self.momentum,
            training=not use_running_average,
        )
        if not use_running_average:
            self.mean[...] = mean.astype(self.mean.dtype)
            self.var[...] = var.astype(self.var.dtype)
        return y.astype(x.dtype) if is_narrow(x) else y


class BatchNorm2d(BatchNorm1d):
    """Batch normalization of images `(n, h, w, num_features)`, otherwise as `BatchNorm1d`."""

    num_axes = 4


def batch_norm_1d(num_features: int | None = None) -> Any:
    """Return batch normalization of vectors; None infers `num_features` at the first call."""
    return Lazy(partial(BatchNorm1d)) if num_features is None else BatchNorm1d(num_features)


def batch_norm_2d(num_features: int | None = None) -> Any:
    """Return batch normalization of images; None infers `num_features` at the first call."""
    return Lazy(partial(BatchNorm2d)) if num_features is None else BatchNorm2d(num_features)


class LayerNorm(nnx.LayerNorm):
    """
    Layer normalization of the last axis: `(..., num_features)`, with the attributes of NNX's layer.

    Parameters
    ----------
    num_features : int
    eps : float
        Added to the variance.

    Raises
    ------
    TypeError, ValueError
        If `num_features` is not a positive integer, or `eps` is not a positive number.
    """

    def __init__(self, num_features: int, eps: float = 1e-5):
        # NNX's fast variance is the difference of two large numbers if the mean is large.
        super().__init__(
            check_count("num_features", num_features),
            epsilon=check_positive("eps", eps),
            param_dtype=default_float(),
            use_fast_variance=False,
            rngs=nnx.Rngs(0),
        )

    def __call__(self, x: Array, **options: Any) -> Array:
        """Return `x` normalized."""
        check_floating("X", is_floating(x), x.dtype)
        check_last_axis(self.num_features, x.shape)
        y = super().__call__(widened(x), **options)
        return y.astype(x.dtype) if is_narrow(x) else y


class LayerNorm2d(LayerNorm):
    """Layer normalization of the channels of images `(n, h, w, num_features)`."""

    def __call__(self, x: Array, **options: Any) -> Array:
        """Return `x` normalized at each pixel."""
        check_num_axes(4, x.shape)
        check_channels(self.num_features, x.shape[-1], x.shape)
        return super().__call__(x, **options)
