"""Arrays that two models hold with their axes in other orders: matrices, and stacks of them."""

from itertools import permutations

import numpy as np

from d2l_parity.layer import Shape


def without_ones(shape: Shape) -> Shape:
    """Return a shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def turned(array: np.ndarray, shape: Shape, stacked: bool = False) -> np.ndarray:
    """
    Return an array of `shape` up to axes of length 1, with the axes of `array` in another order.

    Where several orders have that shape, it is the one with the last two axes swapped, as of a
    stack of matrices, then the one with all of them reversed.

    Parameters
    ----------
    array : array
    shape : tuple of int
        That of the result; it has the lengths of `array`, in any order.
    stacked : bool
        Whether `array` has a further axis in front, which stays there.
    """
    front = array.shape[: int(stacked)]
    lengths, wanted = without_ones(array.shape[len(front) :]), without_ones(shape)
    axes = tuple(range(len(lengths)))
    orders = [(*axes[:-2], *axes[:-3:-1]), axes[::-1], *permutations(axes)]
    order = next(order for order in orders if tuple(lengths[i] for i in order) == wanted)
    array = array.reshape(*front, *lengths)
    return array.transpose(*range(len(front)), *(i + len(front) for i in order))
