"""Pillow's bilinear filter as integers, for backends that resize images inside the step."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from d2l_common.checks.images import as_pair

# As in Pillow: coefficients are multiples of 2^-22, so that 255 times their sum fits into int32.
PRECISION_BITS = 22
HALF = 1 << (PRECISION_BITS - 1)  # added before the bits are dropped, so that they are rounded


class Pass(NamedTuple):
    """
    One of the filter's passes, along one axis of images `(n, h, w)`.

    Pixel `i` of the result is `sum(pixels[positions[tap, i]] * coefficients[tap, i])` over the
    taps, plus `HALF`, shifted right by `PRECISION_BITS`.

    Attributes
    ----------
    axis : int
        1 or 2.
    positions : int32 array of shape `(taps, size)`
    coefficients : int32 array of shape `(taps, size)`
    """

    axis: int
    positions: np.ndarray
    coefficients: np.ndarray


def resize_passes(old: Sequence[int], new: int | Sequence[int] | None) -> tuple[Pass, ...]:
    """
    Return the passes that resize images from height and width `old` to `new`.

    They do the arithmetic of Pillow's `src/libImaging/Resample.c`, so the images are equal to the
    bit to those of torchvision's `Resize` on Pillow images: antialiased when they shrink, rounded
    to 8 bits after each pass.

    Parameters
    ----------
    old : pair of int
    new : int, pair of int, or None
        The height and width, or one number for both; None leaves the images as they are.

    Returns
    -------
    tuple of Pass
        At most two; none along an axis whose size stays.

    Raises
    ------
    TypeError
        If `new` holds a value that is not an integer.
    ValueError
        If `new` is neither a positive integer nor a pair of them.
    """
    if new is None:
        return ()
    (h, w), (height, width) = old, as_pair("resize", new)
    along_columns, along_rows = (1, h, height), (2, w, width)
    # The order determines the rounding: this one is that of Pillow 13. Older versions always begin
    # along the rows; with them, images that shrink to another aspect may differ by one level.
    columns_first = height < h and h - height > 2 * (w - width)
    order = (along_columns, along_rows) if columns_first else (along_rows, along_columns)
    return tuple(_make_pass(axis, n, size) for axis, n, size in order if n != size)


def _make_pass(axis: int, n: int, size: int) -> Pass:
    """Return the pass that takes `n` pixels to `size`, each weighted by a triangle."""
    scale = n / size
    support = max(scale, 1.0)
    centers = (np.arange(size) + 0.5) * scale
    first = np.maximum((centers - support + 0.5).astype(np.int32), 0)
    last = np.minimum((centers + support + 0.5).astype(np.int32), n)
    # Pixels beyond the last one have weight 0; their position is one that exists.
    positions = first + np.arange((last - first).max(), dtype=np.int32)[:, None]
    weights = np.maximum(1 - np.abs((positions - centers + 0.5) * (1 / support)), 0)
    weights = np.where(positions < last, weights, 0)
    # Summed in Pillow's order, tap by tap, which NumPy's own sum need not have.
    weights = weights / sum(weights)
    coefficients = (weights * (1 << PRECISION_BITS) + 0.5).astype(np.int32)
    used = coefficients.any(axis=1)
    return Pass(axis, np.minimum(positions, n - 1)[used], coefficients[used])
