"""Optimizers (section 3.4.3)."""

from typing import Any

import jax
import optax

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.hyperparameters import HyperParameters


class SGD(HyperParameters):
    """
    Minibatch stochastic gradient descent, as an Optax transformation (section 3.4.3).

    Parameters
    ----------
    lr : float
        The learning rate.

    Raises
    ------
    TypeError, ValueError
        If `lr` is no finite number that is not negative.
    """

    def __init__(self, lr: float):
        check_nonnegative("lr", lr)
        self.save_hyperparameters()

    def init(self, params: Any) -> optax.EmptyState:
        """Return the optimizer's state: SGD has none."""
        return optax.EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """Return what is to be added to each parameter, `-lr` times its gradient; and the state."""
        return jax.tree.map(lambda grad: -self.lr * grad, updates), state

    def __call__(self) -> optax.GradientTransformation:
        """Return the pair of functions that Optax calls a gradient transformation."""
        return optax.GradientTransformation(self.init, self.update)
