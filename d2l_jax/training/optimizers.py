"""Optimizers (section 3.4.3)."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax
from flax import nnx

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.models import nothing_to_train
from d2l_common.checks.optimizers import check_averages, no_rate_to_set, not_an_optimizer
from d2l_common.hyperparameters import HyperParameters
from .ema import averaging


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


def make_optimizer(model: Any, ema_decay: float | None = None) -> nnx.Optimizer:
    """
    Return the optimizer that a model configures; with `ema_decay` it averages the parameters.

    Raises
    ------
    TypeError
        If `configure_optimizers` does not return an Optax transformation, or returns an
        `nnx.Optimizer` where an average is to be kept.
    ValueError
        If the model has no parameters.
    """
    if not jax.tree.leaves(nnx.state(model, nnx.Param)):
        raise nothing_to_train(model)
    optimizer = model.configure_optimizers()
    if ema_decay is None:
        return as_optimizer(model, optimizer)
    is_other = not isinstance(optimizer, nnx.Optimizer)
    check_averages("an Optax transformation", is_other, optimizer, "its tx")
    return as_optimizer(model, averaging(as_transformation(optimizer), ema_decay))


def as_optimizer(model: nnx.Module, optimizer: Any) -> nnx.Optimizer:
    """Return an Optax transformation, or the like, as an `nnx.Optimizer` of the parameters."""
    if isinstance(optimizer, nnx.Optimizer):
        return optimizer
    return nnx.Optimizer(model, as_transformation(optimizer), wrt=nnx.Param)


def as_transformation(optimizer: Any) -> optax.GradientTransformation:
    """Return an Optax transformation, or a pair of functions like it, as a transformation."""
    is_one = callable(getattr(optimizer, "init", None)) and hasattr(optimizer, "update")
    if not is_one:
        raise not_an_optimizer("an Optax transformation, with init and update", optimizer)
    if isinstance(optimizer, optax.GradientTransformation):
        return optimizer
    return optax.GradientTransformation(optimizer.init, optimizer.update)


def updated(
    tx: optax.GradientTransformation,
    state: Any,
    params: Any,
    grads: Any,
    value: Any,
    value_fn: Callable[[Any], Any],
) -> tuple[Any, Any]:
    """Return parameters and optimizer state after an update, given the loss and its function."""
    # A line search or a plateau needs more than the gradients.
    more = {"value": value, "grad": grads, "value_fn": value_fn}
    try:
        updates, state = optax.with_extra_args_support(tx).update(grads, state, params, **more)
    except ValueError as error:
        error.add_note("If the model's parameters changed since fit began, set trainer.optim.")
        raise
    return optax.apply_updates(params, updates), state


def learning_rates(optim: nnx.Optimizer) -> list[float]:
    """
    Return the learning rates that an optimizer holds in its state.

    Raises
    ------
    TypeError
        If there is none, or a schedule of Optax overwrites it at each step.
    """
    rates = [float(rate[...]) for rate in injected_rates(optim)]
    if not rates:
        raise no_rate_to_set()
    return rates


def set_learning_rates(optim: nnx.Optimizer, rates: Sequence[float]) -> None:
    """Set the learning rates that `learning_rates` returns."""
    for variable, rate in zip(injected_rates(optim), rates, strict=True):
        variable[...] = rate


def injected_rates(optim: nnx.Optimizer) -> list[nnx.Variable]:
    """Return the variables of learning rates that were injected as numbers."""
    is_injected = lambda x: "learning_rate" in getattr(x, "hyperparams", {})  # noqa: E731
    states = jax.tree.leaves(getattr(optim, "opt_state", ()), is_leaf=is_injected)
    return [
        state.hyperparams["learning_rate"]
        for state in filter(is_injected, states)
        if "learning_rate" not in state.hyperparams_states
    ]
