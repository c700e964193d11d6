"""Dropout masks by integer arithmetic, which is equal to the bit in NumPy and in JAX."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from d2l_parity.activations import Call, Layout, find_layout
from d2l_parity.tolerances import SAME_LAYER


def is_kept(index: Any, step: Any, site: Any, rate: float) -> Any:
    """
    Return the mask of a call of dropout, True where an entry is kept: `(n,)`.

    Parameters
    ----------
    index : uint32 array of shape `(n,)`, of NumPy or of JAX
        The numbers from 0 to n - 1, in the order of PyTorch's tensor.
    step, site : uint32 arrays of shape `(1,)`
        The number of the training step, and that of the call of dropout within the step.
    rate : float
    """
    x = index + np.uint32(0x9E3779B9) * step + np.uint32(0x85EBCA6B) * site
    # The finalizer "lowbias32": each input bit flips each output bit about half of the time.
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    x = x ^ (x >> 16)
    return (x >> 8) >= round(rate * 2**24)  # float32 holds each number of 24 bits exactly


class MaskPlan(NamedTuple):
    """
    Plan of the masks of a JAX model, such that they are those of the PyTorch model.

    Attributes
    ----------
    sites : dict
        `{place of a dropout layer in JAX: numbers of its calls}` among all calls in a step.
    layouts : dict
        How the inputs of the layers hold the numbers of PyTorch's.
    identity : bool
        Whether nothing is dropped at all.
    unlike : tuple of str
        Places of calls that drop entries of arrays of different sizes, and cannot get equal masks.
    """

    sites: Mapping[str, tuple[int, ...]]
    layouts: Mapping[str, Layout | None]
    identity: bool = False
    unlike: tuple[str, ...] = ()


def plan_masks(ours: list[Call], theirs: list[Call]) -> MaskPlan:
    """
    Return the plan by which the calls of dropout get equal masks.

    A call in JAX gets the mask of the call in PyTorch that has the same input; if there is none,
    that of the call at the same position.
    """
    sites: dict[str, tuple[int, ...]] = {}
    layouts: dict[str, Layout | None] = {}
    free = list(range(len(theirs)))
    unlike = []
    for i, call in enumerate(ours):
        site, layout = i if i in free or i >= len(theirs) else free[0], None
        for j in sorted(free, key=lambda j: abs(j - i)):
            found, gap = _layout(call, theirs[j])
            if gap <= SAME_LAYER:
                site, layout = j, found
                break
        free = [j for j in free if j != site]
        sites[call.name] = (*sites.get(call.name, ()), site)
        layouts.setdefault(call.name, layout)
        if site < len(theirs) and _size(call) != _size(theirs[site]):
            unlike.append(f"({call.where}) and PyTorch ({theirs[site].where})")
    return MaskPlan(sites, layouts, unlike=tuple(unlike))


def _layout(ours: Call, theirs: Call) -> tuple[Layout | None, float]:
    if not ours.inputs or not theirs.inputs or _size(ours) != _size(theirs):
        return None, float("inf")
    return find_layout(ours.inputs[0], theirs.inputs[0], SAME_LAYER)


def _size(call: Call) -> int | None:
    return call.inputs[0].size if call.inputs else None


NOTHING_DROPPED = MaskPlan({}, {}, identity=True)
