"""Linear regression, from scratch and concise (sections 3.4 and 3.5)."""

from typing import Any

from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.checks.tensors import check_same_shape
from ..functional import linreg, squared_loss
from ..nn.linear import linear
from ..random import default_rngs
from ..tensors import zeros
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
    rngs : nnx.Rngs
        Draws them; `get_key()` if not given.

    Attributes
    ----------
    w : nnx.Param of shape `(num_inputs, 1)`
    b : nnx.Param of shape `(1,)`

    Raises
    ------
    TypeError, ValueError
        If `lr` or `sigma` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(self, num_inputs: int, lr: float, sigma: float = 0.01, rngs: Any = None):
        super().__init__()
        check_count("num_inputs", num_inputs)
        check_nonnegative("lr", lr)
        check_nonnegative("sigma", sigma)
        self.save_hyperparameters(ignore=["rngs"])
        self.w = nnx.Param(sigma * default_rngs(rngs).params.normal((num_inputs, 1)))
        self.b = nnx.Param(zeros(1))

    def forward(self, X: Array) -> Array:
        """Return the predictions `(n, 1)` for examples `(n, num_inputs)`."""
        return linreg(X, self.w[...], self.b[...])

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the mean of half the squared errors; `y_hat` and `y` have the same shape."""
        return squared_loss(y_hat, y).mean()

    def configure_optimizers(self) -> Any:
        """Return minibatch SGD from scratch."""
        return SGD(self.lr)


class LinearRegression(Module):
    """
    Linear regression with high-level APIs (section 3.5).

    Parameters
    ----------
    num_inputs : int
        None to infer it from the first minibatch.
    lr : float
        The learning rate.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(self, num_inputs: int | None, lr: float, rngs: Any = None):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        self.net = linear(num_inputs, 1, sigma=0.01, rngs=rngs)

    def forward(self, X: Array) -> Array:
        """Return the predictions `(n, 1)` for examples `(n, num_inputs)`."""
        return self.net(X)

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the mean squared error (without 1/2); `y_hat` and `y` have the same shape."""
        check_same_shape(y_hat.shape, y.shape)
        return jnp.square(y_hat - y).mean()

    def get_w_b(self) -> tuple[Array, Array]:
        """Return weight `(num_inputs, 1)` and bias `(1,)`, in the layout of NNX's layer."""
        return self.net.kernel[...], self.net.bias[...]
