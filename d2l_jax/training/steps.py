"""
The state of training as pytrees of arrays, and an epoch as a scan over steps.

`Trainer.train_step` and `Trainer.validation_step` are pure functions `state, batch -> state,
record`. Here stands what takes them over many minibatches, and what reads and checks a state.
"""

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx
from jax import Array
from jax import numpy as jnp
from jax.extend.core import jaxprs_in_params

from d2l_common.training.tape import StepRecord


class State(NamedTuple):
    """
    Arrays that a step reads and returns: pytrees without any module.

    Attributes
    ----------
    params : pytree
        The variables that are trained.
    rest : pytree
        The model's other variables and arrays, such as random streams and running averages.
    optimizer : pytree
        The number of steps taken, and the state of the Optax transformation.
    """

    params: Any
    rest: Any
    optimizer: Any


Step = Callable[[State, Any], tuple[State, StepRecord]]


def over_minibatches(step: Step, gather: Callable[..., Any], batch_size: int) -> Callable[..., Any]:
    """
    Return the pure function `state, arrays, order -> state, records`: `step` on each minibatch.

    Parameters
    ----------
    step : callable
        `state, batch -> state, record`.
    gather : callable
        `arrays, indices -> batch`.
    batch_size : int
        The last minibatch has the remaining rows of `order`. It is taken after the scan, since it
        may be smaller.
    """

    def run(state: State, arrays: Any, order: Array) -> tuple[State, StepRecord]:
        def body(state: State, rows: Array) -> tuple[State, StepRecord]:
            state, record = step(state, gather(arrays, rows))
            return state, record._replace(attributes={})

        full = (len(order) - 1) // batch_size * batch_size
        records = []
        if full:
            state, record = jax.lax.scan(body, state, order[:full].reshape(-1, batch_size))
            records.append(record)
        state, last = step(state, gather(arrays, order[full:]))
        records.append(jax.tree.map(lambda value: jnp.asarray(value)[None], last))
        return state, joined(records)._replace(attributes=last.attributes)

    return run


class Program:
    """
    A step, compiled for the minibatches of a loader.

    An epoch is one scan; but on a CPU a convolution takes five times as long inside a scan, so
    there a step with one is called once a minibatch. The numbers are the same.

    Parameters
    ----------
    step : callable
        A jitted step.
    loader : TensorLoader
    """

    def __init__(self, step: Any, loader: Any):
        self._step, self._loader = step, loader
        self._run = jax.jit(over_minibatches(step, loader.gather, loader.plan.batch_size))
        self._at_once: bool | None = None

    def __call__(
        self, state: State, arrays: Any, order: np.ndarray
    ) -> Iterator[tuple[State, StepRecord]]:
        """Yield the state and the records of consecutive steps over the rows in `order`."""
        if self._at_once is None:
            rows = order[: self._loader.plan.batch_size]
            batch = jax.eval_shape(self._loader.gather, arrays, rows)
            self._at_once = not is_slow_in_scan(self._step, state, batch)
        for rows in [order] if self._at_once else self._loader.plan.split(order):
            state, record = self._run(state, arrays, rows)
            yield state, record


def is_slow_in_scan(step: Any, state: State, batch: Any) -> bool:
    """Return whether a jitted step has a convolution and runs on a CPU."""
    # https://github.com/jax-ml/jax/issues/12868
    [*devices] = jax.tree.leaves(state)[0].devices()
    if jax.config.jax_disable_jit or devices[0].platform != "cpu":
        return False
    return "conv_general_dilated" in primitives(step.trace(state, batch).jaxpr)


def joined(records: list[StepRecord]) -> StepRecord:
    """Return the records of consecutive steps, `(num_steps,)` each, as one."""
    names = [sorted({*record.plotted, *record.returned}) for record in records]
    if names[0] != names[-1]:
        raise ValueError(
            "a step must plot the same names for every minibatch, also for the smaller last one, "
            f"got {names[0]} and then {names[-1]}"
        )
    records = [record._replace(attributes={}) for record in records]
    return jax.tree.map(lambda *values: jnp.concatenate(values), *records)


