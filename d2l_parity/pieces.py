"""Find the arrays that one model packs or stacks, and the other model holds one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from difflib import SequenceMatcher
from math import gcd
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from d2l_parity.axes import without_ones
from d2l_parity.cuts import Cut, Part, rows_in, text_of
from d2l_parity.layer import Layer

# A packed array has few parts, such as queries, keys and values; more packings are not tried.
MOST_PARTS = 4
MOST_PACKINGS = 24


class Packing(NamedTuple):
    """
    Order of the parts of packed layers within them.

    Attributes
    ----------
    orders : dict
        The order in which the parts are, by their number.
    blocks : int
        Number of blocks, such as heads of attention, each of which has its share of every part.
    """

    orders: Mapping[int, Sequence[int]] = MappingProxyType({})
    blocks: int = 1


PLAIN = Packing()


def stacks(layers: Sequence[Layer], others: Sequence[Layer]) -> list[Cut]:
    """
    Return the cuts of layers that `nnx.vmap` has stacked, where the other model has a list.

    An array of the user's own is cut if the other model has the arrays that are cut from it, in any
    layout, and too many of them.
    """
    mine, theirs = (
        Counter(_axes(shape) for each in side for shape in each.shapes.values())
        for side in (layers, others)
    )
    surplus, excess = theirs - mine, mine - theirs
    names = {name for each in others for name in (each.name, *each.params.values())}
    found = []
    for layer in layers:
        if layer.stacked and not _has_stack(layer, layers, others):
            found.append(_stack(layer, names))
            surplus -= Counter(
                _axes(shape[1:]) for shape in layer.shapes.values() for _ in range(shape[0])
            )
    for layer in layers:
        for part in [] if layer.kind else map(layer.part, layer.params):
            num, *rest = part.shape() or (0,)
            one, whole = _axes(rest), _axes(part.shape())
            # An array with a first axis of 1 is one without, unless it is beside a stack of one.
            is_stack = excess[whole] > 0 if num > 1 else any(cut.layer.stacked for cut in found)
            if is_stack and surplus[one] >= num:
                found.append(_stack(part, names))
                surplus[one] -= num
                excess[whole] -= 1
    return found


def _axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the lengths of the axes of a shape, in any order."""
    return tuple(sorted(without_ones(tuple(shape))))


def _has_stack(layer: Layer, layers: Sequence[Layer], others: Sequence[Layer]) -> bool:
    """Return whether the other model has the stacked weights of `layer` too, in any layout."""
    theirs, mine = (
        Counter(tuple(sorted(shape)) for each in side for shape in each.shapes.values())
        for side in (others, [each for each in layers if not each.stacked])
    )
    left = theirs - mine  # without the counterparts of what is not stacked
    most = max(map(len, layer.shapes.values()))
    return all(left[tuple(sorted(x))] for x in layer.shapes.values() if len(x) == most)


def _stack(layer: Layer, names: Collection[str]) -> Cut:
    [*numbers] = range(next(iter(layer.shapes.values()))[0])
    return Cut(layer, [_numbered(layer.name, i, names) for i in numbers], list(numbers))


def _numbered(name: str, i: int, names: Collection[str]) -> str:
    """Return the name that a layer of a stack has in the list of the other model."""
    parts = name.split(".")
    spelled = (".".join([*parts[:k], str(i), *parts[k:]]) for k in range(1, len(parts) + 1))
    return next((each for each in spelled if each in names), f"{name}[{i}]")


def opened(layers: Sequence[Layer], others: Sequence[Layer]) -> list[Layer]:
    """Return `layers`, with attention as two layers if the other model does not have it as one."""
    found = []
    for layer in layers:
        whole = any(each.kind == layer.kind for each in others)
        if layer.kind != "MultiheadAttention" or whole or "in_proj_weight" not in layer.params:
            found.append(layer)
            continue
        for name, locals_ in (
            ("in_proj", {"in_proj_weight": "weight", "in_proj_bias": "bias"}),
            ("out_proj", {"out_proj.weight": "weight", "out_proj.bias": "bias"}),
        ):
            own = {local: new for local, new in locals_.items() if local in layer.params}
            each = f"{layer.name}.{name}".removeprefix(".")
            found.append(
                layer._replace(
                    name=each,
                    place=each,
                    module=each,
                    kind="Linear",
                    params={new: layer.params[local] for local, new in own.items()},
                    shapes={new: layer.shapes[local] for local, new in own.items()},
                    places={new: layer.places[local] for local, new in own.items()},
                    aliases=frozenset(),
                )
            )
    return found


class Rows(NamedTuple):
    """The first axis of a layer's weight, and all that layers share whose weights are packed."""

    number: int
    rest: tuple[int, ...]


def rows_of(layer: Layer, axis: int = 0) -> Rows | None:
    """Return the rows of a linear layer or of a matrix of the user's; None of another layer."""
    weights = [shape for shape in layer.shapes.values() if len(shape) > 1]
    if len(weights) != 1 or layer.kind not in ("Linear", "Conv", "") or layer.stacked:
        return None
    count, *rest = weights[0][axis:] + weights[0][:axis]
    same = all(shape[axis : axis + 1] == (count,) for shape in layer.shapes.values())
    return Rows(count, tuple(rest)) if same else None


def packs(layers: Sequence[Layer], others: Sequence[Layer], packing: Packing = PLAIN) -> list[Cut]:
    """
    Return the cuts of layers that the other model has in several parts.

    A layer is cut if the other model has no layer like it, and has layers too many whose rows make
    it up. The rows of a matrix of the user's own may be its columns; a vector beside it is cut
    alike.
    """
    cuts = _packed_rows(layers, others, packing)
    return cuts + _packed_vectors(cuts, layers, others, packing)


