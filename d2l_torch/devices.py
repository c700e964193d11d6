"""Devices: the CPU, and the GPUs where there are any (section 6.7)."""

from contextlib import AbstractContextManager
from typing import Any

import torch


def cpu() -> torch.device:
    """Return the CPU."""
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """
    Return the `i`-th GPU.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not 0 <= i < num_gpus():
        raise ValueError(f"there is no GPU {i}, this machine has {num_gpus()}: use the CPU")
    return torch.device(f"cuda:{i}")


def num_gpus() -> int:
    """Return how many GPUs there are."""
    return torch.cuda.device_count()


def try_gpu(i: int = 0) -> torch.device:
    """Return `gpu(i)` if there is one, otherwise `cpu()`."""
    return gpu(i) if 0 <= i < num_gpus() else cpu()


def try_all_gpus() -> list[torch.device]:
    """Return all GPUs, or `[cpu()]` if there is none."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]


def use_device(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which new tensors are made on `device`."""
    return device
