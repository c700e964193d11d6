"""Softmax regression, from scratch and concise (sections 4.4 and 4.5)."""

from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.arguments import check_count, check_nonnegative
from .. import functional
from ..functional import linreg, softmax
from ..nn.linear import flatten, linear
from ..random import default_rngs
from ..tensors import reshape, zeros
from ..training.classifier import Classifier


class SoftmaxRegressionScratch(Classifier):
    """
    Softmax regression, from scratch (section 4.4); its outputs are probabilities, not logits.

    Parameters
    ----------
    num_inputs : int
        Pixels of an image over all channels.
    num_outputs : int
        The number of classes.
    lr : float
        The learning rate.
    sigma : float
        The standard deviation of the initial weights.
    rngs : nnx.Rngs
        Draws them; `get_key()` if not given.

    Attributes
    ----------
    W : nnx.Param of shape `(num_inputs, num_outputs)`
    b : nnx.Param of shape `(num_outputs,)`

    Raises
    ------
    TypeError, ValueError
        If `lr` or `sigma` is negative, or `num_inputs` or `num_outputs` is not a positive integer.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        lr: float,
        sigma: float = 0.01,
        rngs: Any = None,
    ):
        super().__init__()
        check_count("num_inputs", num_inputs)
        check_count("num_outputs", num_outputs)
        check_nonnegative("lr", lr)
        check_nonnegative("sigma", sigma)
        self.save_hyperparameters(ignore=["rngs"])
        size = (num_inputs, num_outputs)
        self.W = nnx.Param(sigma * default_rngs(rngs).params.normal(size))
        self.b = nnx.Param(zeros(num_outputs))

    def forward(self, X: Array) -> Array:
        """Return the probabilities `(n, num_outputs)` of images `(n, ...)`."""
        X = reshape(X, (len(X), -1))
        return softmax(linreg(X, self.W[...], self.b[...]))

    def loss(self, Y_hat: Array, Y: Array, averaged: bool = True) -> Array:
        """Return the cross-entropy of probabilities `(n, num_outputs)` and labels `(n,)`."""
        return functional.cross_entropy(Y_hat, Y, averaged)


class SoftmaxRegression(Classifier):
    """
    Softmax regression with high-level APIs (section 4.5).

    Parameters
    ----------
    num_outputs : int
        The number of classes.
    lr : float
        The learning rate.
    num_inputs : int
        Pixels of an image over all channels; None to infer it from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or `num_inputs` or `num_outputs` is not a positive integer.
    """

    def __init__(
        self, num_outputs: int, lr: float, num_inputs: int | None = None, rngs: Any = None
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        self.net = nnx.Sequential(flatten, linear(num_inputs, num_outputs, rngs=rngs))

    def forward(self, X: Array) -> Array:
        """Return the logits `(n, num_outputs)` of images `(n, ...)`."""
        return self.net(X)
