"""The weight of a convolution whose windows do not overlap, and of a linear layer on patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from d2l_parity.layer import Layer, Shape


def flattened(weight: Layer) -> tuple[int, int]:
    """Return the shape of a weight, given as a layer of one array, if windows are flattened."""
    rows, *rest = weight.shape()
    return rows, prod(rest)


def is_window(one: Shape, other: Shape) -> bool:
    """Return whether one weight of a pair has the axes of a window, and the other one has not."""
    ranks = [len([n for n in shape if n != 1]) for shape in (one, other)]
    return min(ranks) == 2 < max(ranks)


def windows_of(
    ours: Sequence[Layer], theirs: Sequence[Layer], names: Mapping[str, str]
) -> set[str]:
    """Return the names of those of our weights whose counterparts have a window, or lack it."""
    shapes = {layer.name: layer.shape() for layer in theirs}
    return {
        layer.name
        for layer in ours
        if layer.name in names and is_window(layer.shape(), shapes[names[layer.name]])
    }


def with_channels_last(array: Any, shape: Shape, stacked: bool = False) -> Any:
    """
    Return a weight in the `shape` of its counterpart, if patches are flattened channels last.

    Parameters
    ----------
    array : array
        Of shape `(num_outputs, channels, *window)` or `(num_outputs, size)`.
    shape : tuple of int
        The other of these shapes.
    stacked : bool
        Whether `array` has a further axis in front, which the result keeps.
    """
    front = array.shape[: int(stacked)]
    if array.ndim - len(front) > len(shape):
        return np.moveaxis(array, 1 + len(front), -1).reshape(*front, *shape)
    rows, channels, *window = shape
    apart = array.reshape(*front, rows, *window, channels)
    return np.moveaxis(apart, -1, 1 + len(front))
