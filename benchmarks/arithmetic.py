"""Lower bound of a model's cost: its matrix products at the rate of one large product."""

import importlib
import time
from typing import Any

import numpy as np

from benchmarks.tasks import Task


class Arithmetic:
    """
    Matrix products of a task, at the rate that the framework reaches on a large one.

    Parameters
    ----------
    task : Task
    backend : str
        `"jax"` or `"torch"`.
    """

    def __init__(self, task: Task, backend: str):
        self.task = task
        d2l = importlib.import_module(f"d2l_{backend}")
        self.size = 8192 if d2l.num_gpus() else 2048
        rows = np.random.default_rng(0).standard_normal((self.size, self.size), np.float32)
        if backend == "jax":
            import jax

            self.X = jax.device_put(rows, d2l.try_gpu())
            self.multiply = jax.jit(lambda X: X @ X)
            self.wait = jax.block_until_ready
        else:
            self.X = d2l.tensor(rows).to(d2l.try_gpu())
            self.multiply = lambda X: X @ X
            self.wait = lambda X: X[:1, :1].cpu()

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """Return the seconds of the products of an epoch, from one product's; the loss is None."""
        self.wait(self.multiply(self.X))
        start = time.perf_counter()
        self.wait(self.multiply(self.X))
        rate = 2.0 * self.size**3 / (time.perf_counter() - start)
        return {"seconds": [self.task.products() / rate], "loss": None}
