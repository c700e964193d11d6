"""Dropout masks by integer arithmetic, which is equal to the bit in NumPy and in JAX."""

from typing import Any

import numpy as np


def is_kept(index: Any, count: Any, seed: int, rate: float) -> Any:
    """
    Return the mask of a call of dropout, True where an entry is kept: `(n,)`.

    `index` is the uint32 array of 0 to n - 1, of NumPy or of JAX, and `count`, of shape `(1,)`, the
    number of the call.
    """
    x = index + np.uint32(0x9E3779B9) * count + np.uint32(0x85EBCA6B * seed % 2**32)
    # The finalizer "lowbias32": each input bit flips each output bit about half of the time.
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    x = x ^ (x >> 16)
    return (x >> 8) >= round(rate * 2**24)  # float32 holds each number of 24 bits exactly
