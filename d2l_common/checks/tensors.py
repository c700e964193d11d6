"""Checks of the book's tensor operations, where the frameworks' errors differ or are missing."""

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from d2l_common.arrays import dtype_name, to_numpy
from d2l_common.checks.arguments import check_count


def check_some(name: str, size: int) -> None:
    """Raise a `ValueError` if `size`, the number of entries to choose from, is 0."""
    if size == 0:
        raise ValueError(f"{name} of an empty tensor")


def parts_of_index(index: Any) -> tuple[Any, ...]:
    """Return an index as a tuple, with its lists as arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.asarray(part) if isinstance(part, list) else part for part in parts)


def indexed_shape(shape: Sequence[int], index: Any) -> tuple[int, ...]:
    """
    Return the shape of `x[index]` for `x` of `shape` and an index of the kinds that NumPy has.

    Raises
    ------
    IndexError
        If the index is out of range, or is neither integers nor bools.
    ValueError
        If a slice has a negative step, which PyTorch does not have.
    """
    parts = parts_of_index(index)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        raise ValueError("a slice must have a positive step, got a negative one")
    # The view has one element, so it takes no memory whatever the shape.
    view = np.broadcast_to(np.False_, tuple(shape))
    return view[tuple(map(_as_numpy_index, parts))].shape


def _as_numpy_index(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, slice | int):
        return part
    return to_numpy(part, "index")


def check_broadcasts(name: str, shape: Sequence[int], target: Sequence[int]) -> None:
    """Raise a `ValueError` unless a tensor of `shape` can be broadcast to the shape `target`."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    if len(shape) > len(target) or any(m not in (1, n) for m, n in pairs):
        raise ValueError(
            f"{name} must have a shape that broadcasts to {tuple(target)}, got {tuple(shape)}"
        )


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


def check_same_shapes(
    ones: Sequence[Any], others: Sequence[Any], names: tuple[str, str] = ("params", "grads")
) -> None:
    """Raise a `ValueError` unless the tensors of two lists have the same shapes, pair by pair."""
    if len(ones) != len(others):
        raise ValueError(
            f"{names[0]} and {names[1]} must hold as many tensors, "
            f"got {len(ones)} and {len(others)}"
        )
    for one, other in zip(ones, others, strict=True):
        check_same_shape(one.shape, other.shape, names)


def check_num_features(expected: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless the examples of a batch of `shape` have `expected` features."""
    if len(shape) == 2 and shape[1] == expected:
        return  # the usual case; PyTorch checks at every step
    features = math.prod(shape[1:])
    if features != expected:
        raise ValueError(
            f"X must have {expected} features per example, got {features} (shape {tuple(shape)})"
        )


def check_last_axis(expected: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless the vectors in the last axis have `expected` features."""
    if not shape or shape[-1] != expected:
        found = shape[-1] if shape else 0
        raise ValueError(
            f"X must have {expected} features per example, got {found} (shape {tuple(shape)})"
        )


def check_weights(w: Sequence[int], b: Sequence[int]) -> None:
    """Raise a `ValueError` unless `w` is a matrix or a vector, and `b` has an entry an output."""
    if len(w) not in (1, 2):
        raise ValueError(f"w must have shape (num_inputs, num_outputs), got {tuple(w)}")
    outputs = w[1] if len(w) == 2 else 1
    if tuple(b) not in ((), (1,), (outputs,)):
        raise ValueError(
            f"b must have shape ({outputs},), one entry for each output, got {tuple(b)}"
        )


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


def check_single(name: str, value: Any) -> None:
    """
    Raise unless `value` is one number, or a tensor of shape `()`, whether or not it is known yet.

    Raises
    ------
    TypeError
        If it is neither a number nor a tensor.
    ValueError
        If it is a tensor of another shape.
    """
    shape = getattr(value, "shape", None)
    if shape is None and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if shape is not None and tuple(shape) != ():
        raise ValueError(f"{name} must be one number, got shape {tuple(shape)}")


def check_scalar_output(value: Any, is_floating: Callable[[Any], bool]) -> None:
    """Raise a `TypeError` unless a function to differentiate returned a float of shape `()`."""
    shape = getattr(value, "shape", None)
    if shape is None:
        raise TypeError(f"fun must return a tensor of one number, got {type(value).__name__}")
    if tuple(shape) != ():
        raise TypeError(f"fun must return one number, got shape {tuple(shape)}; sum or average it")
    if not is_floating(value):
        kind = dtype_name(value.dtype).rstrip("0123456789")
        raise TypeError(
            f"fun must return a floating-point number, got {kind}, which has no gradient"
        )


def check_argnums(argnums: Any, num_args: int) -> None:
    """Raise unless `argnums` is the position of one of `num_args` arguments, from 0."""
    if check_count("argnums", argnums, minimum=0) >= num_args:
        raise IndexError(
            f"argnums must be below {num_args}, the number of arguments, got {argnums}"
        )


def check_differentiable(is_floating: bool, leaf: Any) -> None:
    """Raise a `TypeError` unless `leaf`, a part of the argument, holds floating-point numbers."""
    if not is_floating:
        raise TypeError(
            "the argument to differentiate by must hold floating-point numbers, "
            f"got {dtype_name(getattr(leaf, 'dtype', type(leaf).__name__))}"
        )
