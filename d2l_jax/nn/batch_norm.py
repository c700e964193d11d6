"""Batch normalization, from scratch (section 8.5.3)."""

import math

from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.arguments import check_count
from d2l_common.checks.images import (
    check_channels,
    check_num_axes,
    check_num_dims,
    check_one_per_channel,
    check_several_values,
)
from d2l_common.checks.tensors import check_floating
from ..conversion import as_tensor
from ..functional import is_floating
from ..tensors import ones, zeros
from .layer import Layer


def batch_norm(
    X: Array,
    gamma: Array,
    beta: Array,
    moving_mean: Array,
    moving_var: Array,
    eps: float,
    momentum: float,
    training: bool,
) -> tuple[Array, Array, Array]:
    """
    Return `X` with each channel normalized, and the updated moving averages (section 8.5.3).

    Parameters
    ----------
    X : array of shape `(n, num_features)` or `(n, h, w, channels)`
    gamma, beta, moving_mean, moving_var : arrays of one value for each channel
        Scale and shift, and the moving averages.
    eps : float
        Added to the variance.
    momentum : float
        Weight of the minibatch in the moving averages; that of the old ones is `1 - momentum`.
    training : bool
        Whether to normalize by the statistics of the minibatch, instead of the moving averages.

    Returns
    -------
    tuple of three arrays
        The result, like `X`, and the moving averages. The minibatch is divided by its biased
        variance, while the moving average takes the unbiased one, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        If `X` holds integers, has neither two nor four axes, or has one value for each channel
        in training; or if another array does not have one value for each channel.
    """
    X = as_tensor(X, "X")
    check_floating("X", is_floating(X), X.dtype)
    if X.ndim != 2:
        check_num_axes(4, X.shape)
    given = {"gamma": gamma, "beta": beta, "moving_mean": moving_mean, "moving_var": moving_var}
    arrays = [as_tensor(x, name) for name, x in given.items()]
    for name, x in zip(given, arrays, strict=True):
        check_one_per_channel(name, X.shape[-1], x.size, x.shape)
    gamma, beta, moving_mean, moving_var = arrays
    if not training:
        return normalize(X, gamma, beta, moving_mean, moving_var, eps), moving_mean, moving_var
    n = math.prod(X.shape[:-1])
    check_several_values(n, X.shape)
    axes = tuple(range(X.ndim - 1))
    mean, var = X.mean(axis=axes), X.var(axis=axes)
    Y = normalize(X, gamma, beta, mean, var, eps)
    mean, var = mean.reshape(moving_mean.shape), var.reshape(moving_var.shape)
    moving_mean = (1 - momentum) * moving_mean + momentum * mean
    moving_var = (1 - momentum) * moving_var + momentum * var * (n / (n - 1))
    return Y, moving_mean, moving_var


def normalize(X: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Array:
    """Return `gamma * (X - mean) / sqrt(var + eps) + beta`."""
    return gamma * ((X - mean) / jnp.sqrt(var + eps)) + beta


class BatchNorm(Layer):
    """
    Batch normalization from scratch (section 8.5.3).

    Parameters
    ----------
    num_features : int
        Outputs of the fully connected layer before, or channels of the convolutional layer.
    num_dims : int
        2 for vectors `(n, num_features)`, 4 for images `(n, h, w, num_features)`.

    Attributes
    ----------
    gamma, beta : nnx.Params of shape `(num_features,)`
        Initially 1 and 0.
    moving_mean, moving_var : nnx.BatchStats of shape `(num_features,)`
        Initially 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If `num_features` is not a positive integer, or `num_dims` is neither 2 nor 4.
    """

    def __init__(self, num_features: int, num_dims: int):
        check_count("num_features", num_features)
        check_num_dims(num_dims)
        self.num_dims, self.deterministic = num_dims, False
        self.gamma = nnx.Param(ones(num_features))
        self.beta = nnx.Param(zeros(num_features))
        self.moving_mean = nnx.BatchStat(zeros(num_features))
        self.moving_var = nnx.BatchStat(ones(num_features))

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch to evaluation mode, or back to training mode."""
        if deterministic is not None:
            self.deterministic = deterministic

    def forward(self, X: Array) -> Array:
        """Return `X` normalized; in training mode, update the moving averages."""
        check_num_axes(self.num_dims, X.shape)
        check_channels(self.gamma.shape[0], X.shape[-1], X.shape)
        Y, moving_mean, moving_var = batch_norm(
            X,
            self.gamma[...],
            self.beta[...],
            self.moving_mean[...],
            self.moving_var[...],
            eps=1e-5,
            momentum=0.1,
            training=not self.deterministic,
        )
        if not self.deterministic:
            self.moving_mean[...], self.moving_var[...] = moving_mean, moving_var
        return Y
