"""Read a Flax NNX model: its arrays and layers, outputs and gradients, and the steps of its fit."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_jax.layouts import aliases, units
from d2l_jax.nn.lazy import lazy_layers
from d2l_jax.units import Unit, dotted
from d2l_jax.variables import raw_value
from d2l_parity.activations import Call
from d2l_parity.jax_calls import add_hooks, numbers_in
from d2l_parity.jax_dropout import shared_masks as shared_masks
from d2l_parity.jax_precision import copy_as as copy_as
from d2l_parity.jax_precision import narrowed
from d2l_parity.jax_precision import precision as precision
from d2l_parity.layer import Layer
from d2l_parity.models import first_run, loss_of, run_model

Arrays = dict[str, np.ndarray]


# -- arrays ---------------------------------------------------------------------------------------


def layers(model: nnx.Module, whole: set[str]) -> list[Layer]:
    """Return the layers of `model` that hold arrays; those of kinds in `whole` as one."""
    found, tied = [], aliases(model, whole)
    for unit in units(model, whole):
        by_local = dict(zip(unit.parts, unit.leaves.values(), strict=False))
        simple = len(unit.parts) == len(unit.leaves)
        places = {
            local: dotted(by_local[local]) if simple else dotted((*unit.place, local))
            for local in unit.parts
        }
        params = {local: unit.full(local) for local in unit.parts}
        parts = params, unit.parts, places, unit.state
        module, place = unit.name, dotted(unit.place)
        others = frozenset(
            alias.rpartition(".")[0] for full in params.values() for alias in tied.get(full, ())
        )
        found.append(
            Layer(
                unit.name + unit.suffix,
                place,
                module,
                unit.kind,
                *parts,
                others,
                unit.absent,
                unit.stacked,
            )
        )
    return found


def has_lazy_layers(model: nnx.Module) -> bool:
    """Return whether a layer of `model` has no shape yet."""
    return bool(lazy_layers(model))


def trained(model: nnx.Module, layers: Iterable[Layer]) -> set[str]:
    """Return the names of the arrays that are `nnx.Param`s."""
    return {name for layer in layers for name in layer.trained_names()}


def types(model: nnx.Module) -> dict[str, str]:
    """Return the types of the parameters by name, such as "float32"; "" without numbers."""
    return {
        dotted(path): str(x.dtype) if isinstance(raw_value(x), Array) else ""
        for path, x in nnx.to_flat_state(nnx.state(model, nnx.Param))
    }


def read(model: nnx.Module, whole: set[str]) -> Arrays:
    """Return parameters and state of `model` by PyTorch's names and in its layout."""
    return by_name(units(model, whole), dict(nnx.to_flat_state(nnx.state(model))))


def by_name(
    layers: Iterable[Unit], arrays: Mapping[Any, Any], prefix: tuple[Any, ...] = ()
) -> Arrays:
    """Return arrays, given by paths with a `prefix`, by PyTorch's names; of missing ones, none."""
    found: Arrays = {}
    for unit in layers:
        paths = {leaf: (*prefix, *path) for leaf, path in unit.leaves.items()}
        own = {leaf: to_numpy(arrays[path]) for leaf, path in paths.items() if path in arrays}
        if own:
            found |= {unit.full(local): x.copy() for local, x in unit.to_torch(own).items()}
    return found


def by_name_stacked(layers: list[Unit], state: Any, prefix: tuple[Any, ...]) -> Arrays:
    """Return likewise arrays with a first axis in front, one row for each step."""
    arrays = {path: to_numpy(x) for path, x in nnx.to_flat_state(state)}
    num_rows = len(next(iter(arrays.values()))) if arrays else 0
    rows = [by_name(layers, {p: x[i] for p, x in arrays.items()}, prefix) for i in range(num_rows)]
    return {name: np.stack([row[name] for row in rows]) for name in (rows[0] if rows else ())}


def write(model: nnx.Module, arrays: Mapping[str, np.ndarray], whole: set[str]) -> None:
    """Set the arrays of `model` that are given, by PyTorch's names."""
    current, state = dict(nnx.to_flat_state(nnx.state(model))), {}
    for unit in units(model, whole):
        old = unit.to_torch({leaf: to_numpy(current[path]) for leaf, path in unit.leaves.items()})
        values = {local: arrays.get(unit.full(local), old[local]) for local in unit.parts}
        for leaf, array in unit.to_jax(values).items():
            path = unit.leaves[leaf]
            state[path] = jax.device_put(array.astype(current[path].dtype))
    nnx.update(model, nnx.from_flat_state(state))


# -- one minibatch --------------------------------------------------------------------------------


def observe(
    make_model: Callable[[], Any], batch: Any, train: bool, seed: int = 0
) -> tuple[list[np.ndarray], float, list[Call], Any]:
    """
    Run a minibatch forward; return outputs, loss, the calls of the layers, and the model after it.

    Parameters
    ----------
    make_model : callable
        Returns a new copy of the model; what `jax.jit`, a scan or `jax.checkpoint` hides of the
        layers is seen by a second run without compilation.
    batch : tuple of arrays
    train : bool
        Whether the model is in training mode.
    seed : int
        Another seed gives the model's own random streams other keys.
    """
    for context in (nullcontext(), jax.disable_jit()):
        model, calls = make_model(), []  # type: ignore[var-annotated]
        set_mode(model, train)
        reseed(model, seed)
        add_hooks(inner_of(model)[0], calls)
        with context:
            output = first_run(model, batch, train, "JAX")
            loss = loss_of(model, output, batch)
        jax.effects_barrier()
        if all(call.inputs is not None for call in calls):
            break
    leaves = numbers_in(output)
    return leaves or [], float(loss), calls, model


