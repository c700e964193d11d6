"""What is measured in a fresh process, by one function each; `costs.py` asks for it."""

import importlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fit import Fit, make_data, make_model
from benchmarks.tasks import Task

COMPILED = "/jax/core/compile/backend_compile_duration"


def machine(backend: str) -> str:
    """Return the device in use, and with a GPU the precision of matrix products in force."""
    d2l = importlib.import_module(f"d2l_{backend}")
    if not d2l.num_gpus():
        return "CPU"
    if backend == "jax":
        import jax

        precision = jax.config.jax_default_matmul_precision or "default (TF32 where there is)"
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
        for X, _y in data.train_dataloader():  # noqa: B007 - the last one is waited for
            pass
        np.asarray(X)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[1:]))  # in JAX the first compiles


def first_and_later_fit(task: Task, backend: str) -> dict[str, float]:
    """Return the seconds of the process's first fit and of a later one, and what that compiled."""
    d2l = importlib.import_module(f"d2l_{backend}")
    data = make_data(task, d2l, backend)
    compiled: list[str] = []
    if backend == "jax":
        import jax

        def listen(event: str, duration: float, **_: Any) -> None:
            compiled.extend([event] if event == COMPILED else [])

        jax.monitoring.register_event_duration_secs_listener(listen)
    seconds, compilations = [], []
    for _ in range(3):
        model = make_model(task, d2l, backend)
        compiled.clear()
        start = time.perf_counter()
        d2l.Trainer(1, num_gpus=min(1, d2l.num_gpus())).fit(model, data)
        seconds.append(time.perf_counter() - start)
        compilations.append(len(compiled))
    return {"first": seconds[0], "later": min(seconds[1:]), "compilations": compilations[1]}


def epoch_and_step(task: Task, backend: str, sizes: tuple[int, int]) -> tuple[float, float]:
    """
    Return the seconds that an epoch costs, and those that a step costs.

    The line through the seconds of epochs of two sizes, with one minibatch to validate on.
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
    """Return the median seconds of making `FashionMNIST` from files that are there."""
    d2l = importlib.import_module(f"d2l_{backend}")
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        d2l.FashionMNIST(batch_size=256, root=root)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def import_seconds(backend: str) -> float:
    """Return how long a backend takes to import once its frameworks are."""
    for name in {"jax": ("jax", "flax.nnx", "optax"), "torch": ("torch", "numpy")}[backend]:
        importlib.import_module(name)
    start = time.perf_counter()
    importlib.import_module(f"d2l_{backend}")
    return time.perf_counter() - start


def peak_memory(target: str, task: Task, **arguments: Any) -> float | None:
    """Return the peak resident memory of a contender's process in MiB; None where unknown."""
    module, _, name = target.partition(":")
    getattr(importlib.import_module(module), name)(task, **arguments).epochs(2)
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    # Of this program alone; `getrusage` would count the process that started it.
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
