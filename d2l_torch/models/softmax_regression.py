"""Softmax regression, from scratch and concise (sections 4.4 and 4.5)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.arguments import check_count, check_nonnegative
from .. import functional
from ..functional import linreg, softmax
from ..nn.linear import Flatten, linear
from ..tensors import normal, reshape, zeros
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
    generator : torch.Generator
        Draws them; PyTorch's global one if not given.

    Attributes
    ----------
    W : tensor of shape `(num_inputs, num_outputs)`
    b : tensor of shape `(num_outputs,)`

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
        generator: Any = None,
    ):
        super().__init__()
        check_count("num_inputs", num_inputs)
        check_count("num_outputs", num_outputs)
        check_nonnegative("lr", lr)
        check_nonnegative("sigma", sigma)
        self.save_hyperparameters(ignore=["generator"])
        size = (num_inputs, num_outputs)
        self.W = normal(0, sigma, size, generator=generator, requires_grad=True)
        self.b = zeros(num_outputs, requires_grad=True)

    def forward(self, X: Tensor) -> Tensor:
        """Return the probabilities `(n, num_outputs)` of images `(n, ...)`."""
        X = reshape(X, (len(X), -1))
        return softmax(linreg(X, self.W, self.b))

    def loss(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
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
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, or `num_inputs` or `num_outputs` is not a positive integer.
    """

    def __init__(
        self, num_outputs: int, lr: float, num_inputs: int | None = None, generator: Any = None
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        self.net = nn.Sequential(Flatten(), linear(num_inputs, num_outputs, generator=generator))

    def forward(self, X: Tensor) -> Tensor:
        """Return the logits `(n, num_outputs)` of images `(n, ...)`."""
        return self.net(X)
