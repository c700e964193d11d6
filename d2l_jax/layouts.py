"""Layers of Flax NNX and how PyTorch stores the same layers (section 6.6)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from flax import nnx
from jax import numpy as jnp

from d2l_common.checks.models import no_shape_yet
from .nn.lazy import lazy_layers
from .packed_layouts import packed
from .units import Path, dotted, layer_name, packed_unit, single_unit
from .units import Unit as Unit
from .variables import raw_value

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
        If no layer of PyTorch stores what one of NNX does, a layer has no shape yet, or a variable
        does not hold one array.
    """
    check_shapes(model)
    return units_of(dict(nnx.iter_modules(model)), arrays_of(model), whole)


def check_shapes(model: nnx.Module) -> None:
    """Raise a ValueError if a layer of `model` does not have its shape yet."""
    for path in lazy_layers(model):
        name = layer_name(dict(nnx.iter_modules(model)), path)
        raise no_shape_yet(f"{name}.weight")


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
        value = raw_value(leaf)
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
    origin = all_paths(arrays, duplicates)
    shared = {first for path, first in origin.items() if path != first}
    # Every element of the model has a number, so that equal arrays are the same variable.
    ends = np.cumsum([x.size for x in arrays.values()], dtype=np.int64)
    end_of = dict(zip(arrays, ends, strict=True))

    def numbers(path: Path) -> np.ndarray:
        x, end = arrays[path], end_of[path]
        return np.arange(end - x.size, end).reshape(x.shape)

    def names(layers: list[Unit]) -> Iterator[tuple[bytes, str]]:
        for unit in layers:
            paths = {leaf: origin[path] for leaf, path in unit.leaves.items()}
            if shared & {*paths.values()}:
                parts = unit.to_torch({leaf: numbers(path) for leaf, path in paths.items()})
                keys = {k: repr(x.shape).encode() + x.tobytes() for k, x in parts.items()}
                for local, key in keys.items():
                    # An array of zeros is tied if all others are.
                    everything = local.encode() + b"".join(keys.values())
                    yield everything if local in unit.absent else key, unit.full(local)

    known = dict(names(units_of(modules, arrays, whole)))
    everywhere = units_of(
        {path: modules[first] for path, first in all_paths(modules, duplicates).items()},
        {path: arrays[first] for path, first in origin.items()},
        whole,
    )
    found: dict[str, list[str]] = {}
    for key, name in names(everywhere):
        if known.get(key, name) != name:
            found.setdefault(known[key], []).append(name)
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
