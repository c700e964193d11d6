"""Linear regression, from scratch and concise (sections 3.4 and 3.5)."""

from typing import Any

import torch
from torch import Tensor

from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.checks.tensors import check_same_shape
from ..functional import linreg, squared_loss
from ..nn.linear import linear
from ..tensors import normal, zeros
from ..training.module import Module
from ..training.optimizers import SGD


class LinearRegressionScratch(Module):
    """
    Linear regression, from scratch (section 3.4).

    Parameters
    ----------
    num_inputs : int
    lr : float
        The learning rate.
    sigma : float
        The standard deviation of the initial weights.
    generator : torch.Generator
        Draws them; PyTorch's global one if not given.

    Attributes
    ----------
    w : tensor of shape `(num_inputs, 1)`
    b : tensor of shape `(1,)`

    Raises
    ------
    TypeError, ValueError
        If `lr` or `sigma` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(self, num_inputs: int, lr: float, sigma: float = 0.01, generator: Any = None):
        super().__init__()
        check_count("num_inputs", num_inputs)
        check_nonnegative("lr", lr)
        check_nonnegative("sigma", sigma)
        self.save_hyperparameters(ignore=["generator"])
        self.w = normal(0, sigma, (num_inputs, 1), generator=generator, requires_grad=True)
        self.b = zeros(1, requires_grad=True)

    def forward(self, X: Tensor) -> Tensor:
        """Return the predictions `(n, 1)` for examples `(n, num_inputs)`."""
        return linreg(X, self.w, self.b)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the mean of half the squared errors; `y_hat` and `y` have the same shape."""
        return squared_loss(y_hat, y).mean()

    def configure_optimizers(self) -> Any:
        """Return minibatch SGD from scratch."""
        return SGD([self.w, self.b], self.lr)


class LinearRegression(Module):
    """
    Linear regression with high-level APIs (section 3.5).

    Parameters
    ----------
    lr : float
        The learning rate.
    num_inputs : int
        None to infer it from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(self, lr: float, num_inputs: int | None = None, generator: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        self.net = linear(num_inputs, 1, sigma=0.01, generator=generator)

    def forward(self, X: Tensor) -> Tensor:
        """Return the predictions `(n, 1)` for examples `(n, num_inputs)`."""
        return self.net(X)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the mean squared error (without 1/2); `y_hat` and `y` have the same shape."""
        check_same_shape(y_hat.shape, y.shape)
        return torch.nn.functional.mse_loss(y_hat, y)

    def get_w_b(self) -> tuple[Tensor, Tensor]:
        """Return weight `(1, num_inputs)` and bias `(1,)`, in the layout of PyTorch's layer."""
        return self.net.weight.data, self.net.bias.data
