"""Pieces of arrays that one model packs or stacks: names, layers and calls of their own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from d2l_parity.activations import Call
from d2l_parity.layer import Layer

# A row of an axis, a range of rows, or an array of rows.
Part = int | slice | np.ndarray
Index = tuple[Part, ...]


class Piece(NamedTuple):
    """A part of an array of a model: the array's name, and the index of the part in it."""

    array: str
    where: Index


class Cut(NamedTuple):
    """
    A layer whose arrays are cut along one axis.

    Attributes
    ----------
    layer : Layer
    names : list of str
        Names of the layers that the pieces become, in the order in which they are called.
    indices : list
        For each, an integer (of stacked layers), or a slice or an array (of packed ones).
    axis : int
        The axis that is cut; 1 is of matrices that PyTorch's layers would hold transposed.
    """

    layer: Layer
    names: list[str]
    indices: list[Part]
    axis: int = 0

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
            self._full(name, local): Piece(full, (*[slice(None)] * self.axis, index))
            for name, index in zip(self.names, self.indices, strict=True)
            for local, full in self.layer.params.items()
        }

    def _full(self, name: str, local: str) -> str:
        return name if self.layer.is_part() else f"{name}.{local}"

    def _layer(self, name: str, index: Part) -> Layer:
        layer, axis, text = self.layer, self.axis, text_of(index, self.axis)
        rows = () if isinstance(index, int) else (rows_in(index),)
        return layer._replace(
            name=name,
            place=f"{layer.place}{text}",
            module=layer.module if layer.is_part() else name,
            params={local: self._full(name, local) for local in layer.params},
            shapes={
                local: (*shape[:axis], *rows, *shape[axis + 1 :])
                for local, shape in layer.shapes.items()
            },
            places={local: f"{place}{text}" for local, place in layer.places.items()},
            aliases=frozenset(f"{alias}{text}" for alias in layer.aliases),
            stacked=layer.stacked - isinstance(index, int),
        )


def rows_in(index: Part) -> int:
    """Return the number of rows of a part."""
    if isinstance(index, slice):
        return index.stop - index.start
    return np.size(index)


def text_of(index: Part, axis: int = 0) -> str:
    """Return how a part of an axis is written: `[2]`, `[0:4]`, `[:, 0:4]`, `[0:4 of every 12]`."""
    if isinstance(index, int):
        text = str(index)
    elif isinstance(index, slice):
        text = f"{index.start}:{index.stop}"
    else:
        size = int(np.argmax(np.diff(index) > 1)) + 1
        text = f"{index[0]}:{index[0] + size} of every {index[size] - index[0]}"
    return f"[{':, ' * axis}{text}]"


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
    """Return the calls of the parts of a packed layer: its features are the last axes if linear."""
    output = None
    if cut.layer.kind == "Linear" and call.outputs:
        output = _with_one_axis(call.outputs[0], sum(map(rows_in, cut.indices)))
    return [
        call._replace(name=name, outputs=None if output is None else [output[..., index]])
        for name, index in zip(cut.names, cut.indices, strict=True)
    ]


def _with_one_axis(array: np.ndarray, num_features: int) -> np.ndarray | None:
    """Return an array whose last axes hold `num_features` in all with one in their place."""
    for axis in reversed(range(array.ndim)):
        if math.prod(array.shape[axis:]) == num_features:
            return array.reshape(*array.shape[:axis], num_features)
    return None
