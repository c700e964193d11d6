"""The state of an optimizer of Optax, as arrays in PyTorch's names and back (section 6.6)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from d2l_common.checks.optimizers import check_arrays_kept
from d2l_common.training.checkpoints import Snapshot
from ..layouts import Unit, units
from ..variables import is_variable, raw_value
from ..weights import as_dtype
from .ema import Averaging
from .optimizers import make_optimizer

# Optax's states that PyTorch's optimizers have too: their fields, and PyTorch's names.
MOMENTS: dict[Any, dict[str, str]] = {
    optax.ScaleByAdamState: {"mu": "exp_avg", "nu": "exp_avg_sq"},
    optax.TraceState: {"trace": "momentum_buffer"},
    Averaging: {"average": "average"},  # of this library, on both backends
}
AVERAGE = "average"  # the beginning of the paths of averages
Arrays = dict[str, np.ndarray]


class OptimizerAsArrays:
    """Mixin of a Trainer: a copy or a file of it keeps the arrays of its optimizer alone."""

    model: Any  # the Trainer has the rest
    optim: Any
    ema_decay: float | None

    # Optax's transformations are made of functions that pickle cannot write.
    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy or a file keeps."""
        state: Any = super().__getstate__()
        if isinstance(state.get("optim"), nnx.Optimizer):
            state["optim"] = nnx.state(self.optim)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes of a copy; its model configures the optimizer again."""
        super().__setstate__(state)  # type: ignore[misc]
        if isinstance(state.get("optim"), nnx.State):
            self.optim = make_optimizer(self.model, self.ema_decay)
            nnx.update(self.optim, state["optim"])


def take_optimizer(
    model: nnx.Module, optimizer: nnx.Optimizer | None
) -> tuple[Arrays, Arrays, dict[str, Any]]:
    """
    Return the arrays of an optimizer in PyTorch's names, the others by path, and facts for JSON.

    PyTorch's names are such as `net.1.weight.exp_avg`, as in its `state_dict`.
    """
    if optimizer is None:
        return {}, {}, {"optimizer": None, "lost": []}
    nodes, others = parts(optimizer)
    named: Arrays = {}
    try:
        layers = units(model)
        for node in (*nodes, *averages(optimizer)):
            named |= translated(layers, node)
        lost = ["the state of the optimizer"] if any(x.size > 1 for x in others.values()) else []
    except ValueError as error:
        named, lost = {}, [f"the state of the optimizer ({error})"]
        others = leaves_of(without_average(optimizer)) | average_leaves(optimizer)
    own = {name: np.asarray(raw_value(x)) for name, x in others.items()}
    return named, own, {"optimizer": kind(nodes), "lost": lost}


def restore_optimizer(
    model: nnx.Module, optimizer: nnx.Optimizer, taken: Snapshot, is_own: bool
) -> None:
    """
    Set an optimizer to a snapshot; if the other backend has written it, without hyperparameters.

    Raises
    ------
    ValueError
        If the optimizer keeps other arrays.
    """
    nodes, others = parts(optimizer)
    if not is_own and taken.facts["lost"]:
        return
    keys = {name.rpartition(".")[2] for name in taken.optimizer} - {"step", "average"}
    if taken.optimizer or not is_own:
        check_keys(nodes, keys)
        layers = units(model)
        changes = [change for node in nodes for change in to_jax(layers, node, taken.optimizer)]
    else:  # nothing is translated
        others, changes = leaves_of(without_average(optimizer)), []
    if is_own:
        own = {k.removeprefix("optimizer/"): x for k, x in taken.own.items()}
        own = {path: x for path, x in own.items() if path[0] == "["}  # not those of the average
        check_paths(others, own)
        changes += [(others[name], array) for name, array in own.items()]
    else:
        step = np.array(taken.facts["step"])
        changes += [(x, step) for x in others.values() if x.dtype == "int32" or x.dtype == "uint32"]
    set_variables(changes)


def restore_average(model: nnx.Module, optimizer: nnx.Optimizer, taken: Snapshot) -> bool:
    """
    Set the average that an optimizer keeps, if any, to a snapshot's; without one, to the weights.

    Return whether the snapshot has what the optimizer keeps.
    """
    for node in averages(optimizer):
        weights = dict(nnx.to_flat_state(nnx.state(model, optimizer.wrt)))
        for path, variable in nnx.to_flat_state(node.average):
            variable.set_raw_value(raw_value(weights[path]))
        named = {name: x for name, x in taken.optimizer.items() if name.endswith(".average")}
        changes = list(to_jax(units(model), node, named)) if named else []
        for name, variable in average_leaves(optimizer).items():
            if f"optimizer/{name}" in taken.own:
                changes.append((variable, taken.own[f"optimizer/{name}"]))
        set_variables(changes)
        return bool(changes)
    return True


def set_variables(changes: Iterable[tuple[Any, np.ndarray]]) -> None:
    """Set variables to arrays, in the variables' shapes and types."""
    for variable, array in changes:
        variable.set_raw_value(as_dtype(array.reshape(variable.shape), variable.dtype))


