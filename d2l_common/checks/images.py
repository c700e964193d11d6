"""Checks of the arguments and inputs of layers on images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from d2l_common.checks.architectures import is_sequence
from d2l_common.checks.arguments import check_count

Pair = tuple[int, int]


def as_pair(name: str, value: Any, minimum: int = 1) -> Pair:
    """
    Return a size for height and width, an integer for both or a pair, as a pair.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below `minimum`, or `value` is not a pair.
    """
    if not is_sequence(value) and np.ndim(value) == 0:
        value = check_count(name, value, minimum)
        return value, value
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or a pair of integers, got {value}")
    height, width = (check_count(name, size, minimum) for size in value)
    return height, width


def check_groups(groups: Any, *channels: int) -> None:
    """Raise a `ValueError` unless `groups` divides each number of `channels`."""
    check_count("groups", groups)
    if any(number % groups for number in channels):
        numbers = " and ".join(map(str, channels))
        raise ValueError(f"groups must divide the numbers of channels, {numbers}, got {groups}")


def check_channels(expected: int, found: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless images of `shape` have the `expected` number of channels."""
    if found != expected:
        raise ValueError(f"X must have {expected} channels, got {found} (shape {tuple(shape)})")


def check_one_per_channel(name: str, expected: int, found: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless an array has one value for each of the `expected` channels."""
    if found != expected:
        raise ValueError(
            f"{name} must have {expected} values, one for each channel, got shape {tuple(shape)}"
        )


def check_num_dims(num_dims: Any) -> None:
    """Raise a `ValueError` unless the inputs of batch normalization have two or four axes."""
    if num_dims not in (2, 4):
        raise ValueError(f"num_dims must be 2 for vectors or 4 for images, got {num_dims!r}")


def check_num_axes(expected: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless `shape` has four axes, as images, or two, as vectors."""
    if len(shape) != expected:
        kind = {2: "vectors (n, num_features)", 4: "images with four axes"}[expected]
        raise ValueError(f"X must be a minibatch of {kind}, got shape {tuple(shape)}")


def check_window(size: Sequence[int], kernel_size: Pair, padding: Pair) -> None:
    """Raise a `ValueError` unless padded images of `size`, (height, width), hold one window."""
    if any(n + 2 * p < k for n, k, p in zip(size, kernel_size, padding, strict=True)):
        raise ValueError(
            f"the padded images must be at least as large as the kernel, {kernel_size}, "
            f"got {tuple(size)} with padding {padding}; pass larger images"
        )


def check_shortcut(inputs: Sequence[int], outputs: Sequence[int]) -> None:
    """Raise a `ValueError` unless what a residual block adds up has one shape."""
    if tuple(inputs) != tuple(outputs):
        raise ValueError(
            "the inputs of a residual block must have the shape of its outputs, "
            f"got {tuple(inputs)} and {tuple(outputs)}; pass use_1x1conv=True"
        )


def check_pooling_padding(padding: Pair, kernel_size: Pair) -> None:
    """Raise a `ValueError` if `padding` exceeds half of `kernel_size`: a window would be empty."""
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ValueError(
            f"padding must be at most half of kernel_size {kernel_size}, got {padding}"
        )


def check_several_values(num_values: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless each channel of a minibatch of `shape` has several values."""
    if num_values < 2:
        raise ValueError(
            "batch normalization in training mode needs more than one value for each channel, "
            f"got a minibatch of shape {tuple(shape)}"
        )
