"""A layer of a model, and its arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

Shape = tuple[int, ...]


class Layer(NamedTuple):
    """
    A layer of one model, and its arrays in PyTorch's layout.

    Attributes
    ----------
    name : str
        PyTorch's name, such as `net.1` or `rnn_l0`; empty for the model itself.
    place : str
        The place in its own framework, such as `net.layers.1`.
    module : str
        The name under which its calls are recorded: `name` without what follows `rnn`.
    kind : str
        PyTorch's class without dimensions, such as `Conv`; empty for a class of the user's.
    params : dict
        `{local name: full name}` of the arrays, such as `{"weight": "net.1.weight"}`.
    shapes, places : dict
        Their shapes, and their places in their own framework, by local name.
    state : collection of str
        Local names of those that are not trained.
    aliases : collection of str
        Further names of the layer, if the model holds it more than once.
    absent : collection of str
        Local names of arrays that only PyTorch has; JAX computes as if they were 0.
    stacked : int
        Number of axes that `nnx.vmap` has put in front of the arrays.
    """

    name: str
    place: str
    module: str
    kind: str
    params: dict[str, str]
    shapes: dict[str, Shape]
    places: dict[str, str]
    state: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    stacked: int = 0

    def trained_names(self) -> set[str]:
        """Return the full names of the trained arrays."""
        return {full for local, full in self.params.items() if local not in self.state}

    def weights(self) -> dict[str, Shape]:
        """Return the shapes of the arrays that are trained unless they are frozen."""
        return {k: shape for k, shape in self.shapes.items() if not k.startswith("running_")}

    def part(self, local: str) -> Layer:
        """Return one array as a layer of its own."""
        full = self.params[local]
        return Layer(
            full,
            self.places[local],
            self.module,
            "",
            {local: full},
            {local: self.shapes[local]},
            {local: self.places[local]},
            self.state & {local},
            aliases=frozenset(f"{alias}.{local}" for alias in self.aliases),
        )

    def without(self, arrays: Collection[str]) -> Layer:
        """Return the layer without the arrays of these full names."""
        kept = [local for local, full in self.params.items() if full not in arrays]
        return self._replace(
            params={local: self.params[local] for local in kept},
            shapes={local: self.shapes[local] for local in kept},
            places={local: self.places[local] for local in kept},
        )

    def is_part(self) -> bool:
        """Return whether this is one array of a layer."""
        return [*self.params.values()] == [self.name]

    def shape(self) -> Shape:
        """Return the shape of the only array."""
        [shape] = self.shapes.values()
        return shape


def shapes_of(layers: Iterable[Layer]) -> dict[str, Shape]:
    """Return the shapes of all arrays of layers by full names."""
    return {layer.params[k]: shape for layer in layers for k, shape in layer.shapes.items()}