def set_mode(model: Any, train: bool) -> None:
    """Switch `model` to training or to evaluation mode."""
    model.train() if train else model.eval()


def reseed(model: Any, seed: int) -> None:
    """Change the keys of the random streams of `model`; seed 0 keeps them."""
    for _, node in nnx.iter_graph(model):
        if seed and isinstance(node, nnx.RngKey):
            node[...] = jax.random.fold_in(node[...], seed)


def gradients(model: Any, batch: Any, train: bool, whole: set[str]) -> Arrays:
    """Return the gradients of the loss of a minibatch by PyTorch's names."""
    set_mode(model, train)
    graphdef, params, *rest = nnx.split(model, nnx.Param, ...)

    def loss(params: Any) -> Array:
        model: Any = nnx.merge(graphdef, params, *rest, copy=True)
        return loss_of(model, run_model(model, batch, train), batch)

    found = jax.grad(loss)(nnx.as_pure(params))
    inner, prefix = inner_of(model)
    return by_name(units(inner, whole), dict(nnx.to_flat_state(found)), prefix)


def less_precise(model: Any, batch: Any, train: bool) -> list[str]:
    """Return where the loss of a minibatch is computed in less than float64."""
    set_mode(model, train)
    graphdef, state = nnx.split(model)

    def loss(state: Any) -> Array:
        model: Any = nnx.merge(graphdef, state, copy=True)
        return loss_of(model, run_model(model, batch, train), batch)

    return narrowed(loss, nnx.as_pure(state))


def inner_of(model: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the user's module in a model of the comparison, and its path there."""
    return (model.net, ("net",)) if hasattr(model, "run") else (model, ())


def predict(model: Any, batches: Iterable[Any]) -> list[list[np.ndarray]]:
    """Return the outputs of `model` in evaluation mode for each minibatch."""
    set_mode(model, False)
    # Not compiled: of a large model that would take longer than the passes.
    outputs = (run_model(model, tuple(batch), train=False) for batch in batches)
    return [numbers_in(each) or [] for each in outputs]


# -- the steps of a fit ---------------------------------------------------------------------------


class Recording(NamedTuple):
    """State of an optimizer that records: the inner optimizer's, and a buffer for each quantity."""

    inner: Any
    step: Array
    norms: Array
    gradients: Any
    weights: Any


def recording(
    optimizer: Any,
    model: Any,
    num_steps: int,
    every: int,
    has_weights: bool,
    names: set[str],
    whole: set[str],
) -> Any:
    """
    Return `optimizer` with the gradients and weights of the parameters recorded in its state.

    Of `every` steps in a row, those of the first one are kept, of the weights if `has_weights`.
    The norms are those of the gradients of the parameters in `names`.
    """
    tx = optimizer.tx if isinstance(optimizer, nnx.Optimizer) else optimizer
    if not hasattr(tx, "init"):
        return optimizer  # the Trainer raises
    tx = optax.with_extra_args_support(tx)
    inner, prefix = inner_of(model)
    counted = {
        (*prefix, *path)
        for unit in units(inner, whole)
        if any(unit.full(local) in names for local in unit.parts)
        for path in unit.leaves.values()
    }

    def init(params: Any) -> Recording:
        # By NumPy, since JAX would compile a program for each shape.
        zeros = lambda shape, dtype: jax.device_put(np.zeros(shape, dtype))  # noqa: E731
        kept = jax.tree.map(lambda x: zeros((-(-num_steps // every), *x.shape), x.dtype), params)
        norms = zeros(num_steps, jnp.result_type(float))
        weights = kept if has_weights else nnx.State({})
        return Recording(tx.init(params), zeros((), np.int32), norms, kept, weights)

    def update(grads: Any, state: Recording, params: Any = None, **extra: Any) -> Any:
        updates, inner = tx.update(grads, state.inner, params, **extra)
        squares = [jnp.sum(grad**2) for path, grad in nnx.to_flat_state(grads) if path in counted]
        row, is_kept = state.step // every, state.step % every == 0

        def put(kept: Array, x: Array) -> Array:
            return kept.at[row].set(jnp.where(is_kept, x, kept[row]))

        return updates, Recording(
            inner,
            state.step + 1,
            state.norms.at[state.step].set(jnp.sqrt(sum(squares, jnp.zeros(())))),
            jax.tree.map(put, state.gradients, grads),
            jax.tree.map(put, state.weights, params) if has_weights else state.weights,
        )

    return optax.GradientTransformationExtraArgs(init, update)


def recorded(model: Any, whole: set[str]) -> tuple[np.ndarray, Arrays, Arrays]:
    """Return gradient norms, gradients and weights of the steps of a fit, by PyTorch's names."""
    state = nnx.as_pure(model.trainer.optim.opt_state)
    leaves = jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, Recording))
    [found] = [leaf for leaf in leaves if isinstance(leaf, Recording)]
    inner, prefix = inner_of(model)
    own = units(inner, whole)
    gradients, weights = (by_name_stacked(own, x, prefix) for x in (found.gradients, found.weights))
    return np.array(found.norms), gradients, weights
