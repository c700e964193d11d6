"""A stopwatch (section 3.1.2)."""

import time

import numpy as np


class Timer:
    """
    Records several running times, in seconds.

    It starts when it is made. JAX and GPUs compute after a call has returned: wait for the result
    (`jax.block_until_ready`, `torch.cuda.synchronize`) before `stop`.

    Attributes
    ----------
    times : list of float
        What `stop` recorded.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Start the clock anew."""
        self._began = time.perf_counter()

    def stop(self) -> float:
        """Record the time since the start, and return it."""
        self.times.append(time.perf_counter() - self._began)
        return self.times[-1]

    def avg(self) -> float:
        """Return the average of the recorded times; NaN if there are none."""
        return sum(self.times) / len(self.times) if self.times else float("nan")

    def sum(self) -> float:
        """Return the sum of the recorded times."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """Return the accumulated times."""
        return np.cumsum(self.times).tolist()
