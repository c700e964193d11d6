"""
The pure functions that a Trainer compiles: a step, and an epoch as a scan over steps.

State goes in and out as pytrees of arrays: `params` is what is trained, `rest` the model's other
variables (random streams, running averages), `metrics` maps labels to numbers.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.fits import check_training_loss, named_metrics, nothing_learned
from d2l_jax.training.compiled import PLAIN
from d2l_jax.training.module import taping

State = Any
Metrics = dict[str, Array]


def make_train_step(
    model: nnx.Module, tx: Any, wrt: Any = nnx.Param, clip: Callable[[Any], Any] | None = None
) -> Callable[..., Any]:
    """
    Return the pure step `(params, rest, opt_state), batch -> (params, rest, opt_state), metrics`.

    Parameters
    ----------
    model : nnx.Module
        Only its structure and methods count; its arrays come with each call.
    tx : optax.GradientTransformation
    wrt : filter of NNX
        Which variables are `params`, those to train.
    clip : callable
        What is done to the gradients first, if anything.
    """
    graphdef, _, _ = split(model, wrt)
    update = optax.with_extra_args_support(tx).update

    def loss_fn(params: State, rest: State, batch: Any) -> tuple[Array, tuple[Any, Metrics]]:
        # A copy, since a model with random state is written to while it is differentiated.
        model = nnx.merge(graphdef, params, rest, copy=True)
        before = attributes(model)
        with taping() as plotted:
            loss = model.training_step(batch)
        check_training_loss(loss)
        if type(loss) is not type(jax.tree.leaves(params)[0]):
            raise nothing_learned()  # what depends on the parameters is traced as they are
        check_attributes_stay(before, attributes(model))
        return loss, (nnx.as_pure(split(model, wrt)[1:]), plotted)

    def train_step(state: tuple[State, State, State], batch: Any) -> tuple[Any, Metrics]:
        params, rest, opt_state = state
        (loss, (after, plotted)), grads = jax.value_and_grad(loss_fn, has_aux=True)(
            params, rest, batch
        )
        grads = grads if clip is None else clip(grads)
        # A line search or a plateau needs more than the gradients.
        value_fn = partial(lambda rest, params: loss_fn(params, rest, batch)[0], rest)
        extra = {"value": loss, "grad": grads, "value_fn": value_fn}
        params, rest = after  # with what the model's own code has set
        try:
            updates, opt_state = update(grads, opt_state, params, **extra)
        except ValueError as error:
            error.add_note(
                "If the model's parameters are others than when the fit began, the optimizer "
                "must be made anew, too: set trainer.optim."
            )
            raise
        params = optax.apply_updates(params, updates)
        return (params, rest, opt_state), {"train_loss": loss, **plotted}

    return train_step


def make_validation_step(model: nnx.Module) -> Callable[..., Any]:
    """Return the pure step `(params, rest), batch -> (params, rest), metrics`."""
    graphdef, _, _ = split(model)

    def validation_step(state: tuple[State, State], batch: Any) -> tuple[Any, Metrics]:
        model = nnx.merge(graphdef, *state, copy=True)
        before = attributes(model)
        with taping() as plotted:
            metrics = named_metrics(model.validation_step(batch))
        check_attributes_stay(before, attributes(model))
        return nnx.as_pure(split(model)[1:]), metrics | plotted

    return validation_step


def make_epoch(
    step: Callable[..., Any], gather: Callable[..., Any], batch_size: int
) -> Callable[..., Any]:
    """
    Return the pure epoch `state, arrays, order -> state, metrics`: `step` over every minibatch.

    Parameters
    ----------
    step : callable
        `state, batch -> state, metrics`.
    gather : callable
        `arrays, indices -> batch`.
    batch_size : int
        The last minibatch has what is left of `order`.
    """

    def epoch(state: Any, arrays: tuple[Array, ...], order: Array) -> tuple[Any, Metrics]:
        def body(state: Any, indices: Array) -> tuple[Any, Metrics]:
            return step(state, gather(arrays, indices))

        full = len(order) // batch_size * batch_size
        parts = []
        if full:
            state, metrics = jax.lax.scan(body, state, order[:full].reshape(-1, batch_size))
            parts.append(metrics)
        if full < len(order):
            state, last = body(state, order[full:])
            parts.append(jax.tree.map(lambda value: jnp.asarray(value)[None], last))
        return state, joined(parts)

    return epoch


def joined(parts: list[Metrics]) -> Metrics:
    """Return the metrics of consecutive steps, `{label: (num_steps,)}`, of all parts together."""
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        if part.keys() != parts[0].keys():
            raise ValueError(
                "a step must plot the same names for every minibatch, also for the smaller last "
                f"one, not {sorted(parts[0])} and then {sorted(part)}"
            )
    return {label: jnp.concatenate([part[label] for part in parts]) for label in parts[0]}


def as_transformation(optimizer: Any) -> optax.GradientTransformation:
    """
    Return the optimizer that a model configured as an Optax transformation.

    Raises
    ------
    TypeError
        If it has no `init` and `update`.
    """
    if not (callable(getattr(optimizer, "init", None)) and hasattr(optimizer, "update")):
        raise TypeError(
            "configure_optimizers must return an Optax transformation, with init and update, "
            f"not {optimizer!r}"
        )
    if isinstance(optimizer, optax.GradientTransformation):
        return optimizer
    return optax.GradientTransformation(optimizer.init, optimizer.update)


def split(model: nnx.Module, wrt: Any = nnx.Param) -> Any:
    """Return `(graphdef, params, rest)`: a model's structure, what is trained, other variables."""
    return nnx.split(model, wrt, ...)


