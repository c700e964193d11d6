"""Find the arrays that one model packs or stacks, and the other model holds one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from d2l_parity.cuts import Cut, text_of
from d2l_parity.layer import Layer

# A packed array has few parts, such as queries, keys and values; more orders are not tried.
MOST_PARTS = 4
MOST_ORDERS = 24


# The order in which the parts of a packed layer are, by their number.
Orders = Mapping[int, Sequence[int]]
FIRST: Orders = {}


def stacks(layers: Sequence[Layer], others: Sequence[Layer]) -> list[Cut]:
    """
    Return the cuts of layers that `nnx.vmap` has stacked, where the other model has a list.

    An array of the user's own is cut if stacked layers of as many are, and the other model has the
    arrays that are cut from it.
    """
    wanted = Counter(shape for each in others for shape in each.shapes.values())
    names = {name for each in others for name in (each.name, *each.params.values())}
    found, sizes = [], set()
    for layer in layers:
        if layer.stacked and not any(shape in wanted for shape in layer.shapes.values()):
            found.append(_stack(layer, names))
            sizes.add(len(found[-1].names))
    for layer in layers:
        for part in [] if layer.kind else map(layer.part, layer.params):
            num, *rest = part.shape() or (0,)
            if num in sizes and part.shape() not in wanted and wanted[tuple(rest)] >= num:
                found.append(_stack(part, names))
    return found


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


def packs(layers: Sequence[Layer], others: Sequence[Layer], orders: Orders = FIRST) -> list[Cut]:
    """
    Return the cuts of layers that the other model has in several parts.

    A layer is cut if the other model has no layer like it, and has layers too many whose rows make
    it up. `orders` are those in which so many parts are packed. The rows of a matrix of the user's
    own may be its columns.
    """
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
            free = sorted(alike, key=lambda each: each[0].name in names)  # stable
            found += [_pack(layer, axis, sizes, orders) for layer, axis in free[:number]]
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


def _pack(layer: Layer, axis: int, sizes: list[int], orders: Orders) -> Cut:
    found, start = {}, 0
    for part in orders.get(len(sizes), range(len(sizes))):
        found[part] = slice(start, start + sizes[part])
        start += sizes[part]
    indices = [found[part] for part in range(len(sizes))]
    names = [f"{layer.name}{text_of(index, axis)}" for index in indices]
    return Cut(layer, names, list(indices), axis)


def orders_of(cuts: Sequence[Cut]) -> Iterator[Orders]:
    """Yield the orders in which the parts of packed layers may be, the plain one first."""
    numbers = sorted({len(cut.names) for cut in cuts if not cut.is_stack()})
    every = itertools.product(*(itertools.permutations(range(n)) for n in numbers))
    for each in itertools.islice(every, MOST_ORDERS):
        yield dict(zip(numbers, each, strict=True))
