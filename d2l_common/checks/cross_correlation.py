"""Checks of the arguments of cross-correlation and pooling (chapter 7)."""

from collections.abc import Sequence
from typing import Any

from d2l_common.checks.arguments import check_count

MODES = ("max", "avg")

# Names of axes, by the number of an argument's axes.
MATRIX = "(h, w)"
CHANNELS = "(channels, h, w)"
CHANNELS_IN_AND_OUT = "(channels_out, channels_in, h, w)"


def check_axes_of(name: str, shape: Sequence[int], *expected: str) -> None:
    """Raise a `ValueError` unless `shape` has as many axes as one of the `expected` shapes."""
    if len(shape) not in [axes.count(",") + 1 for axes in expected]:
        raise ValueError(f"{name} must have shape {' or '.join(expected)}, got {tuple(shape)}")


def check_window(name: str, window: Sequence[int], image: Sequence[int]) -> None:
    """Raise a `ValueError` unless `window`, `(h, w)`, fits into `image`, `(h, w)`."""
    if not all(1 <= size <= limit for size, limit in zip(window, image, strict=True)):
        raise ValueError(
            f"{name} must have a height and width from (1, 1) to X's {tuple(image)}, "
            f"got {tuple(window)}; pad X"
        )


def check_channels(X: Sequence[int], K: Sequence[int]) -> None:
    """Raise a `ValueError` unless `X`, `(c, h, w)`, and `K`, `(..., c, h, w)`, have one `c`."""
    if X[0] != K[-3]:
        raise ValueError(
            f"X and K must have the same number of input channels, got {X[0]} and {K[-3]}"
        )


def check_kernel(X: Sequence[int], K: Sequence[int], *axes: str) -> None:
    """
    Raise a `ValueError` unless an image of shape `X` can be correlated with a kernel of shape `K`.

    Parameters
    ----------
    X, K : shapes
    axes : str
        The axes that `X` and `K` must have: `MATRIX`, `CHANNELS` or `CHANNELS_IN_AND_OUT`.
    """
    for name, shape, expected in zip("XK", (X, K), axes, strict=True):
        check_axes_of(name, shape, expected)
    if 0 in K:
        raise ValueError(f"K must have at least one entry, got shape {tuple(K)}")
    if len(X) == 3:
        check_channels(X, K)
    check_window("K", K[-2:], X[-2:])


def check_1x1(K: Sequence[int]) -> None:
    """Raise a `ValueError` unless `K` is the shape of kernels of one pixel."""
    if len(K) != 4 or tuple(K[2:]) != (1, 1):
        raise ValueError(f"K must have shape (channels_out, channels_in, 1, 1), got {tuple(K)}")


def check_pooling(X: Sequence[int], pool_size: Any, mode: Any) -> tuple[int, int]:
    """
    Return `pool_size` as a pair `(h, w)`, checked together with the shape of `X` and the mode.

    Raises
    ------
    TypeError
        If `pool_size` is not a pair, or holds a value that is not an integer.
    ValueError
        If `X` has neither two nor three axes, if a window does not fit into it, or if `mode` is
        neither "max" nor "avg".
    """
    check_axes_of("X", X, MATRIX, CHANNELS)
    if not isinstance(pool_size, tuple | list) or len(pool_size) != 2:
        raise TypeError(f"pool_size must be a pair (height, width), got {pool_size!r}")
    height, width = (check_count(f"pool_size[{i}]", size) for i, size in enumerate(pool_size))
    check_window("pool_size", (height, width), X[-2:])
    if mode not in MODES:
        raise ValueError(f"mode must be 'max' or 'avg', got {mode!r}")
    return height, width
