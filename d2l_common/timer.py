"""Stopwatch (section 3.1.2), and the time that a function takes (section 13.1)."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_count


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


class BenchmarkBase:
    """Base class of the backends' `Benchmark`; a backend has `wait`."""

    def __init__(
        self,
        f: Callable[[], Any] | str = "Done",
        warmup: int = 3,
        repeats: int = 10,
        desc: str = "time",
    ):
        self.desc = f if isinstance(f, str) else desc
        self.time = float("nan")
        if isinstance(f, str):  # for a `with` block
            return
        if not callable(f):
            raise TypeError(f"f must be a function without arguments, got {type(f).__name__}")
        check_count("warmup", warmup, minimum=0)
        check_count("repeats", repeats)
        for _ in range(warmup):
            self.wait(f())
        timer = Timer()
        for _ in range(repeats):
            result = f()
        self.wait(result)
        self.time = timer.stop() / repeats

    @staticmethod
    def wait(result: Any) -> None:
        """Wait until the device has computed `result`."""
        raise NotImplementedError

    def __enter__(self) -> "BenchmarkBase":
        """Start the clock."""
        self._timer = Timer()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the clock and print the seconds."""
        self.wait(None)
        self.time = self._timer.stop()
        print(f"{self.desc}: {self.time:.4f} sec")

    def __repr__(self) -> str:
        """Return the time of a call, in milliseconds."""
        return f"{self.desc}: {1000 * self.time:.2f} ms/call"
