"""Stopwatch (section 3.1.2)."""

import time

import numpy as np


class Timer:
    """
    Stopwatch that records running times, in seconds, and starts when it is created.

    JAX and GPUs compute after a call has returned: wait for the result with
    `jax.block_until_ready` or `torch.cuda.synchronize` before `stop`.

    Attributes
    ----------
    times : list of float
        The times that `stop` has recorded.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Restart the clock."""
        self._began = time.perf_counter()

    def stop(self) -> float:
        """Record and return the time since the start."""
        self.times.append(time.perf_counter() - self._began)
        return self.times[-1]

    def avg(self) -> float:
        """Return the average of the recorded times; NaN if there are none."""
        return sum(self.times) / len(self.times) if self.times else float("nan")

    def sum(self) -> float:
        """Return the sum of the recorded times."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """Return the cumulative sums of the recorded times."""
        return np.cumsum(self.times).tolist()
