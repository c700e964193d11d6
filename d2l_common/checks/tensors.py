"""Checks of the book's tensor operations, where the frameworks' errors differ or are missing."""

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from d2l_common.arrays import dtype_name, to_numpy
from d2l_common.checks.arguments import check_count, check_nonnegative


def as_shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    """
    Return the shape that was written as `2, 3`, as `(2, 3)` or as `2`.

    Raises
    ------
    TypeError
        If an entry is not an integer.
    ValueError
        If an entry is below -1; -1 is for `reshape`.
    """
    sizes = size[0] if len(size) == 1 and isinstance(size[0], Iterable) else size
    return tuple(check_count("size", number, minimum=-1) for number in sizes)


def check_range(start: Any, end: Any, step: Any) -> None:
    """Raise a `ValueError` if `step` does not lead from `start` to `end`."""
    if not all(isinstance(number, Real) for number in (start, end, step)):
        return
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"step must lead from start to end, got arange({start}, {end}, {step})")


def check_deviation(std: Any) -> None:
    """Raise unless `std` is a finite number of at least 0, or a tensor."""
    if isinstance(std, Real):
        check_nonnegative("std", std)


def check_batches(a: Sequence[int], b: Sequence[int]) -> None:
    """Raise a `ValueError` unless the shapes are `(batch, n, k)` and `(batch, k, m)`."""
    if not (len(a) == len(b) == 3 and a[0] == b[0] and a[2] == b[1]):
        raise ValueError(
            "a and b must have shapes (batch, n, k) and (batch, k, m), "
            f"got {tuple(a)} and {tuple(b)}"
        )


def check_axes(axis: Any) -> None:
    """Raise a `ValueError` if `axis` is empty: the frameworks take that for all axes or none."""
    if isinstance(axis, list | tuple) and not axis:
        raise ValueError(f"axis must name at least one axis, got {axis}; pass None for all of them")


def check_some(name: str, size: int) -> None:
    """Raise a `ValueError` if `size`, the number of entries to choose from, is 0."""
    if size == 0:
        raise ValueError(f"{name} of an empty tensor")


def parts_of_index(index: Any) -> tuple[Any, ...]:
    """Return an index as a tuple, with its lists as arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.asarray(part) if isinstance(part, list) else part for part in parts)


def check_index(shape: Sequence[int], index: Any) -> None:
    """Raise an `IndexError` if an index, of the kinds that NumPy has, is out of range."""
    # The view has one element, so it takes no memory whatever the shape.
    np.broadcast_to(np.False_, tuple(shape))[tuple(map(_as_numpy_index, parts_of_index(index)))]


def _as_numpy_index(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, slice | int):
        return part
    return to_numpy(part)


def check_floating(name: str, is_floating: bool, dtype: Any) -> None:
    """Raise a `TypeError` unless `name`, of type `dtype`, holds floating-point numbers."""
    if not is_floating:
        raise TypeError(
            f"{name} must hold floating-point numbers, got {dtype_name(dtype)}; "
            "convert integers first (images: divide by 255)"
        )


def check_same_shape(
    one: Sequence[int], other: Sequence[int], names: tuple[str, str] = ("y_hat", "y")
) -> None:
    """Raise a `ValueError` unless two tensors, such as predictions and targets, have one shape."""
    if tuple(one) != tuple(other):
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same shape, "
            f"got {tuple(one)} and {tuple(other)}; reshape one of them"
        )


def check_num_features(expected: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless the examples of a batch of `shape` have `expected` features."""
    if len(shape) == 2 and shape[1] == expected:
        return  # the usual case; PyTorch checks at every step
    features = math.prod(shape[1:])
    if features != expected:
        raise ValueError(
            f"X must have {expected} features per example, got {features} (shape {tuple(shape)})"
        )


def check_bias(w: Sequence[int], b: Sequence[int]) -> None:
    """Raise a `ValueError` unless a bias has one entry for each output of weights `w`, or one."""
    if tuple(b) not in ((), (1,), (w[-1],)):
        raise ValueError(f"b must have shape ({w[-1]},), one entry for each output, got {tuple(b)}")


def check_one_per_example(name: str, num_examples: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless `name` has one entry for each example: shape `(n,)`."""
    if tuple(shape) != (num_examples,):
        raise ValueError(
            f"{name} must have shape ({num_examples},), one entry for each example, "
            f"got {tuple(shape)}"
        )


def check_permutation(name: str, is_permutation: bool, num_examples: int) -> None:
    """Raise a `ValueError` unless `name`, of shape `(n,)`, holds each of 0 to n - 1 once."""
    if not is_permutation:
        raise ValueError(
            f"{name} must hold each of 0 to {num_examples - 1} once, got other numbers; "
            "pass a permutation"
        )


def check_scalar_output(shape: Sequence[int]) -> None:
    """Raise a `TypeError` unless the result of a function to differentiate has shape `()`."""
    if tuple(shape) != ():
        raise TypeError(f"fun must return one number, got shape {tuple(shape)}; sum or average it")


def check_differentiable(is_floating: bool, leaf: Any) -> None:
    """Raise a `TypeError` unless `leaf`, a part of the argument, holds floating-point numbers."""
    if not is_floating:
        raise TypeError(
            "the argument to differentiate by must hold floating-point numbers, "
            f"got {dtype_name(getattr(leaf, 'dtype', type(leaf).__name__))}"
        )