def primitives(jaxpr: Any) -> set[str]:
    """Return the names of the operations in a jaxpr, also of those inside other operations."""
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    names = set()
    for equation in jaxpr.eqns:
        names.add(equation.primitive.name)
        for inner in jaxprs_in_params(equation.params):
            names |= primitives(inner)
    return names


def as_arrays(variables: Any) -> Any:
    """Return a pytree of variables as arrays, none weakly typed: a step must keep their types."""
    return jax.tree.map(_strongly_typed, nnx.as_pure(variables))


def write(variables: Any, arrays: Any) -> bool:
    """Set a pytree of variables to arrays; return False if it also holds arrays, not set here."""
    leaves, treedef = jax.tree.flatten(variables, is_leaf=lambda x: isinstance(x, nnx.Variable))
    for variable, array in zip(leaves, treedef.flatten_up_to(arrays), strict=True):
        if isinstance(variable, nnx.Variable):
            variable.set_raw_value(array)
    return all(isinstance(leaf, nnx.Variable) for leaf in leaves)


def _strongly_typed(x: Any) -> Array:
    if isinstance(x, Array) and not getattr(x, "weak_type", False):
        return x
    return jax.lax.convert_element_type(x, jnp.asarray(x).dtype)


def attributes(model: nnx.Module) -> dict[tuple[Any, ...], Any]:
    """Return the attributes of a model and its layers by path, such as `("net", "kernel")`."""
    return {
        (*path, name): copy(value) if isinstance(value, list | dict) else value
        for path, module in nnx.iter_modules(model)
        for name, value in vars(module).items()
        if not name.startswith("_pytree__")  # of NNX itself
    }


def take_arrays_set(model: nnx.Module, before: dict[tuple[Any, ...], Any]) -> dict[str, Any]:
    """
    Remove the arrays that a step has set on its copy of the model, and return them by path.

    An array that has replaced one of the same shape and type stays: it is part of the state.

    Parameters
    ----------
    model : nnx.Module
        After the step.
    before : dict
        What `attributes` returned before the step.

    Raises
    ------
    TypeError
        If the step has set anything except an array, which a compiled step cannot keep.
    """
    modules, after, taken = dict(nnx.iter_modules(model)), attributes(model), {}
    for path in {**before, **after}:
        old, new = before.get(path), after.get(path)
        if new is old or same_kind(old, new):
            continue
        name = ".".join(map(str, path))
        if isinstance(new, nnx.Variable):
            raise TypeError(
                f"a step created the variable {name}; create it in __init__, "
                "or remove it before the step returns (nnx.pop)"
            )
        leaves = jax.tree.leaves(new)
        if not leaves or not all(isinstance(leaf, Array) for leaf in leaves):
            raise TypeError(
                f"a step set {name}, which a compiled step cannot keep; "
                f"make it an nnx.Variable in __init__ and set {name}[...]"
            )
        taken[name] = new
        delattr(modules[path[:-1]], path[-1])
        if path in before:
            setattr(modules[path[:-1]], path[-1], old)
    return taken


def same_kind(old: Any, new: Any) -> bool:
    """Return whether a compiled step may replace the attribute `old` by `new`."""
    if isinstance(old, nnx.Variable) or isinstance(new, nnx.Variable):
        return isinstance(old, nnx.Variable) and isinstance(new, nnx.Variable)
    if isinstance(old, Array) and isinstance(new, Array):
        return old.shape == new.shape and old.dtype == new.dtype
    return not isinstance(old, Array) and type(old) is type(new) and repr(old) == repr(new)


def set_arrays(model: nnx.Module, arrays: dict[str, Any]) -> None:
    """Set on a model what `take_arrays_set` has taken from the step's copy of it."""
    modules = {tuple(map(str, path)): module for path, module in nnx.iter_modules(model)}
    for name, array in arrays.items():
        *path, leaf = name.split(".")
        setattr(modules[tuple(path)], leaf, array)
