"""Cut arrays that one model packs or stacks into the arrays that the other model holds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from d2l_parity.activations import Call
from d2l_parity.layer import Layer

Index = tuple[int | slice, ...]

# A packed array has few parts, such as queries, keys and values; more orders are not tried.
MOST_PARTS = 4
MOST_ORDERS = 24


# The order in which the parts of a packed layer are, by their number.
Orders = Mapping[int, Sequence[int]]
FIRST: Orders = {}


class Piece(NamedTuple):
    """A part of an array of a model: the array's name, and the index of the part in it."""

    array: str
    where: Index


class Cut(NamedTuple):
    """
    A layer whose arrays are cut along their first axis.

    Attributes
    ----------
    layer : Layer
    names : list of str
        Names of the layers that the pieces become, in the order in which they are called.
    indices : list
        For each, an integer (of stacked layers) or a slice (of packed ones).
    """

    layer: Layer
    names: list[str]
    indices: list[int | slice]

    def is_stack(self) -> bool:
        """Return whether each piece is one of several stacked layers."""
        return isinstance(self.indices[0], int)

    def layers(self) -> list[Layer]:
        """Return the layers that the pieces become."""
        return [
            self._layer(name, index) for name, index in zip(self.names, self.indices, strict=True)
        ]

    def pieces(self) -> dict[str, Piece]:
        """Return the arrays of these layers as pieces of those of the layer that is cut."""
        return {
            self._full(name, local): Piece(full, (index,))
            for name, index in zip(self.names, self.indices, strict=True)
            for local, full in self.layer.params.items()
        }

    def _full(self, name: str, local: str) -> str:
        return name if self.layer.is_part() else f"{name}.{local}"

    def _layer(self, name: str, index: int | slice) -> Layer:
        layer, text = self.layer, _text(index)
        rows = () if isinstance(index, int) else (index.stop - index.start,)
        return layer._replace(
            name=name,
            place=f"{layer.place}{text}",
            module=layer.module if layer.is_part() else name,
            params={local: self._full(name, local) for local in layer.params},
            shapes={local: (*rows, *shape[1:]) for local, shape in layer.shapes.items()},
            places={local: f"{place}{text}" for local, place in layer.places.items()},
            aliases=frozenset(f"{alias}{text}" for alias in layer.aliases),
            stacked=layer.stacked - isinstance(index, int),
        )


def _text(index: int | slice) -> str:
    return f"[{index}]" if isinstance(index, int) else f"[{index.start}:{index.stop}]"


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


def cut_layers(layers: Sequence[Layer], cuts: Sequence[Cut]) -> list[Layer]:
    """Return `layers` with pieces in the place of what is cut; a piece may be cut itself."""
    found = list(layers)
    for cut in cuts:
        arrays, left = set(cut.layer.params.values()), []
        for layer in found:
            rest = layer.without(arrays)
            is_cut = len(rest.params) < len(layer.params)
            left += [layer] if not is_cut else [rest] if rest.params else []
            left += cut.layers() if is_cut else []
        found = left
    return found


def parts_of(wholes: Sequence[Layer], layers: Sequence[Layer]) -> dict[str, list[str]]:
    """Return `{module: modules}` of the layers into which one of the `wholes` was opened."""
    owners = {full: layer for layer in wholes for full in layer.params.values()}
    found: dict[str, list[str]] = {}
    for layer in layers:
        whole = owners.get(next(iter(layer.params.values())))
        if whole is not None and layer.module != whole.module:
            found.setdefault(whole.module, []).append(layer.module)
    return found


