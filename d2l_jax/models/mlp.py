"""Multilayer perceptrons, from scratch and concise (section 5.2)."""

from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.arguments import check_count, check_nonnegative
from ..functional import linreg, relu
from ..nn.linear import flatten, linear
from ..random import default_rngs
from ..tensors import reshape, zeros
from ..training.classifier import Classifier


class MLPScratch(Classifier):
    """
    Multilayer perceptron with one hidden layer, from scratch (section 5.2.1).

    Parameters
    ----------
    num_inputs : int
        Pixels of an image over all channels.
    num_outputs : int
        The number of classes.
    num_hiddens : int
        The width of the hidden layer.
    lr : float
        The learning rate.
    sigma : float
        The standard deviation of the initial weights; initial biases are 0.
    rngs : nnx.Rngs
        Draws them; `get_key()` if not given.

    Attributes
    ----------
    W1, b1 : nnx.Params of shape `(num_inputs, num_hiddens)` and `(num_hiddens,)`
    W2, b2 : nnx.Params of shape `(num_hiddens, num_outputs)` and `(num_outputs,)`

    Raises
    ------
    TypeError, ValueError
        If `lr` or `sigma` is negative, or a number of units is not a positive integer.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        num_hiddens: int,
        lr: float,
        sigma: float = 0.01,
        rngs: Any = None,
    ):
        super().__init__()
        check_count("num_inputs", num_inputs)
        check_count("num_outputs", num_outputs)
        check_count("num_hiddens", num_hiddens)
        check_nonnegative("lr", lr)
        check_nonnegative("sigma", sigma)
        self.save_hyperparameters(ignore=["rngs"])
        normal = default_rngs(rngs).params.normal
        self.W1 = nnx.Param(sigma * normal((num_inputs, num_hiddens)))
        self.b1 = nnx.Param(zeros(num_hiddens))
        self.W2 = nnx.Param(sigma * normal((num_hiddens, num_outputs)))
        self.b2 = nnx.Param(zeros(num_outputs))

    def forward(self, X: Array) -> Array:
        """Return the logits `(n, num_outputs)` of images `(n, ...)`."""
        X = reshape(X, (len(X), -1))
        H = relu(linreg(X, self.W1[...], self.b1[...]))
        return linreg(H, self.W2[...], self.b2[...])


class MLP(Classifier):
    """
    Multilayer perceptron with one hidden layer, with high-level APIs (section 5.2.2).

    Parameters
    ----------
    num_outputs : int
        The number of classes.
    num_hiddens : int
        The width of the hidden layer.
    lr : float
        The learning rate.
    num_inputs : int
        Pixels of an image over all channels; None to infer it from the first minibatch.
    rngs : nnx.Rngs
        Draws the initial weights; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or a number of units is not a positive integer.
    """

    def __init__(
        self,
        num_outputs: int,
        num_hiddens: int,
        lr: float,
        num_inputs: int | None = None,
        rngs: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        rngs = default_rngs(rngs)
        self.net = nnx.Sequential(
            flatten,
            linear(num_inputs, num_hiddens, rngs=rngs),
            nnx.relu,
            linear(num_hiddens, num_outputs, rngs=rngs),
        )
