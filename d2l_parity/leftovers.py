"""Name what one model alone has after a pairing, and raise where both have something left over."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from d2l_parity.axes import without_ones
from d2l_parity.layer import Layer

if TYPE_CHECKING:
    from d2l_parity.pairing import Pairing


def check_leftovers(
    found: Pairing, left: Sequence[Sequence[Layer]], sides: Sequence[Sequence[Layer]]
) -> None:
    """
    Add to `found` the parameters and the state that one model alone has.

    Parameters
    ----------
    found : Pairing
    left : pair of sequences of Layer
        The arrays of JAX and of PyTorch without a counterpart, each as a layer of its own.
    sides : pair of sequences of Layer
        All layers.

    Raises
    ------
    ValueError
        If both models have layers without a counterpart, or no array has one, or both have a matrix
        of as many entries without one.
    """
    trained = [{n for x in side for n in x.trained_names()} for side in sides]
    parameters = [[x for x in left[i] if x.name in trained[i]] for i in (0, 1)]
    check_layouts(*parameters)
    lonely = [_only_of(parameters[i], sides[i]) for i in (0, 1)]
    if any(parameters) and (all(lonely) or not trained[0] & found.names.keys()):
        shape = (parameters[0] + parameters[1])[0].shape()
        one, other = ([x for x in side if x.shape() == shape] for side in left)
        raise different_parameters(one, other, sides)
    found.alone = {
        backend: each for backend, each in zip(("jax", "torch"), parameters, strict=True) if each
    }
    for name, side, own in zip(("JAX", "PyTorch"), left, parameters, strict=True):
        found.left_out += [
            f"`{x.name}` of shape {x.shape()} is in the {name} model only: it keeps its own values."
            for x in side
            if x not in own
        ]


def check_layouts(ours: Sequence[Layer], theirs: Sequence[Layer]) -> None:
    """Raise a `ValueError` if parameters of both models may be one, in different layouts."""
    for one, other in itertools.product(ours, theirs):
        shapes = without_ones(one.shape()), without_ones(other.shape())
        of_one_size = math.prod(shapes[0]) == math.prod(shapes[1])
        if min(map(len, shapes)) > 1 and of_one_size and sorted(shapes[0]) != sorted(shapes[1]):
            raise ValueError(
                "parameters of both models must have one layout to be paired, got "
                f"`{one.place}` of shape {shapes[0]} in JAX (in PyTorch's layout) and "
                f"`{other.place}` of shape {shapes[1]} in PyTorch; reshape one of them"
            )


def different_parameters(
    one: Sequence[Layer], other: Sequence[Layer], sides: Sequence[Sequence[Layer]]
) -> ValueError:
    """Return the error for arrays of one shape of which one model has more."""
    shape = (one or other)[0].shape()
    text = (
        f"the models do not have the same parameters: of shape {shape} (in PyTorch's layout) JAX "
        f"has {[x.place for x in one] or 'none'} that PyTorch lacks, and PyTorch "
        f"{[x.place for x in other] or 'none'} that JAX lacks"
    )
    return ValueError(text + ties(one, sides[1], "PyTorch") + ties(other, sides[0], "JAX"))


def ties(left: Sequence[Layer], others: Sequence[Layer], name: str) -> str:
    """Return what to say of arrays that the other model, of the framework `name`, has tied."""
    tied = {alias for layer in others for alias in layer.aliases}
    return "".join(f"; {name} ties {x.name} to another layer" for x in left if x.module in tied)


def _only_of(left: list[Layer], layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers all of whose parameters are `left`."""
    names = {x.name for x in left}
    return [each for each in layers if each.trained_names() and each.trained_names() <= names]
