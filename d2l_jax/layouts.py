"""
Layers of Flax NNX and how PyTorch stores the same layers (section 6.6).

A model is a list of units, one for each layer. A unit names the layer's arrays in NNX (leaves, such
as `kernel`) and in PyTorch (local names, such as `weight`), and converts one set to the other.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from flax import nnx
from jax import numpy as jnp

from .layer_layouts import Rule, rules_of
from .packed_layouts import Packed, packed

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

    def full(self, local: str) -> str:
        """Return PyTorch's name in the model of a local name."""
        return f"{self.name}.{local}{self.suffix}".removeprefix(".")


# Random streams, and what a call leaves behind.
NOT_WEIGHTS = nnx.RngState, nnx.Cache, nnx.Intermediate


def units(model: nnx.Module, whole: Collection[str] | None = None) -> list[Unit]:
    """
    Return the layers of `model` that hold arrays, each with its layout in PyTorch.

    Each parameter and each other array is in one unit, except random streams, caches and
    intermediates. A tied one is in the unit of its first place.

    A layer of NNX that consists of layers is one unit if PyTorch stores it as one: an
    nnx.MultiHeadAttention, a recurrent cell, an nnx.RNN, an nnx.Bidirectional and an
    nnx.Sequential of these. It is taken apart if its kind is not in `whole`, or if PyTorch's layer
    cannot represent it, such as attention with fewer heads of keys than of queries.

    Parameters
    ----------
    model : nnx.Module
    whole : collection of str, optional
        Kinds, such as `"MultiheadAttention"`, `"LSTM"` and `"GRUCell"`, of the layers that are one
        unit; all by default.

    Returns
    -------
    list of Unit
        In the order of their first leaves in the model. Those of a recurrent layer with several
        directions or layers have one place and different suffixes.

    Raises
    ------
    ValueError
        If a layer of NNX has no counterpart in PyTorch, or a variable does not hold one array.
    """
    return units_of(dict(nnx.iter_modules(model)), arrays_of(model), whole)


def units_of(
    modules: Mapping[Path, Any], arrays: Mapping[Path, Any], whole: Collection[str] | None
) -> list[Unit]:
    """Return the units of a model with these modules and arrays."""
    left, order, found = dict(arrays), {path: i for i, path in enumerate(arrays)}, []
    for place in sorted(modules, key=len):  # the outermost first
        parts = [each for each in packed(modules[place]) if whole is None or each.kind in whole]
        inside = {dotted(p[len(place) :]): p for p in left if parts and p[: len(place)] == place}
        if all(part.leaves <= inside.keys() for part in parts):
            for part in parts:
                leaves = {leaf: inside[leaf] for leaf in inside if leaf in part.leaves}
                found.append(packed_unit(modules, place, part, leaves, arrays))
                left = {path: x for path, x in left.items() if path not in leaves.values()}
    owned: dict[Path, dict[str, Path]] = {}
    for path in left:
        place = next(path[:i] for i in reversed(range(len(path))) if path[:i] in modules)
        owned.setdefault(place, {})[dotted(path[len(place) :])] = path
    found += [single_unit(modules, place, leaves, arrays) for place, leaves in owned.items()]
    return sorted(found, key=lambda unit: order[next(iter(unit.leaves.values()))])


def arrays_of(model: nnx.Module) -> dict[Path, Any]:
    """Return the variables and plain arrays of `model` that are weights or state, by path."""
    found = {}
    for path, leaf in nnx.to_flat_state(nnx.state(model)):
        value = leaf.get_raw_value() if isinstance(leaf, nnx.Variable) else leaf
        if isinstance(leaf, NOT_WEIGHTS):
            continue
        if not hasattr(value, "dtype"):
            raise ValueError(
                f"{dotted(path)} must hold one array, got {type(value).__name__}; "
                "make one nnx.Param or nnx.Variable for each array"
            )
        if jnp.issubdtype(value.dtype, jnp.number) or value.dtype == bool:  # not a random key
            found[path] = leaf
    return found


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

    def to_torch(values: Arrays) -> Arrays:
        return {rules[leaf].local: rules[leaf].to_torch(x) for leaf, x in values.items()}

    def to_jax(values: Arrays) -> Arrays:
        return {by_local[local]: rules[by_local[local]].to_jax(x) for local, x in values.items()}

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
    )


def packed_unit(
    modules: Mapping[Path, Any],
    place: Path,
    part: Packed,
    leaves: dict[str, Path],
    arrays: Mapping[Path, Any],
) -> Unit:
    """Return the unit of a layer that PyTorch stores as one, or of one direction of it."""
    return Unit(
        place=place,
        name=layer_name(modules, place),
        kind=part.kind,
        suffix=part.suffix,
        leaves=leaves,
        parts=shapes_of(part.to_torch, leaves, arrays),
        state=frozenset(),
        absent=part.absent,
        to_torch=part.to_torch,
        to_jax=part.to_jax,
        lost=part.lost,
    )


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


def aliases(model: nnx.Module, whole: Collection[str] | None = None) -> dict[str, list[str]]:
    """
    Return the other names in PyTorch of tied arrays, `{name: names}`.

    A name is listed if PyTorch's arrays of both names would be equal: two layers that share a
    kernel, or a layer that is in two places.

    Parameters
    ----------
    model : nnx.Module
    whole : collection of str, optional
        As in `units`.

    Returns
    -------
    dict
        Its keys are names of `units`.
    """
    duplicates = nnx.find_duplicates(model)
    if not duplicates:
        return {}
    modules, arrays = dict(nnx.iter_modules(model)), arrays_of(model)
    first = {path: i for i, path in enumerate(arrays)}
    everywhere = all_paths(arrays, duplicates)
    tied = units_of(
        {path: modules[origin] for path, origin in all_paths(modules, duplicates).items()},
        {path: arrays[origin] for path, origin in everywhere.items()},
        whole,
    )
    # Every element of the model gets a number, so that equal arrays are the same variable.
    ends = np.cumsum([x.size for x in arrays.values()], dtype=np.int64)

    def numbered(unit: Unit) -> dict[str, bytes]:
        values = {}
        for leaf, path in unit.leaves.items():
            origin = everywhere[path]
            x, end = arrays[origin], ends[first[origin]]
            values[leaf] = np.arange(end - x.size, end).reshape(x.shape) + 1
        return {
            unit.full(local): repr(x.shape).encode() + x.tobytes()
            for local, x in unit.to_torch(values).items()
            if local not in unit.absent
        }

    names = {
        key: name
        for unit in units_of(modules, arrays, whole)
        for name, key in numbered(unit).items()
    }
    found: dict[str, list[str]] = {}
    for unit in tied:
        for name, key in numbered(unit).items():
            if names.get(key, name) != name:
                found.setdefault(names[key], []).append(name)
    return found


def all_paths(paths: Iterable[Path], duplicates: list[list[Path]]) -> dict[Path, Path]:
    """Return every path of each object, those of tied ones included: `{path: first path}`."""
    origin = {path: path for path in paths}
    # The longest first, and twice, since a tied layer may be inside of another one.
    for first, *others in 2 * sorted(duplicates, key=lambda group: -len(group[0])):
        for path in [path for path in origin if path[: len(first)] == first]:
            for other in others:
                if other[: len(first)] != first:  # not a layer inside of itself
                    origin.setdefault(other + path[len(first) :], origin[path])
    return origin