def attributes(model: nnx.Module) -> dict[str, Any]:
    """Return what a model and its layers hold, plain values as text, by names as `net.kernel`."""
    return {
        ".".join(map(str, (*path, name))): repr(value) if isinstance(value, PLAIN) else value
        for path, module in nnx.iter_modules(model)
        for name, value in vars(module).items()
        if not name.startswith("_pytree__")  # of NNX itself
    }


def check_attributes_stay(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Raise a `TypeError` if a step has set an attribute, unless it was and is a variable."""
    for name in before | after:
        old, new = before.get(name), after.get(name)
        if old is new or (isinstance(old, nnx.Variable) and isinstance(new, nnx.Variable)):
            continue
        if isinstance(old, str) and isinstance(new, str) and old == new:
            continue
        if isinstance(new, nnx.Variable):
            raise TypeError(
                f"a step made the variable {name}, which a compiled step cannot keep: "
                "make it in __init__, or take it away at the end of the step, as nnx.pop does"
            )
        raise TypeError(
            f"a step set {name}, which a compiled step cannot keep: "
            f"make it an nnx.Variable in __init__ and set {name}[...]"
        )


def variables(tree: Any) -> tuple[list[Any], Any]:
    """Return the variables of a pytree, with the arrays that are in none, and its structure."""
    return jax.tree.flatten(tree, is_leaf=lambda x: isinstance(x, nnx.Variable))


class LiveState:
    """
    The state of a step as it stands in a model and its optimizer: a pytree read, and written back.

    Parameters
    ----------
    tree : pytree of nnx.Variable
        Such as parts of a split model; arrays among them are kept here.
    """

    _leaves: list[Any]
    _treedef: Any

    def __init__(self, tree: Any):
        self._leaves, self._treedef = variables(tree)

    def read(self) -> State:
        """Return the arrays, none of them weakly typed: a step must keep their types."""
        # As they are kept: a hook of a variable is for those who read it, in the step as well.
        values = [x.get_raw_value() if isinstance(x, nnx.Variable) else x for x in self._leaves]
        return self._treedef.unflatten(map(strongly_typed, values))

    def write(self, state: State) -> None:
        """Set the variables to the arrays of `state`, which has the same structure."""
        for i, value in enumerate(self._treedef.flatten_up_to(state)):
            if isinstance(self._leaves[i], nnx.Variable):
                self._leaves[i].set_raw_value(value)
            else:
                self._leaves[i] = value


def strongly_typed(value: Any) -> Any:
    """Return an array, a number or a pytree of them as arrays that are not weakly typed."""
    if isinstance(value, jax.Array) and not getattr(value, "weak_type", False):
        return value
    if jax.tree_util.all_leaves([value]):
        return jax.lax.convert_element_type(value, jnp.asarray(value).dtype)
    return jax.tree.map(strongly_typed, value)
