"""Devices: the CPU, and the GPUs or TPUs where there are any (section 6.7)."""

from contextlib import AbstractContextManager
from typing import Any

import jax


def cpu() -> jax.Device:
    """Return the CPU."""
    return jax.devices("cpu")[0]


def gpu(i: int = 0) -> jax.Device:
    """
    Return the `i`-th GPU (or TPU).

    Raises
    ------
    ValueError
        If there is none.
    """
    accelerators = _accelerators()
    if not 0 <= i < len(accelerators):
        raise ValueError(f"there is no GPU {i}, this machine has {len(accelerators)}: use the CPU")
    return accelerators[i]


def num_gpus() -> int:
    """Return how many GPUs (or TPUs) there are."""
    return len(_accelerators())


def try_gpu(i: int = 0) -> jax.Device:
    """Return `gpu(i)` if there is one, otherwise `cpu()`."""
    return gpu(i) if 0 <= i < num_gpus() else cpu()


def try_all_gpus() -> list[jax.Device]:
    """Return all GPUs, or `[cpu()]` if there is none."""
    return _accelerators() or [cpu()]


def _accelerators() -> list[jax.Device]:
    return [device for device in jax.devices() if device.platform != "cpu"]


def use_device(device: jax.Device) -> AbstractContextManager[Any]:
    """Return a context in which new arrays are made on `device`."""
    return jax.default_device(device)
