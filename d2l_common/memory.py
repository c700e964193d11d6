"""The memory of the machine."""

import ctypes
import os
import sys
from pathlib import Path

MEMINFO = Path("/proc/meminfo")  # Linux only


def free_memory() -> int:
    """Return the number of bytes of the machine's memory that programs can still have."""
    try:
        [line] = [x for x in MEMINFO.read_text().splitlines() if x.startswith("MemAvailable")]
        return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    if hasattr(os, "sysconf"):  # macOS does not report how much of it is free
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return sys.maxsize  # Windows reports neither


def return_free_memory() -> None:
    """Give memory that was freed back to the system, where the C library would keep it (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
