"""The state of training: from a model and its optimizer to arrays, and back, once an epoch."""

from copy import copy
from typing import Any, NamedTuple

import jax
from flax import nnx
from jax import Array, typeof
from jax import numpy as jnp

from d2l_common.training.tape import StepRecord, record_step
from d2l_jax.training.module import as_scalar, computation_only


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


class Split:
    """
    A model and its optimizer, split into structure and variables.

    `graphdef` is the structure of the model: its layers and plain attributes.
    """

    def __init__(self, model: nnx.Module, optim: nnx.Optimizer):
        parts: Any = nnx.split(model, optim.wrt, ...)
        self.graphdef, params, rest = parts
        self._model, self._wrt = model, optim.wrt
        tree = State(params, rest, (optim.step, optim.opt_state))
        self._treedef: Any
        self._leaves, self._treedef = jax.tree.flatten(tree, is_leaf=is_variable)

    def read(self) -> State:
        """Return the arrays, none weakly typed, since a step must keep their types."""
        values = [x.get_raw_value() if is_variable(x) else x for x in self._leaves]
        return self._treedef.unflatten(map(strongly_typed, values))

    def write(self, state: State, arrays_set: dict[str, Any]) -> None:
        """Write the arrays of `state`, and those that a step has set, to model and optimizer."""
        for leaf, array in zip(self._leaves, self._treedef.flatten_up_to(state), strict=True):
            if is_variable(leaf):
                leaf.set_raw_value(array)
        if not all(map(is_variable, self._leaves)):
            nnx.update(self._model, state.rest)  # plain arrays among the attributes
        if arrays_set:
            set_arrays(self._model, arrays_set)

    def run_copy(
        self, params: Any, rest: Any, batch: Any, train: bool
    ) -> tuple[Any, StepRecord, Any, Any]:
        """
        Run the training or validation step of a copy of the model that has these arrays.

        Return its loss (None in validation), its record, and `params` and `rest` after it.
        """
        # A copy, since a model with random state is written to while it is differentiated.
        model = computation_only(nnx.merge(self.graphdef, params, rest, copy=True))
        model.train() if train else model.eval()
        before = attributes(model)
        loss, record = record_step(model, batch, train, as_scalar)
        record = record._replace(attributes=take_arrays_set(model, before))
        parts: Any = nnx.split(model, self._wrt, ...)
        return loss, record, nnx.as_pure(parts[1]), nnx.as_pure(parts[2])


def is_variable(x: Any) -> bool:
    """Return whether `x` is a variable of NNX."""
    return isinstance(x, nnx.Variable)


def strongly_typed(x: Any) -> Any:
    """Return an array, or a pytree of arrays, as arrays that are not weakly typed."""
    if isinstance(x, Array) and not getattr(x, "weak_type", False):
        return x
    return jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.asarray(x).dtype), x)


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
    Return the arrays that a step has set on its copy of the model, by path.

    An array that has replaced one of the same shape and type stays on the copy, as a part of the
    state; any other is taken off, since each step must return a state of the same structure.

    `before` is what `attributes` returned before the step.

    Raises
    ------
    TypeError
        If the step has set anything except arrays, which a compiled step cannot keep.
    """
    modules, after, taken = dict(nnx.iter_modules(model)), attributes(model), {}
    for path in {**before, **after}:
        old, new = before.get(path), after.get(path)
        if new is old or is_unchanged(old, new):
            continue
        name = ".".join(map(str, path))
        leaves = jax.tree.leaves(new, is_leaf=is_variable)
        if is_variable(new):
            raise TypeError(
                f"a step created the variable {name}; create it in __init__, "
                "or remove it before the step returns (nnx.pop)"
            )
        if not leaves or not all(isinstance(leaf, Array) for leaf in leaves):
            raise TypeError(
                f"a step set {name}, which a compiled step cannot keep; "
                f"make it an nnx.Variable in __init__ and set {name}[...]"
            )
        taken[name] = new
        if not (isinstance(old, Array) and isinstance(new, Array) and typeof(old) == typeof(new)):
            delattr(modules[path[:-1]], path[-1])
            if path in before:  # as data: NNX does not recognize a traced array
                setattr(modules[path[:-1]], path[-1], nnx.data(old) if is_data(old) else old)
    return taken


def is_unchanged(old: Any, new: Any) -> bool:
    """Return whether an attribute that a step has set is as it was, or a variable as before."""
    if is_variable(old) or is_variable(new):
        return is_variable(old) and is_variable(new)
    return not is_data(new) and type(old) is type(new) and repr(old) == repr(new)


def is_data(value: Any) -> bool:
    """Return whether an attribute holds arrays."""
    return any(isinstance(leaf, Array) for leaf in jax.tree.leaves(value))


def set_arrays(model: nnx.Module, arrays: dict[str, Any]) -> None:
    """Set on a model what `take_arrays_set` has taken from the step's copy of it."""
    modules = {tuple(map(str, path)): module for path, module in nnx.iter_modules(model)}
    for name, array in arrays.items():
        *path, leaf = name.split(".")
        setattr(modules[tuple(path)], leaf, nnx.data(array))