def _packed_rows(layers: Sequence[Layer], others: Sequence[Layer], packing: Packing) -> list[Cut]:
    """Return the cuts of layers and of matrices of the user's own."""
    mine, other = (_by_rows(side) for side in (layers, others))
    surplus = {rows: len(each) - len(mine.get(rows, ())) for rows, each in other.items()}
    found: list[Cut] = []
    for rows, alike in mine.items():
        names = {each.name for each, _ in other.get(rows, ())}
        cut = {each.layer.name for each in found}
        alike = [(layer, axis) for layer, axis in alike if layer.name not in cut]
        number = len(alike) - len(other.get(rows, ()))
        if number < 1:
            continue
        sizes = _sizes(rows, number, surplus)
        if sizes:
            for size in sizes:
                surplus[Rows(size, rows.rest)] -= number
            # Least of all one that has a namesake.
            free = sorted(alike, key=lambda each: likeness(each[0].name, names))
            found += [_pack(layer, axis, sizes, packing) for layer, axis in free[:number]]
    return found


def likeness(name: str, others: Collection[str]) -> float:
    """Return how much a name is like the one of `others` that is most like it, from 0 to 1."""
    return max((SequenceMatcher(None, name, other).ratio() for other in others), default=0.0)


def _packed_vectors(
    cuts: Sequence[Cut], layers: Sequence[Layer], others: Sequence[Layer], packing: Packing
) -> list[Cut]:
    """Return the cuts of vectors of the user's own, such as the bias of a matrix that is cut."""
    mine, theirs = (
        Counter(shape for each in side for shape in each.shapes.values())
        for side in (layers, others)
    )
    surplus, found = theirs - mine, []
    for cut in cuts:
        sizes = [rows_in(index) for index in cut.indices]
        wanted = Counter((size,) for size in sizes)
        for layer in layers if cut.layer.is_part() else ():
            for part in map(layer.part, layer.params):
                is_beside = cut.layer.name in layer.params.values() and part.shape() == (
                    sum(sizes),
                )
                if is_beside and mine[part.shape()] > theirs[part.shape()] and wanted <= surplus:
                    found.append(_pack(part, 0, sizes, packing))
                    mine[part.shape()] -= 1
                    surplus -= wanted
                    break
    return found


def _by_rows(layers: Sequence[Layer]) -> dict[Rows, list[tuple[Layer, int]]]:
    """Return the layers by their rows, and the axis that these are."""
    found: dict[Rows, list[tuple[Layer, int]]] = {}
    for layer in layers:
        for each in [layer] if layer.kind or layer.is_part() else map(layer.part, layer.params):
            # A square matrix has the same rows either way.
            is_own = not each.kind and len(each.shape()) == 2 and len(set(each.shape())) == 2
            for axis in (0, 1) if is_own else (0,):
                rows = rows_of(each, axis)
                if rows:
                    found.setdefault(rows, []).append((each, axis))
    return found


def _sizes(rows: Rows, number: int, surplus: dict[Rows, int]) -> list[int]:
    """Return the sizes of the parts of `number` layers, the largest first; [] if there are none."""
    free = sorted((r.number for r, n in surplus.items() if r.rest == rows.rest and n > 0))[::-1]
    fitting = []
    for k in range(2, MOST_PARTS + 1):
        for sizes in itertools.combinations_with_replacement(free, k):
            left = {n: surplus[Rows(n, rows.rest)] - sizes.count(n) * number for n in set(sizes)}
            if sum(sizes) == rows.number and min(left.values()) >= 0:
                fitting.append((sum(left.values()), list(sizes)))
    return min(fitting, key=lambda each: each[0])[1] if fitting else []


def _pack(layer: Layer, axis: int, sizes: list[int], packing: Packing) -> Cut:
    # Blocks are of rows: columns of a stacked matrix would have two indices that are not slices.
    blocks = 1 if axis or any(size % packing.blocks for size in sizes) else packing.blocks
    rows = np.arange(sum(sizes)).reshape(blocks, -1)
    found: dict[int, Part] = {}
    start = 0
    for part in packing.orders.get(len(sizes), range(len(sizes))):
        end = start + sizes[part] // blocks
        found[part] = slice(start, end) if blocks == 1 else rows[:, start:end].ravel()
        start = end
    indices = [found[part] for part in range(len(sizes))]
    names = [f"{layer.name}{text_of(index, axis)}" for index in indices]
    return Cut(layer, names, indices, axis)


def packings_of(cuts: Sequence[Cut], blocks: Sequence[int] = (1,)) -> list[Packing]:
    """Return the orders in which the parts of packed layers may be, in so many blocks each."""
    numbers = sorted({len(cut.names) for cut in cuts if not cut.is_stack()})
    every = itertools.product(*(itertools.permutations(range(n)) for n in numbers))
    found = (
        Packing(dict(zip(numbers, order, strict=True)), number)
        for order in every
        for number in blocks
    )
    return list(itertools.islice(found, MOST_PACKINGS))


def blocks_of(cuts: Sequence[Cut]) -> list[int]:
    """Return the numbers of blocks, more than one, of which packed rows may consist."""
    packed = [cut for cut in cuts if not cut.is_stack() and not cut.axis]
    common = gcd(*(rows_in(index) for cut in packed for index in cut.indices))
    return [n for n in range(2, common + 1) if common % n == 0]
