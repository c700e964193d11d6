"""Read the mapping of names that a user passes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from d2l_parity.axes import can_be_joined, without_ones
from d2l_parity.layer import Layer, shapes_of


def check_mapping(mapping: Any) -> None:
    """Raise a `TypeError` unless `mapping` is None or a mapping of names to names."""
    wanted = "mapping must be a dict {name in JAX: name in PyTorch}"
    if not isinstance(mapping, Mapping | None):
        raise TypeError(f"{wanted}, got {type(mapping).__name__}")
    for name in (*(mapping or {}), *(mapping or {}).values()):
        if not isinstance(name, str):
            raise TypeError(f"{wanted} of text such as 'hidden1', got {type(name).__name__}")


def spell_out(
    mapping: Mapping[str, str], ours: Sequence[Layer], theirs: Sequence[Layer]
) -> dict[str, str]:
    """
    Return `mapping` with layers replaced by their arrays, and JAX's places by PyTorch's spelling.

    Raises
    ------
    ValueError
        If a name is unknown, two shapes differ, or two arrays get one counterpart.
    """
    jax, places = shapes_of(ours), _places(ours)
    torch = shapes_of(theirs)
    by_place = {place: name for name, place in places.items()}
    by_place |= {layer.place: layer.name for layer in ours}
    known = by_place | {name: name for name in _with_layers(jax)}
    torch_names = _with_layers(torch)
    own = _of_own_classes(ours) | _of_own_classes(theirs)
    pairs: dict[str, str] = {}
    for one, other in mapping.items():
        if one not in known:
            if one in torch_names and other in known:
                raise ValueError(
                    f"mapping: {one!r} is in the PyTorch model and {other!r} in the JAX model: "
                    "the mapping is the other way round; write {name in JAX: name in PyTorch}"
                )
            raise ValueError(f"mapping: the JAX model has no {one!r}, only {list(places.values())}")
        if other not in torch_names:
            raise ValueError(f"mapping: the PyTorch model has no {other!r}, only {list(torch)}")
        name = known[one]
        for ours_full in [each for each in jax if f"{each}.".startswith(f"{name}.")]:
            full = other + ours_full.removeprefix(name)
            place = places[ours_full]
            if full not in torch:
                raise ValueError(
                    f"mapping: {place} in JAX has no counterpart {full} in PyTorch, which "
                    f"has only {list(torch)}"
                )
            taken = [places[n] for n, used in pairs.items() if used == full and n != ours_full]
            if taken:
                raise ValueError(f"mapping: {full} cannot be both {taken[0]} and {place}")
            shapes = jax[ours_full], torch[full]
            lengths = [without_ones(shape) for shape in shapes]
            # Those of one's own classes may have their axes in any order, or joined.
            is_own = full in own or ours_full in own
            in_another_order = sorted(lengths[0]) == sorted(lengths[1]) or can_be_joined(*shapes)
            if lengths[0] != lengths[1] and not (is_own and in_another_order):
                raise ValueError(
                    f"mapping: {place} in JAX has shape {jax[ours_full]} (in PyTorch's layout), "
                    f"but {full} in PyTorch has {torch[full]}"
                )
            pairs[ours_full] = full
    return pairs


def _of_own_classes(layers: Sequence[Layer]) -> set[str]:
    """Return the arrays of classes of the user's, whose layout is not known."""
    return {full for layer in layers if not layer.kind for full in layer.params.values()}


def _places(layers: Sequence[Layer]) -> dict[str, str]:
    """Return the places of all arrays in their own framework by full names."""
    return {full: layer.places[k] for layer in layers for k, full in layer.params.items()}


def _with_layers(names: Iterable[str]) -> set[str]:
    """Return `names` and those of all the layers around them."""
    parts = [name.split(".") for name in names]
    return {".".join(each[:i]) for each in parts for i in range(1, len(each) + 1)}
