"""Checks of axes and shapes of tensor operations, where the frameworks' errors differ."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from d2l_common.checks.arguments import check_count


def as_shape(size: tuple[Any, ...], minimum: int = 0) -> tuple[int, ...]:
    """
    Return the shape that was written as `2, 3`, as `(2, 3)` or as `2`.

    Raises
    ------
    TypeError
        If an entry is not an integer.
    ValueError
        If an entry is below `minimum`, which is -1 for `reshape`.
    """
    sizes = size[0] if len(size) == 1 and isinstance(size[0], Iterable) else size
    return tuple(check_count("size", number, minimum) for number in sizes)


def check_axis(axis: Any, ndim: int, name: str = "axis") -> None:
    """
    Raise unless `axis` is one of `ndim` axes, negative ones counted from the last.

    Raises
    ------
    TypeError
        If `axis` is not an integer.
    IndexError
        If there is no such axis.
    """
    if isinstance(axis, bool) or not isinstance(axis, Integral):
        raise TypeError(f"{name} must be an integer, got {axis!r}")
    if not -ndim <= int(axis) < ndim:
        allowed = f"be from {-ndim} to {ndim - 1}" if ndim else "not be given for shape ()"
        raise IndexError(f"{name} must {allowed}, got {axis}")


def check_last_axis(name: str, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless `name` has a last axis, that of the classes."""
    if not shape:
        raise ValueError(f"{name} must have shape (..., num_classes), got ()")


def check_axes(axis: Any, ndim: int) -> None:
    """Raise unless `axis` is None or one or several of `ndim` axes, each named once."""
    if axis is None:
        return
    axes = axis if isinstance(axis, list | tuple) else (axis,)
    if not axes:  # the frameworks take that for all axes or none
        raise ValueError(f"axis must name at least one axis, got {axis}; pass None for all of them")
    for one in axes:
        check_axis(one, ndim)
    if len({one % ndim for one in axes}) != len(axes):
        raise ValueError(f"axis must name each axis once, got {axis}")


def check_reshape(old: Sequence[int], new: Sequence[int]) -> None:
    """Raise a `ValueError` unless a tensor of shape `old` has the shape `new`, with one -1."""
    if list(new).count(-1) > 1:
        raise ValueError(f"shape must hold -1 at most once, got {tuple(new)}")
    size, known = math.prod(old), math.prod(n for n in new if n != -1)
    if -1 in new and known == 0:
        raise ValueError(f"shape must not hold both -1 and 0, got {tuple(new)}")
    if size % known if -1 in new else size != known:
        raise ValueError(
            f"shape must have as many entries as x, of shape {tuple(old)}, got {tuple(new)}"
        )


def check_matmul(a: Sequence[int], b: Sequence[int]) -> None:
    """Raise a `ValueError` unless the shapes are `(..., n, k)` and `(..., k, m)`, or vectors."""
    fits = a and b and a[-1] == b[max(-2, -len(b))]
    pairs = zip(reversed(a[:-2]), reversed(b[:-2]), strict=False)
    if not fits or any(m != n and 1 not in (m, n) for m, n in pairs):
        raise ValueError(
            f"a and b must have shapes (..., n, k) and (..., k, m), got {tuple(a)} and {tuple(b)}"
        )


def check_batches(a: Sequence[int], b: Sequence[int]) -> None:
    """Raise a `ValueError` unless the shapes are `(batch, n, k)` and `(batch, k, m)`."""
    if not (len(a) == len(b) == 3 and a[0] == b[0] and a[2] == b[1]):
        raise ValueError(
            "a and b must have shapes (batch, n, k) and (batch, k, m), "
            f"got {tuple(a)} and {tuple(b)}"
        )


def check_joined(shapes: Sequence[Sequence[int]], axis: Any, new_axis: bool) -> None:
    """
    Raise unless tensors can be joined along an axis that they have, or along a new one.

    Raises
    ------
    TypeError
        If `axis` is not an integer.
    IndexError
        If there is no such axis.
    ValueError
        If there are no tensors, or their shapes differ, except for the length of an old axis.
    """
    if not shapes:
        raise ValueError("tensors must hold at least one tensor, got none")
    ndim = len(shapes[0])
    check_axis(axis, ndim + new_axis)

    def others(shape: Sequence[int]) -> list[int]:
        return [n for i, n in enumerate(shape) if new_axis or i != axis % ndim]

    for shape in shapes:
        if len(shape) != ndim or others(shape) != others(shapes[0]):
            raise ValueError(
                f"tensors must have the same shape{'' if new_axis else f' except for axis {axis}'}"
                f", got {tuple(shapes[0])} and {tuple(shape)}"
            )


def check_vectors(tensors: Sequence[Any], indexing: str) -> None:
    """
    Raise unless `meshgrid` takes the tensors.

    Raises
    ------
    TypeError
        If they are of different dtypes.
    ValueError
        If there are none, one has two axes or more, or `indexing` is neither "ij" nor "xy".
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"indexing must be 'ij' or 'xy', got {indexing!r}")
    if not tensors:
        raise ValueError("meshgrid must get at least one vector, got none")
    for tensor in tensors:
        if len(tensor.shape) != 1:
            raise ValueError(f"each tensor must have shape (n,), got {tuple(tensor.shape)}")
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise TypeError("the tensors must be of one dtype; convert them with astype")
