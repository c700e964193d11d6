"""Devices: the CPU, and the GPUs if there are any (section 6.7)."""

from contextlib import AbstractContextManager
from typing import Any

import torch

from d2l_common.checks.arguments import check_gpu


def cpu() -> torch.device:
    """Return the CPU."""
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """
    Return the `i`-th GPU.

    Raises
    ------
    ValueError
        If the machine does not have this GPU.
    """
    check_gpu(i, num_gpus())
    return torch.device(f"cuda:{i}")


def num_gpus() -> int:
    """Return the number of GPUs."""
    return torch.cuda.device_count()


def try_gpu(i: int = 0) -> torch.device:
    """Return `gpu(i)` if the machine has it, otherwise `cpu()`."""
    return gpu(i) if 0 <= i < num_gpus() else cpu()


def try_all_gpus() -> list[torch.device]:
    """Return all GPUs, or `[cpu()]` without a GPU."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]


def use_device(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which new tensors are created on `device`."""
    return device
