"""Weight decay, from scratch and concise (section 3.7)."""

from typing import Any

import jax
import optax
from jax import Array

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.tensors import check_floating
from ..conversion import as_tensor
from ..functional import is_floating
from .linear_regression import LinearRegression, LinearRegressionScratch


def l2_penalty(w: Array) -> Array:
    """
    Return half the sum of squares of `w` (section 3.7.3.1).

    Parameters
    ----------
    w : floating-point array of any shape

    Returns
    -------
    array of shape `()`

    Raises
    ------
    TypeError
        If `w` holds integers.
    """
    w = as_tensor(w, "w")
    check_floating("w", is_floating(w), w.dtype)
    return (w**2).sum() / 2


class WeightDecayScratch(LinearRegressionScratch):
    """
    Linear regression with a penalty on the weights in its loss (section 3.7.3).

    Parameters
    ----------
    num_inputs : int
    lambd : float
        The factor of the penalty.
    lr : float
        The learning rate.
    sigma : float
        The standard deviation of the initial weights.
    rngs : nnx.Rngs
        Draws them; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `lambd`, `lr` or `sigma` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(
        self,
        num_inputs: int,
        lambd: float,
        lr: float,
        sigma: float = 0.01,
        rngs: Any = None,
    ):
        super().__init__(num_inputs, lr, sigma, rngs)
        check_nonnegative("lambd", lambd)
        self.save_hyperparameters(ignore=["rngs"])

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the mean of half the squared errors plus `lambd` times the penalty."""
        return super().loss(y_hat, y) + self.lambd * l2_penalty(self.w[...])


class WeightDecay(LinearRegression):
    """
    Linear regression with an optimizer that decays the weights, not the bias (section 3.7.4).

    Parameters
    ----------
    wd : float
        The factor of the decay: `wd * w` is added to the gradient of the weights `w`.
    lr : float
        The learning rate.
    num_inputs : int
        None to infer it from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `wd` or `lr` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(self, wd: float, lr: float, num_inputs: int | None = None, rngs: Any = None):
        super().__init__(num_inputs, lr, rngs)
        check_nonnegative("wd", wd)
        self.save_hyperparameters(ignore=["rngs"])

    def configure_optimizers(self) -> Any:
        """Return Optax's minibatch SGD, after a decay of the weights only."""
        return optax.chain(
            optax.add_decayed_weights(self.wd, mask=are_weights), super().configure_optimizers()
        )


def are_weights(params: Any) -> Any:
    """Return for each parameter whether it is a weight, of two axes or more, or a bias."""
    return jax.tree.map(lambda param: param.ndim > 1, params)
