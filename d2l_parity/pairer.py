"""Pair the arrays of one model with those of the other, layer by layer."""

import functools
import math
import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from d2l_parity.axes import can_be_joined, may_be_turned, without_ones
from d2l_parity.layer import Layer, Shape, shapes_of
from d2l_parity.leftovers import check_leftovers
from d2l_parity.mapping import spell_out
from d2l_parity.methods import (
    by_names,
    by_rank,
    by_similarity,
    of_equal_names,
    rows_in_order,
    same_names,
    with_namesakes,
)
from d2l_parity.pairing import KERNELS, NAMES, PATCHES, SQUARES, Pairing
from d2l_parity.patches import flattened, windows_of


class Pairer:
    """
    Pairs the layers of two models as wholes.

    First those in the mapping; then, among all layers with arrays of the same names and shapes,
    those of equal names if the names are the same on both sides; else in the order of their calls,
    or by the similarity of their names.

    Parameters
    ----------
    ours, theirs : sequence of Layer
        Of the JAX and of the PyTorch model.
    mapping : dict, optional
        As for `compare`.
    orders : callable
        Returns the names of the layers of both models in the order of their first calls.
    """

    def __init__(
        self,
        ours: Sequence[Layer],
        theirs: Sequence[Layer],
        mapping: Mapping[str, str] | None,
        orders: Callable[[], tuple[list[str], list[str]]],
    ):
        self.sides = ours, theirs
        self.given = spell_out(mapping or {}, ours, theirs)
        self._orders = functools.cache(orders)

    def pair(self, otherwise: Collection[Hashable] = ()) -> Pairing:
        """
        Return the pairs; `otherwise` are the choices that are not made as at first.

        Raises
        ------
        ValueError
            If both models have layers without a counterpart, or no array has one.
        """
        found = Pairing(names=dict(self.given), transposed=self._given_in_another_order())
        used = set(self.given), set(self.given.values())
        left = [
            [layer for layer in side if not taken & set(layer.params.values())]
            for side, taken in zip(self.sides, used, strict=True)
        ]
        ours, theirs = ([layer for layer in side if layer.kind] for side in left)
        self._pair(found, ours, theirs, lambda x: frozenset(x.weights().items()), otherwise)
        self._pair_flattened(found)
        # A class of the user's may be split in layers in a different way: array by array.
        for is_matrix in (True, False):
            keys: list[Callable[[Layer], Any]] = [_squeezed, _sorted]
            if is_matrix and self._layouts_may_differ(found):
                found.choices.append(NAMES)
                keys = [_named, _sorted] if NAMES in otherwise else keys
            for key in keys:
                ours, theirs = (
                    [x for x in self._single(found, i) if (len(_squeezed(x)) > 1) == is_matrix]
                    for i in (0, 1)
                )
                self._pair(found, ours, theirs, key, otherwise)
            if is_matrix:
                self._pair_joined(found, otherwise)
                self._pair_patches(found, otherwise)
            self._pair_within(found)
        _pair_alike(found, *(self._single(found, i, True) for i in (0, 1)))
        check_leftovers(found, [self._single(found, i, True) for i in (0, 1)], self.sides)
        self._find_kernels(found, otherwise)
        squares = self._squares(found)
        if squares:
            found.choices.append(SQUARES)
            found.transposed |= squares if SQUARES in otherwise else set()
        return found

    def _find_kernels(self, found: Pairing, otherwise: Collection[Hashable]) -> None:
        """Note which arrays of three axes are kernels: certainly, or by a choice."""
        kinds, (ours, theirs) = self._kinds(), map(shapes_of, self.sides)
        for name, other in found.names.items():
            shapes = without_ones(ours[name]), without_ones(theirs[other])
            if len(shapes[0]) != 3 or shapes[0][::-1] != shapes[1]:
                continue
            kind = {kinds[0][name], kinds[1][other]}
            if kind == {""} and KERNELS not in found.choices:
                found.choices.append(KERNELS)
            if kind == {"", "Conv"}:
                found.kernels.add(name)
            elif kind == {""} and KERNELS in otherwise:
                found.kernels.add(name)
                found.transposed.add(name)

    def _pair_flattened(self, found: Pairing) -> None:
        """Pair a vector with an array of its name and size in the other model, such as a bias."""
        left = [self._single(found, i) for i in (0, 1)]
        taken = [{_squeezed(x) for x in side} for side in left]
        for one, other in zip(*of_equal_names(*left), strict=True):
            shapes = _squeezed(one), _squeezed(other)
            if shapes[0] in taken[1] or shapes[1] in taken[0]:
                continue
            if len(set(map(len, shapes))) == 2 and 1 in map(len, shapes):
                if math.prod(shapes[0]) == math.prod(shapes[1]):
                    found.names[one.name] = other.name

    def _given_in_another_order(self) -> set[str]:
        """Return the arrays of the mapping whose counterparts have their axes in another order."""
        ours, theirs = map(shapes_of, self.sides)
        return {
            name
            for name, other in self.given.items()
            if without_ones(ours[name]) != without_ones(theirs[other])
        }

    def _layouts_may_differ(self, found: Pairing) -> bool:
        """Return whether an array may be one of its own shape, or one with its axes in another."""
        shapes = [{_squeezed(x): _sorted(x) for x in self._single(found, i)} for i in (0, 1)]
        return any(
            shape in shapes[1] and any(x != shape and y == axes for x, y in shapes[1].items())
            for shape, axes in shapes[0].items()
        )

    def _pair(
        self,
        found: Pairing,
        ours: list[Layer],
        theirs: list[Layer],
        key: Callable[[Layer], Any],
        otherwise: Collection[Hashable],
    ) -> None:
        """Pair the layers whose `key` is the same."""
        groups: dict[Any, tuple[list[Layer], list[Layer]]] = {}
        for i, side in enumerate((ours, theirs)):
            for layer in side:
                groups.setdefault(key(layer), ([], []))[i].append(layer)
        for shapes, (one, other) in groups.items():
            if len(one) != len(other):
                one, other = of_equal_names(one, other)
            if same_names(one, other):
                _add(found, by_names(one, other), guessed=False)
                continue
            choice = (key.__name__, shapes)
            if len(one) > 1:
                found.choices.append(choice)
            method = by_rank(*self._orders(), otherwise=choice in otherwise)
            _add(found, with_namesakes(rows_in_order(method(one, other))), guessed=len(one) > 1)

    def _single(self, found: Pairing, i: int, state: bool = False) -> list[Layer]:
        """Return what is left of a side, each array as a layer of its own."""
        taken = set(found.names.values()) if i else set(found.names)
        return [
            layer.part(local)
            for layer in self.sides[i]
            for local, full in layer.params.items()
            if full not in taken and (state or local not in layer.state)
        ]

    def _pair_joined(self, found: Pairing, otherwise: Collection[Hashable]) -> None:
        """Pair arrays of which one model has two axes joined, such as heads and their sizes."""
        kinds = self._kinds()
        left = [
            [x for x in self._single(found, i) if kinds[i][x.name] in ("", "Linear")]
            for i in (0, 1)
        ]
        ours, theirs = (
            [x for x in left[i] if any(can_be_joined(x.shape(), y.shape()) for y in left[1 - i])]
            for i in (0, 1)
        )
        self._pair(found, ours, theirs, _size, otherwise)

    def _pair_patches(self, found: Pairing, otherwise: Collection[Hashable]) -> None:
        """Pair weights of convolutions with those of linear layers on patches."""
        kinds = [{layer.module: layer.kind for layer in side} for side in self.sides]
        ours, theirs = (
            [
                x
                for x in self._single(found, i)
                if kinds[i].get(x.module) in ("Conv", "Linear") and len(x.shape()) > 1
            ]
            for i in (0, 1)
        )
        self._pair(found, ours, theirs, flattened, otherwise)
        windows = windows_of(ours, theirs, found.names)
        if windows:
            found.transposed -= windows
            found.choices.append(PATCHES)
            found.channels_last |= windows if PATCHES in otherwise else set()

    def _pair_within(self, found: Pairing) -> None:
        """Pair what is left within the layers that are paired."""
        owners = {full: layer for layer in self.sides[1] for full in layer.params.values()}
        for layer in self.sides[0]:
            counterparts = [
                owners[found.names[full]] for full in layer.params.values() if full in found.names
            ]
            if counterparts:
                names = set(counterparts[0].params.values())
                left = [self._single(found, i, True) for i in (0, 1)]
                mine = [x for x in left[0] if x.module == layer.module]
                theirs = [x for x in left[1] if x.name in names]
                # One whose namesake is elsewhere waits for it.
                others = {x.name for x in left[1] if x not in theirs}
                own = {_local(x.name) for x in theirs}
                mine = [x for x in mine if x.name not in others or _local(x.name) in own]
                _pair_alike(found, mine, theirs)

    def _kinds(self) -> list[dict[str, str]]:
        """Return the kinds of layers of both sides by the full names of their arrays."""
        return [
            {full: layer.kind for layer in side for full in layer.params.values()}
            for side in self.sides
        ]

    def _squares(self, found: Pairing) -> set[str]:
        """Return the paired square matrices, and the like, whose layout is not known."""
        kinds = self._kinds()
        shapes = shapes_of(self.sides[0])
        return {
            name
            for name, other in found.names.items()
            if name not in found.transposed and may_be_turned(shapes[name], name in found.kernels)
            if not (kinds[0][name] and kinds[1][other])
            # Two classes of the user's that call it by one name mean one layout.
            if kinds[0][name] or kinds[1][other] or _local(name) != _local(other)
        }


