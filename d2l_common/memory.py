"""The memory of this process."""

import ctypes
import sys


def return_free_memory() -> None:
    """Give memory that was freed back to the system, where the C library would keep it (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
