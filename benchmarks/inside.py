"""Measurements that need a fresh process, one function each."""

import importlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fit import Fit, make_data, make_model
from benchmarks.tasks import Task

# JAX records it around the compiler and the compilation cache: a hit counts as the time to read.
COMPILE_OR_READ = "/jax/core/compile/backend_compile_duration"


def machine(backend: str) -> str:
    """Return the device in use, and with a GPU the precision of matrix products in force."""
    d2l = importlib.import_module(f"d2l_{backend}")
    if not d2l.num_gpus():
        return "CPU"
    if backend == "jax":
        import jax

        precision = jax.config.jax_default_matmul_precision or "default (TF32 where available)"
        return f"{jax.devices()[0].device_kind}, precision of matrix products: {precision}"
    import torch

    precision = torch.get_float32_matmul_precision()
    return f"{torch.cuda.get_device_name()}, precision of matrix products: {precision}"


def loader_pass(task: Task, backend: str, passes: int) -> float:
    """Return the median seconds of a pass over `train_dataloader()` by hand."""
    data = make_data(task, importlib.import_module(f"d2l_{backend}"), backend)
    seconds = []
    for _ in range(1 + passes):
        start = time.perf_counter()
        for X, _y in data.train_dataloader():  # noqa: B007 - the last minibatch is used
            pass
        np.asarray(X)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[1:]))  # in JAX the first compiles


def fits(task: Task, backend: str, times: int) -> list[dict[str, float]]:
    """
    Fit new models of one task for an epoch each.

    Returns
    -------
    list of dict of float
        Of each fit `"seconds"`, its wall-clock time, and `"compiling"`, the seconds spent in XLA's
        compiler or in reading from JAX's compilation cache instead; 0 in PyTorch.
    """
    d2l = importlib.import_module(f"d2l_{backend}")
    data = make_data(task, d2l, backend)
    compiling: list[float] = []
    if backend == "jax":
        import jax

        def listen(event: str, duration: float, **_: Any) -> None:
            compiling.extend([duration] if event == COMPILE_OR_READ else [])

        jax.monitoring.register_event_duration_secs_listener(listen)
    found = []
    for _ in range(times):
        model = make_model(task, d2l, backend)
        compiling.clear()
        start = time.perf_counter()
        d2l.Trainer(1, num_gpus=min(1, d2l.num_gpus())).fit(model, data)
        seconds = time.perf_counter() - start
        found.append({"seconds": seconds, "compiling": sum(compiling)})
    return found


def epoch_and_step(task: Task, backend: str, sizes: tuple[int, int]) -> tuple[float, float]:
    """
    Return the seconds of an epoch without its steps, and those of a step.

    They are intercept and slope of the line through epochs of two sizes, each with one minibatch
    of validation data.
    """
    seconds, steps = [], []
    for size in sizes:
        task = replace(task, num_train=size, num_val=task.batch_size)
        fit = Fit(task, backend)
        fit.epochs(1)
        turns = [np.median(fit.epochs(task.epochs)["seconds"]) for _ in range(5)]
        seconds.append(float(np.median(turns)))
        steps.append(-(-size // task.batch_size))
    step = (seconds[1] - seconds[0]) / (steps[1] - steps[0])
    return seconds[0] - step * steps[0], step


def load_fashion_mnist(root: str, backend: str, times: int = 5) -> float:
    """Return the median seconds of constructing `FashionMNIST` from files in `root`."""
    d2l = importlib.import_module(f"d2l_{backend}")
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        d2l.FashionMNIST(batch_size=256, root=root)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def import_seconds(backend: str) -> float:
    """Return the seconds of importing a backend after its frameworks."""
    for name in {"jax": ("jax", "flax.nnx", "optax"), "torch": ("torch", "numpy")}[backend]:
        importlib.import_module(name)
    start = time.perf_counter()
    importlib.import_module(f"d2l_{backend}")
    return time.perf_counter() - start


def peak_memory(target: str, task: Task, **arguments: Any) -> float | None:
    """Return the peak resident memory of a contender's process in MiB; None if unknown."""
    module, _, name = target.partition(":")
    getattr(importlib.import_module(module), name)(task, **arguments).epochs(2)
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    # `getrusage` would count the process that started this one, too.
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
