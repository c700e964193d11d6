"""Optimizers (section 3.4.3)."""

from typing import Any

import torch

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.hyperparameters import HyperParameters


class SGD(HyperParameters):
    """
    Minibatch stochastic gradient descent (section 3.4.3).

    Parameters
    ----------
    params : list of tensors
        Changed in place.
    lr : float
        The learning rate.

    Raises
    ------
    TypeError, ValueError
        If `lr` is no finite number that is not negative.
    """

    def __init__(self, params: Any, lr: float):
        check_nonnegative("lr", lr)
        params = list(params)
        self.save_hyperparameters()

    def step(self) -> None:
        """Subtract `lr` times its gradient from each parameter."""
        with torch.no_grad():
            for param in self.params:
                if param.grad is not None:
                    param -= self.lr * param.grad

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        for param in self.params:
            if param.grad is not None:
                param.grad.zero_()
