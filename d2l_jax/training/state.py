"""The state of training: from a model and its optimizer to arrays, and back, once an epoch."""

from functools import partial
from numbers import Number
from operator import is_
from typing import Any, NamedTuple

import jax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.training.tape import StepRecord, record_step
from ..variables import is_variable, raw_value
from .module import as_scalar, to_compute_with


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
        return self._treedef.unflatten(strongly_typed(raw_value(x)) for x in self._leaves)

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
        model = to_compute_with(nnx.merge(self.graphdef, params, rest, copy=True))
        model.train() if train else model.eval()
        before = attributes(model)
        given = give_containers(model)
        loss, record = record_step(model, batch, train, as_scalar)
        record = record._replace(attributes=take_arrays_set(model, before, given))
        parts: Any = nnx.split(model, self._wrt, ...)
        return loss, record, nnx.as_pure(parts[1]), nnx.as_pure(parts[2])


leaves_of = partial(jax.tree.leaves, is_leaf=is_variable)


def strongly_typed(x: Any) -> Any:
    """Return an array, or a pytree of arrays, as arrays that are not weakly typed."""
    if isinstance(x, Array) and not getattr(x, "weak_type", False):
        return x
    return jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.asarray(x).dtype), x)


def attributes(model: nnx.Module) -> dict[tuple[Any, ...], Any]:
    """Return the attributes of a model and its layers by path, such as `("net", "kernel")`."""
    return {
        (*path, name): value
        for path, module in nnx.iter_modules(model)
        for name, value in vars(module).items()
        if not name.startswith("_pytree__")  # of NNX itself
    }


def give_containers(model: nnx.Module) -> list[Any]:
    """Replace the lists and dicts of a copy, which shares them, by copies; return these."""
    modules, given = dict(nnx.iter_modules(model)), []
    for path, value in attributes(model).items():
        if isinstance(value, list | dict):
            is_leaf = lambda x: not isinstance(x, list | dict | tuple)  # noqa: E731
            given.append(jax.tree.map(lambda x: x, value, is_leaf=is_leaf))
            vars(modules[path[:-1]])[path[-1]] = given[-1]
    return given


def take_arrays_set(model: nnx.Module, before: Any, given: list[Any]) -> dict[str, Any]:
    """
    Return the arrays that a step has set on its copy of the model, by path.

    Arrays that have replaced others of the same shapes and types stay on the copy, as a part of the
    state; any other are taken off, since each step must return a state of the same structure.

    `before` and `given` are what `attributes` and `give_containers` returned before the step.

    Raises
    ------
    TypeError
        If the step has set anything except arrays, which a compiled step cannot keep; or has set
        a number to an array, an array to one of another type, or has added to or removed from a
        list or dict, since each step would read the value from before.
    """
    modules, after, taken = dict(nnx.iter_modules(model)), attributes(model), {}
    for path in {**before, **after}:
        old, new = before.get(path), after.get(path)
        if new is old or is_unchanged(old, new):
            continue
        name = ".".join(map(str, path))
        if is_variable(new):
            raise TypeError(
                f"a step created the variable {name}; create it in __init__, "
                "or remove it before the step returns (nnx.pop)"
            )
        leaves, stays = leaves_of(new), types(old) == types(new)
        is_in_place = not stays and any(new is container for container in given)
        if is_in_place or not leaves or not all(isinstance(leaf, Array) for leaf in leaves):
            raise TypeError(
                f"a step {'set' if path in after else 'deleted'} {name}, which a compiled step "
                f"cannot keep; make it an nnx.Variable in __init__ and set {name}[...]"
            )
        is_number = isinstance(old, Number)
        if is_number or (not stays and getattr(old, "shape", 0) == getattr(new, "shape", None)):
            was, array = repr(old) if is_number else old.dtype, f"an array of {leaves[0].dtype}"
            raise TypeError(
                f"a step set {name}, {was}, to {array}, which each step would read as {was}; "
                f"assign {array} in __init__"
            )
        taken[name] = new = strongly_typed(new)
        delattr(modules[path[:-1]], path[-1])
        if path in before:  # as data: NNX does not recognize a traced array
            kept = new if stays else old
            setattr(modules[path[:-1]], path[-1], nnx.data(kept) if is_data(kept) else kept)
    return taken


def is_unchanged(old: Any, new: Any) -> bool:
    """Return whether an attribute has the value from before a step, or both are variables."""
    if is_variable(old) or is_variable(new):
        return is_variable(old) and is_variable(new)
    if is_data(new):
        return types(old) == types(new) and all(map(is_, leaves_of(old), leaves_of(new)))
    return type(old) is type(new) and repr(old) == repr(new)


def types(value: Any) -> Any:
    """Return the structure of a pytree, and the shape and type of each array in it."""
    kinds = [(getattr(x, "shape", None), getattr(x, "dtype", None)) for x in leaves_of(value)]
    return jax.tree.structure(value, is_leaf=is_variable), kinds


def is_data(value: Any) -> bool:
    """Return whether an attribute holds arrays."""
    return any(isinstance(leaf, Array) for leaf in jax.tree.leaves(value))


def set_arrays(model: nnx.Module, arrays: dict[str, Any]) -> None:
    """Set on a model what `take_arrays_set` has taken from the step's copy of it."""
    modules = {tuple(map(str, path)): module for path, module in nnx.iter_modules(model)}
    for name, array in arrays.items():
        *path, leaf = name.split(".")
        setattr(modules[tuple(path)], leaf, nnx.data(array))
