"""Arrays that two models hold with their axes in other orders: matrices, stacks, kernels."""

import math
from itertools import chain, combinations, pairwise, permutations

import numpy as np

from d2l_parity.layer import Shape

# Where several orders lead to a shape, the first of these is taken: a matrix or a stack of them,
# transposed; (inputs, heads, size) and (heads, size, inputs); a kernel (h, w, inputs, outputs) and
# (outputs, inputs, h, w). Of a kernel with one axis all are reversed.
LIKELY: dict[int, list[tuple[int, ...]]] = {
    3: [(0, 2, 1), (1, 2, 0), (2, 0, 1)],
    4: [(3, 2, 0, 1), (2, 3, 1, 0), (0, 1, 3, 2)],
}


def without_ones(shape: Shape) -> Shape:
    """Return a shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def joined(shape: Shape, other: Shape) -> Shape:
    """
    Return a shape with neighbouring axes joined so that they are the axes of `other` in some order.

    (8, 2, 3) and (6, 8) give (8, 6). If there is no such way, it is the shape without axes of 1.
    """
    lengths, wanted = without_ones(shape), without_ones(other)
    for cuts in combinations(range(1, len(lengths)), max(0, len(wanted) - 1)):
        parts = [math.prod(lengths[i:j]) for i, j in pairwise((0, *cuts, len(lengths)))]
        if sorted(parts) == sorted(wanted):
            return tuple(parts)
    return lengths


def can_be_joined(one: Shape, other: Shape) -> bool:
    """Return whether two shapes have other numbers of axes, and are those of one array joined."""
    numbers = {len(without_ones(one)), len(without_ones(other))}
    return (
        len(numbers) == 2
        and min(numbers) > 1
        and sorted(joined(one, other)) == sorted(joined(other, one))
    )


def is_square(shape: Shape) -> bool:
    """Return whether a shape is that of a square matrix, or of a stack of them."""
    lengths = without_ones(shape)
    return len(lengths) > 1 and lengths[-1] == lengths[-2]


def may_be_turned(shape: Shape, is_kernel: bool) -> bool:
    """Return whether an array of this shape may be held in another order without showing it."""
    lengths = without_ones(shape)
    return is_square(shape) or (is_kernel and len(lengths) == 3 and lengths[0] == lengths[2])


def axis_order(ours: Shape, theirs: Shape, is_kernel: bool = False) -> tuple[int, ...]:
    """Return the order in which the axes of one shape are those of the other, without ones."""
    lengths, wanted = without_ones(ours), without_ones(theirs)
    axes = tuple(range(len(lengths)))
    if is_kernel and len(axes) == 3 and lengths[::-1] == wanted:
        return axes[::-1]
    if lengths == wanted:  # square
        return axes[:-2] + axes[-2:][::-1]
    orders = chain(LIKELY.get(len(axes), []), permutations(axes))
    return next(order for order in orders if tuple(lengths[i] for i in order) == wanted)


def turned(array: np.ndarray, order: tuple[int, ...], stacked: bool = False) -> np.ndarray:
    """
    Return an array with its axes in another order, and without those of length 1.

    With `stacked`, it has a further axis in front, which stays there.
    """
    front = array.shape[: int(stacked)]
    array = array.reshape((*front, *without_ones(array.shape[len(front) :])))
    return array.transpose((*range(len(front)), *(i + len(front) for i in order)))
