"""Batch normalization, from scratch (section 8.5.3)."""

import torch
from torch import Tensor, nn
from torch.overrides import wrap_torch_function

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
from ..tensors import ones, zeros


def batch_norm(
    X: Tensor,
    gamma: Tensor,
    beta: Tensor,
    moving_mean: Tensor,
    moving_var: Tensor,
    eps: float,
    momentum: float,
    training: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """
    Return `X` with each channel normalized, and the updated moving averages (section 8.5.3).

    Parameters
    ----------
    X : tensor of shape `(n, num_features)` or `(n, channels, h, w)`
    gamma, beta, moving_mean, moving_var : tensors of one value for each channel
        Scale and shift, and the moving averages.
    eps : float
        Added to the variance.
    momentum : float
        Weight of the minibatch in the moving averages; that of the old ones is `1 - momentum`.
    training : bool
        Whether to normalize by the statistics of the minibatch, instead of the moving averages.

    Returns
    -------
    tuple of three tensors
        The result, like `X`, and the moving averages. The minibatch is divided by its biased
        variance, while the moving average takes the unbiased one, as in `nn.BatchNorm2d`.

    Raises
    ------
    TypeError, ValueError
        If `X` holds integers, has neither two nor four axes, or has one value for each channel
        in training; or if another array does not have one value for each channel.
    """
    X = as_tensor(X, "X")
    check_floating("X", X.is_floating_point(), X.dtype)
    if X.ndim != 2:
        check_num_axes(4, X.shape)
    given = {"gamma": gamma, "beta": beta, "moving_mean": moving_mean, "moving_var": moving_var}
    arrays = [as_tensor(x, name) for name, x in given.items()]
    for name, x in zip(given, arrays, strict=True):
        check_one_per_channel(name, X.shape[1], x.numel(), x.shape)
    gamma, beta, moving_mean, moving_var = arrays
    if not training:
        return normalize(X, gamma, beta, moving_mean, moving_var, eps), moving_mean, moving_var
    check_several_values(X.numel() // X.shape[1], X.shape)
    mean, var, n = moments(X)
    Y = normalize(X, gamma, beta, mean, var, eps)
    mean, var = mean.detach().reshape(moving_mean.shape), var.detach().reshape(moving_var.shape)
    moving_mean = (1 - momentum) * moving_mean + momentum * mean
    moving_var = (1 - momentum) * moving_var + momentum * var * (n / (n - 1))
    return Y, moving_mean, moving_var


@wrap_torch_function(lambda X: (X,))
def moments(X: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return mean and biased variance of each channel, and the number of values of each."""
    axes = [axis for axis in range(X.ndim) if axis != 1]
    var, mean = torch.var_mean(X, dim=axes, correction=0)
    return mean, var, X.numel() // X.shape[1]


def normalize(
    X: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, eps: float
) -> Tensor:
    """Return `gamma * (X - mean) / sqrt(var + eps) + beta`, with one value for each channel."""
    shape = (1, -1) + (1,) * (X.ndim - 2)
    gamma, beta, mean, var = (x.reshape(shape) for x in (gamma, beta, mean, var))
    return gamma * ((X - mean) / torch.sqrt(var + eps)) + beta


class BatchNorm(nn.Module):
    """
    Batch normalization from scratch (section 8.5.3).

    Parameters
    ----------
    num_features : int
        Outputs of the fully connected layer before, or channels of the convolutional layer.
    num_dims : int
        2 for vectors `(n, num_features)`, 4 for images `(n, num_features, h, w)`.

    Attributes
    ----------
    gamma, beta : parameters of shape `(num_features,)`
        Initially 1 and 0.
    moving_mean, moving_var : buffers of shape `(num_features,)`
        Initially 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If `num_features` is not a positive integer, or `num_dims` is neither 2 nor 4.
    """

    moving_mean: Tensor
    moving_var: Tensor

    def __init__(self, num_features: int, num_dims: int):
        super().__init__()
        check_count("num_features", num_features)
        check_num_dims(num_dims)
        self.num_dims = num_dims
        self.gamma = nn.Parameter(ones(num_features))
        self.beta = nn.Parameter(zeros(num_features))
        self.register_buffer("moving_mean", zeros(num_features))
        self.register_buffer("moving_var", ones(num_features))

    def forward(self, X: Tensor) -> Tensor:
        """Return `X` normalized; in training mode, update the moving averages."""
        check_num_axes(self.num_dims, X.shape)
        check_channels(len(self.gamma), X.shape[1], X.shape)
        Y, moving_mean, moving_var = batch_norm(
            X,
            self.gamma,
            self.beta,
            self.moving_mean,
            self.moving_var,
            eps=1e-5,
            momentum=0.1,
            training=self.training,
        )
        if self.training:
            self.moving_mean.copy_(moving_mean)
            self.moving_var.copy_(moving_var)
        return Y