def averages(optimizer: nnx.Optimizer) -> list[Averaging]:
    """Return the state of an optimizer that averages the parameters, or nothing."""
    return [optimizer.opt_state] if isinstance(optimizer.opt_state, Averaging) else []


def average_leaves(optimizer: nnx.Optimizer) -> dict[str, Any]:
    """Return the variables of the average that an optimizer keeps by path."""
    return {
        AVERAGE + name: x
        for node in averages(optimizer)
        for name, x in leaves_of(node.average).items()
    }


def parts(optimizer: nnx.Optimizer) -> tuple[list[Any], dict[str, Any]]:
    """Return the states of Optax that PyTorch has too, and the other variables by path."""
    known = tuple(MOMENTS)
    found = leaves_of(without_average(optimizer), lambda x: isinstance(x, known))
    nodes = [x for x in found.values() if isinstance(x, known)]
    return nodes, {name: x for name, x in found.items() if not isinstance(x, known)}


def without_average(optimizer: nnx.Optimizer) -> Any:
    """Return the number of steps that an optimizer has taken, and its state."""
    [state] = [node.optimizer for node in averages(optimizer)] or [optimizer.opt_state]
    return optimizer.step, state


def leaves_of(tree: Any, is_node: Callable[[Any], bool] = is_variable) -> dict[str, Any]:
    """Return all variables of a pytree by path; where `is_node`, the nodes themselves."""
    is_leaf = lambda x: is_variable(x) or is_node(x)  # noqa: E731
    found = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_leaf)[0]
    return {keystr(path): x for path, x in found}


def keystr(path: Any) -> str:
    """Return a path in a pytree as text."""
    return jax.tree_util.keystr(path)


def moments(node: Any) -> Iterator[tuple[str, dict[tuple[Any, ...], Any]]]:
    """Yield PyTorch's name of each field of a state, and its variables by path in the model."""
    for field, name in MOMENTS[type(node)].items():
        found = jax.tree_util.tree_flatten_with_path(getattr(node, field), is_leaf=is_variable)[0]
        yield name, {tuple(step.key for step in path): x for path, x in found}


def translated(layers: list[Unit], node: Any) -> Arrays:
    """
    Return a state of Optax in PyTorch's names and layout.

    Raises
    ------
    ValueError
        If PyTorch has other parameters than NNX in a layer.
    """
    result: Arrays = {}
    for name, variables in moments(node):
        for unit in layers:
            leaves = {leaf: path for leaf, path in unit.leaves.items() if path in variables}
            if leaves and unit.absent:
                raise ValueError(
                    f"PyTorch has two biases in {unit.name or 'a layer'} for NNX's one"
                )
            values = {leaf: np.asarray(variables[path][...]) for leaf, path in leaves.items()}
            for local, array in unit.to_torch(values).items() if values else ():
                result[f"{unit.full(local)}.{name}"] = np.array(array, order="C")
                if "count" in node._fields:
                    step = np.array(node.count[...], np.float32)  # as PyTorch has it
                    result[f"{unit.full(local)}.step"] = step
    return result


def to_jax(layers: list[Unit], node: Any, arrays: Arrays) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield each variable of a state of Optax, and its value from arrays in PyTorch's names."""
    for name, variables in moments(node):
        for unit in layers:
            leaves = {leaf: path for leaf, path in unit.leaves.items() if path in variables}
            held = {local: f"{unit.full(local)}.{name}" for local in unit.parts}
            values = {local: arrays[full] for local, full in held.items() if full in arrays}
            for leaf, array in unit.to_jax(values).items() if leaves and values else ():
                yield variables[unit.leaves[leaf]], array
    if "count" in node._fields:
        steps = {float(x) for name, x in arrays.items() if name.endswith(".step")}
        if len(steps) != 1:
            raise ValueError(
                "the optimizer must have updated every parameter in each step, as Optax does, got "
                f"{sorted(steps)} updates; load the weights alone"
            )
        yield node.count, np.array(steps.pop())


def kind(nodes: list[Any]) -> str:
    """Return a name for an optimizer by its states."""
    return " and ".join(type(node).__name__ for node in nodes) or "without moments"


def check_keys(nodes: list[Any], keys: set[str]) -> None:
    """Raise a ValueError unless an optimizer keeps the arrays `keys` for each parameter."""
    wanted = {name for node in nodes for name in MOMENTS[type(node)].values()}
    check_arrays_kept(keys, wanted, "one")


def check_paths(variables: dict[str, Any], arrays: Arrays) -> None:
    """Raise a ValueError unless the variables of an optimizer are those that were saved."""
    now = {name: tuple(x.shape) for name, x in variables.items()}
    before = {name: tuple(x.shape) for name, x in arrays.items()}
    if now != before:
        raise ValueError(
            f"the optimizer must have the state {before}, as in the checkpoint, got {now}; "
            "change it back"
        )
