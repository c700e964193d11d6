"""The time that a function takes (section 13.1)."""

from typing import Any

import torch

from d2l_common.timer import BenchmarkBase


class Benchmark(BenchmarkBase):
    """
    The time of a call, until the device has computed the result (section 13.1).

    `with Benchmark("description"):` prints the seconds of a block (section 13.1.3).

    Parameters
    ----------
    f : callable, or str
        A function without arguments; or the description of a `with` block.
    warmup : int
        Calls before the clock starts: a first one may compile.
    repeats : int
        Calls to average over.
    desc : str
        What is printed before the time.

    Attributes
    ----------
    time : float
        Seconds a call, or of the block.

    Raises
    ------
    TypeError, ValueError
        If `f` cannot be called, `warmup` is negative or `repeats` is not positive.
    """

    @staticmethod
    def wait(result: Any) -> None:
        """Wait until the device has computed `result`."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
