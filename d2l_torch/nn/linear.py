"""Fully connected layers with the initial weights that both backends share."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.checks.arguments import check_count
from d2l_common.checks.tensors import check_floating, check_last_axis
from .lazy import LearnsInit


class Linear(nn.Linear):
    """A fully connected layer that checks its input."""

    def forward(self, X: Tensor) -> Tensor:
        """Return `X W^T + b`: floating-point `(..., num_inputs)` to `(..., num_outputs)`."""
        check_floating("X", X.is_floating_point(), X.dtype)
        check_last_axis(self.in_features, X.shape)
        return super().forward(X)


class LazyLinear(LearnsInit, nn.LazyLinear):
    """
    A fully connected layer that infers its number of inputs from the first minibatch.

    The parameters are those of `linear`.
    """

    cls_to_become = Linear

    def __init__(self, num_outputs: int, sigma: float | None = None, generator: Any = None):
        self._draw = (sigma, generator)
        super().__init__(check_count("num_outputs", num_outputs))

    def reset_parameters(self) -> None:
        """Draw the initial weights; called by PyTorch once the shape is known."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            sigma, generator = self._draw
            with torch.no_grad():
                if sigma is None:
                    bound = 1 / math.sqrt(self.in_features)
                    self.weight.uniform_(-bound, bound, generator=generator)
                    self.bias.uniform_(-bound, bound, generator=generator)
                else:
                    self.weight.normal_(0, sigma, generator=generator)
                    self.bias.zero_()


def linear(
    num_inputs: int | None, num_outputs: int, sigma: float | None = None, generator: Any = None
) -> nn.Module:
    """
    Return a fully connected layer, `(n, num_inputs)` to `(n, num_outputs)`.

    Parameters
    ----------
    num_inputs : int
        None to infer it from the first minibatch.
    num_outputs : int
    sigma : float
        Standard deviation of normal weights, with biases of 0; if not given, weights and biases
        are uniform within `1 / sqrt(num_inputs)`.
    generator : torch.Generator
        Draws them; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `num_inputs` or `num_outputs` is not a positive integer.
    """
    layer = LazyLinear(num_outputs, sigma, generator)
    if num_inputs is not None:
        # A row of zeros is PyTorch's way to give a lazy layer its shape.
        with torch.no_grad():
            layer(torch.zeros(1, check_count("num_inputs", num_inputs)))
    return layer


class Flatten(nn.Flatten):
    """Layer that returns each example as a vector: `(n, ...)` to `(n, num_inputs)`."""

    def forward(self, X: Tensor) -> Tensor:
        """Return `X` with two axes, also where each example is one number."""
        return X.reshape(len(X), math.prod(X.shape[1:]))  # -1 is unknown for no examples
