"""Weight decay, from scratch and concise (section 3.7)."""

from typing import Any

import torch
from torch import Tensor

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.fits import learning_rate
from d2l_common.checks.tensors import check_floating
from ..conversion import as_tensor
from .linear_regression import LinearRegression, LinearRegressionScratch


def l2_penalty(w: Tensor) -> Tensor:
    """
    Return half the sum of squares of `w` (section 3.7.3.1).

    Parameters
    ----------
    w : floating-point tensor of any shape

    Returns
    -------
    tensor of shape `()`

    Raises
    ------
    TypeError
        If `w` holds integers.
    """
    w = as_tensor(w, "w")
    check_floating("w", w.is_floating_point(), w.dtype)
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
    generator : torch.Generator
        Draws them; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `lambd`, `lr` or `sigma` is negative, or `num_inputs` is not a positive integer.
    """

    lambd: float
    w: Tensor

    def __init__(
        self,
        num_inputs: int,
        lambd: float,
        lr: float,
        sigma: float = 0.01,
        generator: Any = None,
    ):
        super().__init__(num_inputs, lr, sigma, generator)
        check_nonnegative("lambd", lambd)
        self.save_hyperparameters(ignore=["generator"])

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the mean of half the squared errors plus `lambd` times the penalty."""
        return super().loss(y_hat, y) + self.lambd * l2_penalty(self.w)


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
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `wd` or `lr` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(self, wd: float, lr: float, num_inputs: int | None = None, generator: Any = None):
        super().__init__(lr, num_inputs, generator)
        check_nonnegative("wd", wd)
        self.save_hyperparameters(ignore=["generator"])

    def configure_optimizers(self) -> Any:
        """Return PyTorch's minibatch SGD, with a decay of the weights only."""
        weights = {"params": self.net.weight, "weight_decay": self.wd}
        return torch.optim.SGD([weights, {"params": self.net.bias}], lr=learning_rate(self))
