"""The memory of the process."""

import ctypes
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from d2l_common.memory import return_free_memory


def resident_bytes():
    """Return the memory that this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="other C libraries return memory by themselves",
)
def test_freed_memory_goes_back_to_the_system():
    # Too small to have mappings of their own; one behind them stays.
    arrays = [np.ones(100_000, np.uint8) for _ in range(2000)]
    last = np.ones(100_000, np.uint8)
    del arrays
    before = resident_bytes()
    return_free_memory()
    assert before - resident_bytes() > 100 * 2**20
    assert last[0] == 1


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", None)  # Windows has no library of that name
    return_free_memory()
