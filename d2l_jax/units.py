"""
Layers of a Flax NNX model as units, each with the names and layout of its arrays in PyTorch.

A unit names the layer's arrays in NNX (leaves, such as `kernel`) and in PyTorch (local names, such
as `weight`), and converts one set to the other.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from .layer_layouts import Rule, num_axes, rules_of
from .packed_layouts import Packed

Path = tuple[Any, ...]
Arrays = dict[str, np.ndarray]
Convert = Callable[[Arrays], Arrays]


class Unit(NamedTuple):
    """
    A layer of an NNX model, and how PyTorch stores it.

    Attributes
    ----------
    place : tuple
        Path of the layer in the model; `()` for the model itself.
    name : str
        PyTorch's name of the layer, such as `net.1`; `""` for the model itself.
    kind : str
        PyTorch's class without its dimensions, such as `Conv`; `""` for a layer of unknown kind.
    suffix : str
        What follows the local names in PyTorch, such as `_l0_reverse`.
    leaves : dict
        `{name within the layer: path in the model}` of the arrays in NNX, such as `query.kernel`.
    parts : dict
        `{local name: shape}` of the arrays in PyTorch.
    state : frozenset
        Local names of the arrays that are not trained, such as `running_mean`.
    absent : frozenset
        Local names of the arrays that only PyTorch has; they are 0 in what `to_torch` returns.
    to_torch, to_jax : callable
        Convert arrays by leaf to arrays by local name, and back.
    plain : frozenset
        Local names of the state that is a plain array, not an `nnx.Variable`.
    lost : callable
        Returns the local names of the arrays whose values NNX cannot represent.
    stacked : int
        Number of axes in front of those of the layer's arrays, as `nnx.vmap` adds them.
    """

    place: Path
    name: str
    kind: str
    suffix: str
    leaves: dict[str, Path]
    parts: dict[str, tuple[int, ...]]
    state: frozenset[str]
    absent: frozenset[str]
    to_torch: Convert
    to_jax: Convert
    plain: frozenset[str] = frozenset()
    lost: Callable[[Arrays], list[str]] = lambda arrays: []
    stacked: int = 0

    def full(self, local: str) -> str:
        """Return PyTorch's name in the model of a local name."""
        return f"{self.name}.{local}{self.suffix}".removeprefix(".")


def single_unit(
    modules: Mapping[Path, Any], place: Path, leaves: dict[str, Path], arrays: Mapping[Path, Any]
) -> Unit:
    """Return the unit of a layer whose leaves are each one array in PyTorch."""
    try:
        kind, known = rules_of(modules[place])
    except ValueError as error:
        raise ValueError(
            f"{dotted(place) or 'the model'}: {error}; write the layer as a module of your own"
        ) from None
    rules = {leaf: known.get(leaf, Rule(leaf)) for leaf in leaves}
    by_local = {rule.local: leaf for leaf, rule in rules.items()}
    held = {rules[leaf].local: arrays[path] for leaf, path in leaves.items()}

    def one_to_torch(values: Arrays) -> Arrays:
        return {rules[leaf].local: rules[leaf].to_torch(x) for leaf, x in values.items()}

    def one_to_jax(values: Arrays) -> Arrays:
        return {by_local[local]: rules[by_local[local]].to_jax(x) for local, x in values.items()}

    stacked = num_stacked(modules, leaves, arrays)
    to_torch, to_jax = (on_stacks(convert, stacked) for convert in (one_to_torch, one_to_jax))
    return Unit(
        place=place,
        name=layer_name(modules, place),
        kind=kind,
        suffix="",
        leaves=leaves,
        parts=shapes_of(to_torch, leaves, arrays),
        state=frozenset(k for k, x in held.items() if not isinstance(x, nnx.Param)),
        absent=frozenset(),
        to_torch=to_torch,
        to_jax=to_jax,
        plain=frozenset(k for k, x in held.items() if not isinstance(x, nnx.Variable)),
        stacked=stacked,
    )


def packed_unit(
    modules: Mapping[Path, Any],
    place: Path,
    part: Packed,
    leaves: dict[str, Path],
    arrays: Mapping[Path, Any],
) -> Unit:
    """Return the unit of a layer that PyTorch stores as one, or of one direction of it."""
    stacked = num_stacked(modules, leaves, arrays)
    to_torch, to_jax = (on_stacks(convert, stacked) for convert in (part.to_torch, part.to_jax))
    shapes = shapes_of(to_torch, leaves, arrays)
    trained = any(isinstance(arrays[path], nnx.Param) for path in leaves.values())
    return Unit(
        place=place,
        name=layer_name(modules, place),
        kind=part.kind,
        suffix=part.suffix,
        leaves=leaves,
        parts=shapes,
        state=frozenset() if trained else frozenset(shapes),
        absent=part.absent,
        to_torch=to_torch,
        to_jax=to_jax,
        lost=part.lost,
        stacked=stacked,
    )


def num_stacked(
    modules: Mapping[Path, Any], leaves: Mapping[str, Path], arrays: Mapping[Path, Any]
) -> int:
    """Return how many axes `nnx.vmap` has put in front of the arrays of a layer of NNX."""
    extra = {
        arrays[path].ndim - axes
        for path in leaves.values()
        if (axes := num_axes(modules.get(path[:-1]), path[-1])) is not None
    }
    return max(0, extra.pop()) if len(extra) == 1 else 0


def on_stacks(convert: Convert, stacked: int) -> Convert:
    """Return a conversion of the arrays of stacked layers, given that of those of one."""
    if not stacked:
        return convert
    inner = on_stacks(convert, stacked - 1)

    def all_of_them(values: Arrays) -> Arrays:
        sizes = {len(x) for x in values.values()}
        each = [inner({k: x[i] for k, x in values.items()}) for i in range(min(sizes, default=0))]
        return {k: np.stack([one[k] for one in each]) for k in (each[0] if each else ())}

    return all_of_them


def shapes_of(
    to_torch: Convert, leaves: Mapping[str, Path], arrays: Mapping[Path, Any]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that arrays by leaf have in PyTorch."""
    empty = {leaf: np.broadcast_to(np.False_, arrays[path].shape) for leaf, path in leaves.items()}
    return {local: tuple(x.shape) for local, x in to_torch(empty).items()}


def layer_name(modules: Mapping[Path, Any], place: Path) -> str:
    """Return PyTorch's name of the layer at `place`: without the `layers` of an nnx.Sequential."""
    return dotted(
        step
        for i, step in enumerate(place)
        if not (step == "layers" and isinstance(modules.get(place[:i]), nnx.Sequential))
    )


def dotted(path: Iterable[Any]) -> str:
    """Return a path as text, such as `net.layers.1`."""
    return ".".join(map(str, path))
