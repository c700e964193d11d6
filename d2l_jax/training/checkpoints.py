"""Saving and loading of training runs (section 6.6)."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import flax
import jax
import numpy as np
import optax
import safetensors.numpy
from flax import nnx
from jax import numpy as jnp

from d2l_common.training import checkpoints
from d2l_common.training.checkpoints import NO_AVERAGE, Backend, Snapshot
from .. import random
from ..layouts import check_shapes, units
from ..units import dotted
from ..variables import raw_value
from ..weights import as_dtype, check_model, converted, import_weights
from .optimizer_state import (
    restore_average,
    restore_optimizer,
    take_optimizer,
)
from .state import set_arrays


def save_checkpoint(
    path: str | os.PathLike[str], model: nnx.Module, optimizer: Any, step: int, cfg: Any = None
) -> None:
    """
    Write weights, optimizer, random streams, step and configuration to a folder (section 6.6).

    It is complete or not there: an earlier checkpoint in the folder is deleted at the end. The
    format is that of `Trainer(checkpoint=...)`: safetensors, in PyTorch's names and layout, and
    JSON. Either backend reads it, except for random streams and what only one framework has.

    Parameters
    ----------
    path : path of a folder
        Created if it does not exist; it may have any suffix.
    model : nnx.Module
    optimizer : nnx.Optimizer, or None
    step : int
        The number of steps taken.
    cfg : dataclass or dict, optional
        Of what JSON can hold: what the code needs to build the model again.

    Raises
    ------
    TypeError, ValueError
        If `path` is not a path, `model` is not an nnx.Module or has a lazy layer without a shape,
        `optimizer` is not an nnx.Optimizer, `step` is not an integer of at least 0, or JSON cannot
        hold `cfg`.
    OSError
        If nothing can be written to the folder, or `path` is a file.
    """
    checkpoints.save(BACKEND, path, model, optimizer, step, cfg)


def load_checkpoint(
    path: str | os.PathLike[str], model: nnx.Module, optimizer: Any = None
) -> dict[str, Any]:
    """
    Set model, optimizer and random streams to the last good checkpoint in a folder (section 6.6).

    Parameters
    ----------
    path : path of a folder
        Of either backend's `save_checkpoint` or `Trainer(checkpoint=...)`.
    model : nnx.Module
        Changed in place.
    optimizer : nnx.Optimizer, optional
        Likewise, the hyperparameters in its state included; of the kind that was saved.

    Returns
    -------
    dict
        `model` and `optimizer`, arrays by name; `step`; `cfg`, a dict or None.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If all of them are damaged, one is of a newer format, or it does not fit.

    Warns
    -----
    UserWarning
        If the other backend has written it: names what is not carried on.
    """
    return checkpoints.load(BACKEND, path, model, optimizer)


class JaxBackend(Backend):
    """JAX's part of checkpoints; see `Backend`."""

    name = "JAX"
    versions = MappingProxyType(
        {"jax": jax.__version__, "flax": flax.__version__, "optax": optax.__version__}
    )
    streams = random

    def take(self, model: Any, optimizer: Any, owners: Mapping[str, Any]) -> Snapshot:
        """Return the numbers of a model, an optimizer or None, and of random streams."""
        check_shapes(model)
        try:
            weights, covered = converted(model, np.asarray), covered_by_weights(model)
            lost = []
        except ValueError as error:  # a layer that PyTorch does not have
            weights, covered, lost = {}, set(), [str(error)]
        own = {
            f"model/{dotted(path)}": x
            for path, x in arrays_by_path(model).items()
            if path not in covered
        }
        for name, streams in rngs(owners).items():
            own |= {f"random/{name}.{dotted(k)}": x for k, x in arrays_by_path(streams).items()}
        own["random/keys"] = np.array(random.num_keys())
        named, others, facts = take_optimizer(model, optimizer)
        own |= {f"optimizer/{name}": x for name, x in others.items()}
        return Snapshot(weights, named, own, facts | {"lost": [*lost, *facts["lost"]]})

    def restore(
        self, model: Any, optimizer: Any, owners: Mapping[str, Any], taken: Snapshot, is_own: bool
    ) -> list[str]:
        """Set them to a snapshot of either backend; return what in it is missing."""
        missing = []
        if taken.weights:
            import_weights(model, taken.weights)
        if optimizer is not None:
            restore_optimizer(model, optimizer, taken, is_own)
            missing += [] if restore_average(model, optimizer, taken) else [NO_AVERAGE]
        if not is_own:
            return missing
        set_by_path(model, taken.own, "model/")
        for name, streams in rngs(owners).items():
            set_by_path(streams, taken.own, f"random/{name}.")
        random.set_num_keys(int(taken.own["random/keys"]))
        return missing

    def modules(self, model: Any) -> dict[str, Any]:
        """Return a model and its modules by name, `model.net.layers.0` and the like."""
        return {dotted(("model", *path)): module for path, module in nnx.iter_modules(model)}

    def check(self, model: Any, optimizer: Any) -> None:
        """Raise a TypeError unless these are a model, and an nnx.Optimizer or None."""
        check_model(model)
        if not isinstance(optimizer, nnx.Optimizer | None):
            raise TypeError(
                f"optimizer must be an nnx.Optimizer or None, got {type(optimizer).__name__}; "
                "wrap it as nnx.Optimizer(model, optimizer, wrt=nnx.Param)"
            )

    def serialize(self, arrays: dict[str, Any]) -> bytes:
        """Return arrays as the contents of a safetensors file."""
        return safetensors.numpy.save({name: np.array(x, order="C") for name, x in arrays.items()})


