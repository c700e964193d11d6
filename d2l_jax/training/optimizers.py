"""Optimizers (section 3.4.3)."""

from typing import Any

import jax
import optax
from flax import nnx

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.fits import nothing_to_train
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
        If `lr` is not a finite number, or is negative.
    """

    def __init__(self, lr: float):
        check_nonnegative("lr", lr)
        self.save_hyperparameters()

    def init(self, params: Any) -> optax.EmptyState:
        """Return the optimizer's state, which is empty."""
        return optax.EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """Return the update of each parameter, `-lr` times its gradient, and the state."""
        return jax.tree.map(lambda grad: -self.lr * grad, updates), state

    def __call__(self) -> optax.GradientTransformation:
        """Return the pair of functions that Optax calls a gradient transformation."""
        return optax.GradientTransformation(self.init, self.update)


def make_optimizer(model: Any) -> nnx.Optimizer:
    """
    Return the optimizer that a model configures.

    Raises
    ------
    TypeError
        If `configure_optimizers` does not return an Optax transformation.
    ValueError
        If the model has no parameters.
    """
    if not jax.tree.leaves(nnx.state(model, nnx.Param)):
        raise nothing_to_train(model)
    return as_optimizer(model, model.configure_optimizers())


def as_optimizer(model: nnx.Module, optimizer: Any) -> nnx.Optimizer:
    """Return an Optax transformation, or the like, as an `nnx.Optimizer` of the parameters."""
    if isinstance(optimizer, nnx.Optimizer):
        return optimizer
    if not (callable(getattr(optimizer, "init", None)) and hasattr(optimizer, "update")):
        raise TypeError(
            "configure_optimizers must return an Optax transformation, with init and update, "
            f"got {type(optimizer).__name__}"
        )
    if not isinstance(optimizer, optax.GradientTransformation):
        optimizer = optax.GradientTransformation(optimizer.init, optimizer.update)
    return nnx.Optimizer(model, optimizer, wrt=nnx.Param)