def calls_of(cuts: Sequence[Cut], calls: Sequence[Call]) -> list[Call]:
    """
    Return calls of layers, with those of pieces in the place of those of the layers of `cuts`.

    The calls of a stack are those of its pieces in turn; a call of a packed layer is one of each.
    """
    found = list(calls)
    for stack in (True, False):  # a layer of a stack may be packed
        own = {
            cut.layer.module: cut
            for cut in cuts
            if cut.is_stack() == stack and not cut.layer.is_part()
        }
        total, turns, before = Counter(call.name for call in found), Counter[str](), found
        found = []
        for call in before:
            cut = own.get(call.name)
            num = len(cut.names) if cut else 0
            if cut is None:
                found.append(call)
            elif not stack:
                found += _calls_of_parts(cut, call)
            elif total[call.name] % num:  # inside of jax.vmap
                found += [call._replace(name=x, inputs=None, outputs=None) for x in cut.names]
            else:
                found.append(call._replace(name=cut.names[turns[call.name] % num]))
            turns[call.name] += 1
    return found


def _calls_of_parts(cut: Cut, call: Call) -> list[Call]:
    """Return the calls of the parts of a packed layer: its features are the last axis if linear."""
    is_known = cut.layer.kind == "Linear" and call.outputs
    return [
        call._replace(
            name=name,
            outputs=[call.outputs[0][..., index]] if is_known and call.outputs else None,
        )
        for name, index in zip(cut.names, cut.indices, strict=True)
    ]


class Rows(NamedTuple):
    """The first axis of a layer's weight, and all that layers share whose weights are packed."""

    number: int
    rest: tuple[int, ...]


def rows_of(layer: Layer) -> Rows | None:
    """Return the rows of a linear layer or of a matrix of the user's; None of another layer."""
    weights = [shape for shape in layer.shapes.values() if len(shape) > 1]
    if len(weights) != 1 or layer.kind not in ("Linear", "Conv", "") or layer.stacked:
        return None
    count, *rest = weights[0]
    same = all(shape[:1] == (count,) for shape in layer.shapes.values())
    return Rows(count, tuple(rest)) if same else None


def packs(layers: Sequence[Layer], others: Sequence[Layer], orders: Orders = FIRST) -> list[Cut]:
    """
    Return the cuts of layers that the other model has in several parts.

    A layer is cut if the other model has no layer like it, and has layers too many whose rows make
    it up. `orders` are those in which so many parts are packed.
    """
    mine, other = (_by_rows(side) for side in (layers, others))
    surplus = {rows: len(each) - len(mine.get(rows, ())) for rows, each in other.items()}
    found = []
    for rows, alike in mine.items():
        names = {each.name for each in other.get(rows, ())}
        number = len(alike) - len(other.get(rows, ()))
        if number < 1:
            continue
        sizes = _sizes(rows, number, surplus)
        if sizes:
            for size in sizes:
                surplus[Rows(size, rows.rest)] -= number
            free = sorted(alike, key=lambda each: each.name in names)  # stable
            found += [_pack(layer, sizes, orders) for layer in free[:number]]
    return found


def _by_rows(layers: Sequence[Layer]) -> dict[Rows, list[Layer]]:
    found: dict[Rows, list[Layer]] = {}
    for layer in layers:
        for each in [layer] if layer.kind or layer.is_part() else map(layer.part, layer.params):
            rows = rows_of(each)
            if rows:
                found.setdefault(rows, []).append(each)
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


def _pack(layer: Layer, sizes: list[int], orders: Orders) -> Cut:
    found, start = {}, 0
    for part in orders.get(len(sizes), range(len(sizes))):
        found[part] = slice(start, start + sizes[part])
        start += sizes[part]
    indices = [found[part] for part in range(len(sizes))]
    return Cut(layer, [f"{layer.name}{_text(index)}" for index in indices], list(indices))


def orders_of(cuts: Sequence[Cut]) -> Iterator[Orders]:
    """Yield the orders in which the parts of packed layers may be, the plain one first."""
    numbers = sorted({len(cut.names) for cut in cuts if not cut.is_stack()})
    every = itertools.product(*(itertools.permutations(range(n)) for n in numbers))
    for each in itertools.islice(every, MOST_ORDERS):
        yield dict(zip(numbers, each, strict=True))