def _add(found: Pairing, pairs: list[tuple[Layer, Layer]], guessed: bool) -> None:
    for one, other in pairs:
        for local, full in one.params.items():
            theirs = next(iter(other.params)) if one.is_part() else local
            if theirs not in other.params:
                continue  # state of one side, which may have another name
            found.names[full] = other.params[theirs]
            if without_ones(one.shapes[local]) != without_ones(other.shapes[theirs]):
                found.transposed.add(full)
        if guessed:
            found.guessed[one.place] = other.name


def _pair_alike(found: Pairing, ours: list[Layer], theirs: list[Layer]) -> None:
    """Pair arrays of one shape if there are equally many: of equal or similar names."""
    for shape in {_squeezed(layer) for layer in ours}:
        one, other = ([x for x in side if _squeezed(x) == shape] for side in (ours, theirs))
        equal = of_equal_names(one, other)
        _add(found, by_names(*equal), guessed=False)
        one = [x for x in one if x not in equal[0]]
        other = [x for x in other if x not in equal[1]]
        if len(one) == len(other):
            _add(found, rows_in_order(by_similarity(one, other)), guessed=True)


def _local(name: str) -> str:
    return name.rpartition(".")[2]


def _named(one: Layer) -> tuple[str, Shape]:
    return re.sub(r"\.(weight|kernel)$", "", one.name), _sorted(one)


def _size(one: Layer) -> int:
    return math.prod(one.shape())


def _squeezed(one: Layer) -> Shape:
    return without_ones(one.shape())


def _sorted(one: Layer) -> Shape:
    return tuple(sorted(_squeezed(one)))
