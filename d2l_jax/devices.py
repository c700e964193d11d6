"""Devices: the CPU, and the GPUs or TPUs if there are any (section 6.7)."""

from contextlib import AbstractContextManager
from typing import Any

import jax

from d2l_common.checks.arguments import check_gpu


def cpu() -> jax.Device:
    """Return the CPU."""
    return jax.local_devices(backend="cpu")[0]


def gpu(i: int = 0) -> jax.Device:
    """
    Return the `i`-th GPU (or TPU).

    Raises
    ------
    ValueError
        If the machine does not have this GPU.
    """
    check_gpu(i, num_gpus())
    return _accelerators()[i]


def num_gpus() -> int:
    """Return the number of GPUs (or TPUs)."""
    return len(_accelerators())


def try_gpu(i: int = 0) -> jax.Device:
    """Return `gpu(i)` if the machine has it, otherwise `cpu()`."""
    return gpu(i) if 0 <= i < num_gpus() else cpu()


def try_all_gpus() -> list[jax.Device]:
    """Return all GPUs, or `[cpu()]` without a GPU."""
    return _accelerators() or [cpu()]


def _accelerators() -> list[jax.Device]:
    return [device for device in jax.local_devices() if device.platform != "cpu"]


def use_device(device: jax.Device) -> AbstractContextManager[Any]:
    """Return a context in which new arrays are created on `device`."""
    return jax.default_device(device)
