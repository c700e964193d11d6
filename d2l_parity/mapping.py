"""Pair the parameters of one model with those of the other."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

Shape = tuple[int, ...]


def match_parameters(
    jax_shapes: Mapping[str, Sequence[int]],
    torch_shapes: Mapping[str, Sequence[int]],
    mapping: Mapping[str, str] | None = None,
    jax_paths: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """
    Pair the parameters of two models, `{name in JAX: name in PyTorch}`.

    A parameter that is not in `mapping` is paired with the one of its name; else with the only one
    of its shape and kind (`weight`, `bias`, ...); else, among several of one shape, with the one
    that has the same number in its name, as `hidden2` and `fc2` have.

    Parameters
    ----------
    jax_shapes, torch_shapes : dict
        `{name: shape}`, both in PyTorch's layout, as `export_weights` gives them.
    mapping : dict, optional
        `{name in JAX: name in PyTorch}` of parameters or of layers with all that they hold:
        `{"hidden": "fc1"}` stands for `{"hidden.weight": "fc1.weight", "hidden.bias": "fc1.bias"}`.
        In JAX a name may also be the place in the model, such as `hidden.kernel` or `net.layers.1`.
    jax_paths : dict, optional
        `{name: place in the JAX model}`, for the errors.

    Raises
    ------
    TypeError
        If `mapping` is not a mapping of names to names.
    ValueError
        If a name of `mapping` is unknown, two shapes differ, or a pair is ambiguous or missing.
    """
    jax = {name: tuple(shape) for name, shape in jax_shapes.items()}
    torch = {name: tuple(shape) for name, shape in torch_shapes.items()}
    paths = jax_paths or {name: name for name in jax}
    check_mapping(mapping)
    pairs = _spell_out(mapping or {}, jax, torch, paths)
    for name in jax:
        if name not in pairs and jax[name] == torch.get(name) and name not in pairs.values():
            pairs[name] = name
    left = _by_kind(jax, pairs.keys()), _by_kind(torch, pairs.values())
    for kind in left[0] | left[1]:
        ours, theirs, shape = left[0].get(kind, []), left[1].get(kind, []), kind[1]
        places = [paths[name] for name in ours]
        if len(ours) != len(theirs):
            raise ValueError(
                f"the models do not have the same parameters: of shape {shape} JAX has "
                f"{places or 'none'} and PyTorch {theirs or 'none'}"
            )
        found = _pair_by_number(ours, theirs)
        if found is None:
            raise ValueError(
                f"there are {len(ours)} parameters of shape {shape}, {places} in JAX and {theirs} "
                "in PyTorch; pair them by mapping={...}"
            )
        pairs |= found
    return {name: pairs[name] for name in jax}


def check_mapping(mapping: Any) -> None:
    """Raise a `TypeError` unless `mapping` is None or a mapping of names to names."""
    wanted = "mapping must be a dict {name in JAX: name in PyTorch}"
    if not isinstance(mapping, Mapping | None):
        raise TypeError(f"{wanted}, got {type(mapping).__name__}")
    for name in (*(mapping or {}), *(mapping or {}).values()):
        if not isinstance(name, str):
            raise TypeError(f"{wanted} of text such as 'hidden1', got {type(name).__name__}")


def _spell_out(
    mapping: Mapping[str, str],
    jax: Mapping[str, Shape],
    torch: Mapping[str, Shape],
    paths: Mapping[str, str],
) -> dict[str, str]:
    """Return `mapping` with the names of layers replaced by those of their parameters."""
    by_path = {path: name for name, path in paths.items()}
    by_path |= {layer_of(path): layer_of(name) for name, path in paths.items()}
    known = by_path | {name: name for name in _with_layers(jax)}
    torch_names = _with_layers(torch)
    pairs: dict[str, str] = {}
    for ours, theirs in mapping.items():
        if ours not in known:
            if ours in torch_names and theirs in known:
                raise ValueError(
                    f"mapping: {ours!r} is in the PyTorch model and {theirs!r} in the JAX model: "
                    "the mapping is the other way round; write {name in JAX: name in PyTorch}"
                )
            places = list(paths.values())
            raise ValueError(f"mapping: the JAX model has no {ours!r}, only {places}")
        if theirs not in torch_names:
            raise ValueError(f"mapping: the PyTorch model has no {theirs!r}, only {list(torch)}")
        name = known[ours]
        for one in [each for each in jax if f"{each}.".startswith(f"{name}.")]:
            other = theirs + one.removeprefix(name)
            if other not in torch:
                raise ValueError(
                    f"mapping: {paths[one]} in JAX has no counterpart {other} in PyTorch, which "
                    f"has only {list(torch)}"
                )
            taken = [paths[each] for each, used in pairs.items() if used == other and each != one]
            if taken:
                raise ValueError(f"mapping: {other} cannot be both {taken[0]} and {paths[one]}")
            if jax[one] != torch[other]:
                raise ValueError(
                    f"mapping: {paths[one]} in JAX has shape {jax[one]} (in PyTorch's layout), "
                    f"but {other} in PyTorch has {torch[other]}"
                )
            pairs[one] = other
    return pairs


def layer_of(name: str) -> str:
    """Return the name of the layer that a parameter is in."""
    return name.rpartition(".")[0]


def _with_layers(names: Iterable[str]) -> set[str]:
    """Return `names` and those of all the layers around them."""
    parts = [name.split(".") for name in names]
    return {".".join(each[:i]) for each in parts for i in range(1, len(each) + 1)}


def _pair_by_number(ours: list[str], theirs: list[str]) -> dict[str, str] | None:
    """Return the pairs of equal numbers, None if they are ambiguous."""
    if len(ours) == 1:
        return {ours[0]: theirs[0]}
    numbered = {_numbers(name): name for name in theirs}
    if len(numbered) == len(theirs) and {_numbers(name) for name in ours} == set(numbered):
        return {name: numbered[_numbers(name)] for name in ours}
    return None


def _by_kind(
    shapes: Mapping[str, Shape], paired: Collection[str]
) -> dict[tuple[str, Shape], list[str]]:
    """Return the names that are not `paired` by kind (`weight`, or `w` for `W1`) and shape."""
    groups: dict[tuple[str, Shape], list[str]] = {}
    for name, shape in shapes.items():
        if name not in paired:
            kind = name.rpartition(".")[2].rstrip("0123456789").lower()
            groups.setdefault((kind, shape), []).append(name)
    return groups


def _numbers(name: str) -> tuple[Any, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))
