"""Data-parallel training on several devices, of one process or of many (section 13.6)."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from d2l_common.training.processes import together

AXIS = "examples"  # the first axis of a minibatch, of which each device takes a part


def training_place(trainer: Any) -> Any:
    """
    Return where `jax.device_put` puts arrays for a Trainer: on its GPU, or a copy on each device.

    None leaves them as they are. The devices are the first `num_devices`, by default the Trainer's
    `gpus`; several processes, joined by `jax.distributed.initialize`, train on all of theirs.

    Raises
    ------
    ValueError
        If there are fewer devices, or several processes would not use all of theirs.
    """
    devices = trainer.gpus
    if trainer.num_devices is not None or jax.process_count() > 1:
        devices = devices_found(trainer.num_devices)
    return copies(tuple(devices)) if len(devices) > 1 else next(iter(devices), None)


def check_compiled(trainer: Any) -> None:
    """Raise a ValueError if devices are missing, or several would run uncompiled steps."""
    if isinstance(training_place(trainer), NamedSharding) and trainer.compile is False:
        raise ValueError("compile must be None or True with several devices, got False")


def devices_found(num_devices: Any) -> list[jax.Device]:
    """Return `num_devices` of the devices that JAX finds, or those of all processes."""
    found, num_processes = jax.devices(), jax.process_count()
    if num_processes > 1:
        if num_devices not in (None, len(found)):
            raise ValueError(
                f"num_devices must be None or {len(found)}, the devices of all "
                f"{num_processes} processes, got {num_devices}"
            )
        return found
    if num_devices > len(found):
        raise ValueError(
            f"num_devices must be at most {len(found)}, the devices that JAX finds, got "
            f"{num_devices}; a CPU counts as several with the environment variable "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={num_devices}"
        )
    return found[:num_devices]


def rank() -> int:
    """Return the number of this process among those that train together."""
    return jax.process_index()


def agreed(value: Any) -> Any:
    """Return the number, or the decision, of the first process."""
    if jax.process_count() == 1:
        return value
    return type(value)(multihost_utils.broadcast_one_to_all(np.array(value, np.float32)).item())


@cache
def copies(devices: tuple[jax.Device, ...]) -> NamedSharding:
    """Return the placement of an array that each of the devices has a copy of."""
    return NamedSharding(Mesh(np.array(devices), (AXIS,)), PartitionSpec())


def process_group() -> AbstractContextManager[Any]:
    """Return a context in which one sentence is raised if one of several processes has ended."""
    size = jax.process_count()
    return nullcontext() if size == 1 else together(rank(), size)


def put(tree: Any, place: Any) -> Any:
    """Return arrays at a placement; what a compiled step computes with is there already."""
    if place is None or any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(tree)):
        return tree
    if not isinstance(place, NamedSharding) or place.is_fully_addressable:
        return jax.device_put(tree, place)

    def to_own_devices(x: Any) -> jax.Array:
        parts = [jax.device_put(x, device) for device in jax.local_devices()]
        return jax.make_array_from_single_device_arrays(x.shape, place, parts)

    return jax.tree.map(to_own_devices, tree)


def in_parts(batch: Any, place: Any) -> Any:
    """
    Return a minibatch of a compiled step such that each device holds and computes a part of it.

    The rest is XLA's: sums over examples, of a loss, a gradient or a batch normalization, become
    sums over the devices, so that all numbers are those of the whole minibatch.
    """
    if not isinstance(place, NamedSharding):
        return batch
    parts = NamedSharding(place.mesh, PartitionSpec(AXIS))
    constrain = jax.lax.with_sharding_constraint
    return jax.tree.map(lambda x: constrain(x, parts) if jax.numpy.ndim(x) else x, batch)


def one_copy(tree: Any) -> Any:
    """Return arrays that have copies on several devices as that on the first of this process."""

    def first(x: Any) -> Any:
        return x.addressable_data(0) if isinstance(x, jax.Array) and len(x.devices()) > 1 else x

    return jax.tree.map(first, tree)