BACKEND = JaxBackend()


def covered_by_weights(model: nnx.Module) -> set[Any]:
    """Return the paths of the arrays of a model that `export_weights` carries."""
    return {path for unit in units(model) for path in unit.leaves.values()}


def arrays_by_path(node: Any) -> dict[Any, np.ndarray]:
    """Return the arrays of a model or of random streams by path; of keys, their data."""
    found = {}
    for path, leaf in nnx.to_flat_state(nnx.state(node)):
        value = raw_value(leaf)
        if hasattr(value, "dtype"):
            is_key = jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
            found[path] = np.asarray(jax.random.key_data(value) if is_key else value)
    return found


def set_by_path(node: Any, own: Mapping[str, np.ndarray], prefix: str) -> None:
    """Set the arrays of a model or of random streams to those of a checkpoint."""
    left = {k.removeprefix(prefix): x for k, x in own.items() if k.startswith(prefix)}
    changed = {}
    for path, leaf in nnx.to_flat_state(nnx.state(node)):
        if dotted(path) in left:
            value = raw_value(leaf)
            changed[path] = like(value, left.pop(dotted(path)))
    nnx.update(node, nnx.from_flat_state(changed))
    modules = {dotted(path) for path, _ in nnx.iter_modules(node)}
    # What a step has set, such as attention weights, is not there before the first one.
    new = {name: x for name, x in left.items() if name.rpartition(".")[0] in modules}
    set_arrays(node, {name: as_dtype(x, x.dtype) for name, x in new.items()})


def like(old: Any, array: np.ndarray) -> jax.Array:
    """Return an array of a checkpoint with the type of that in the model, or as a random key."""
    if old.shape != array.shape and not jnp.issubdtype(old.dtype, jax.dtypes.prng_key):
        raise ValueError(
            f"an array must have shape {old.shape}, as in the model, got {array.shape}"
        )
    if jnp.issubdtype(old.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.array(array), impl=jax.random.key_impl(old))
    return as_dtype(array, old.dtype)


def rngs(owners: Mapping[str, Any]) -> dict[str, nnx.Rngs]:
    """Return by name the random streams among the attributes of `owners`."""
    return {
        f"{place}.{name}": value
        for place, owner in owners.items()
        for name, value in getattr(owner, "__dict__", {}).items()
        if isinstance(value, nnx.Rngs)
    }
