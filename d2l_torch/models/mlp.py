"""Multilayer perceptrons, from scratch and concise (section 5.2)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.arguments import check_count, check_nonnegative
from ..functional import linreg, relu
from ..nn.linear import Flatten, linear
from ..tensors import normal, reshape, zeros
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
    generator : torch.Generator
        Draws them; PyTorch's global one if not given.

    Attributes
    ----------
    W1, b1 : tensors of shape `(num_inputs, num_hiddens)` and `(num_hiddens,)`
    W2, b2 : tensors of shape `(num_hiddens, num_outputs)` and `(num_outputs,)`

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
        generator: Any = None,
    ):
        super().__init__()
        check_count("num_inputs", num_inputs)
        check_count("num_outputs", num_outputs)
        check_count("num_hiddens", num_hiddens)
        check_nonnegative("lr", lr)
        check_nonnegative("sigma", sigma)
        self.save_hyperparameters(ignore=["generator"])
        size1, size2 = (num_inputs, num_hiddens), (num_hiddens, num_outputs)
        self.W1 = normal(0, sigma, size1, generator=generator, requires_grad=True)
        self.b1 = zeros(num_hiddens, requires_grad=True)
        self.W2 = normal(0, sigma, size2, generator=generator, requires_grad=True)
        self.b2 = zeros(num_outputs, requires_grad=True)

    def forward(self, X: Tensor) -> Tensor:
        """Return the logits `(n, num_outputs)` of images `(n, ...)`."""
        X = reshape(X, (len(X), -1))
        H = relu(linreg(X, self.W1, self.b1))
        return linreg(H, self.W2, self.b2)


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
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

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
        generator: Any = None,
    ):
        super().__init__()
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["generator"])
        self.net = nn.Sequential(
            Flatten(),
            linear(num_inputs, num_hiddens, generator=generator),
            nn.ReLU(),
            linear(num_hiddens, num_outputs, generator=generator),
        )
