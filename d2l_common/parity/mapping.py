"""Which parameter of one model is which of the other."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Shape = tuple[int, ...]


def match_parameters(
    jax_shapes: Mapping[str, Sequence[int]],
    torch_shapes: Mapping[str, Sequence[int]],
    mapping: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """
    Pair the parameters of two models, `{name in JAX: name in PyTorch}`.

    What `mapping` does not say is found out: a parameter goes with the one of its name; else with
    the only one of its shape and kind (`weight`, `bias`, ...); else, among several of one shape,
    with the one that has the same number in its name, as `hidden2` and `fc2` have.

    Parameters
    ----------
    jax_shapes, torch_shapes : dict
        `{name: shape}`, both in PyTorch's layout, as `export_weights` gives them.
    mapping : dict, optional
        `{name in JAX: name in PyTorch}` of parameters or of whole layers: `{"hidden": "fc1"}`
        stands for `{"hidden.weight": "fc1.weight", "hidden.bias": "fc1.bias"}`.

    Raises
    ------
    ValueError
        If a name of `mapping` is unknown, shapes do not fit, or it is open what belongs together.
    """
    jax = {name: tuple(shape) for name, shape in jax_shapes.items()}
    torch = {name: tuple(shape) for name, shape in torch_shapes.items()}
    pairs = _spell_out(mapping or {}, jax, torch)
    for name in jax:
        if name not in pairs and jax[name] == torch.get(name) and name not in pairs.values():
            pairs[name] = name
    left_jax = [name for name in jax if name not in pairs]
    left_torch = [name for name in torch if name not in pairs.values()]
    groups: defaultdict[tuple[str, Shape], tuple[list[str], list[str]]] = defaultdict(
        lambda: ([], [])
    )
    for side, names, shapes in ((0, left_jax, jax), (1, left_torch, torch)):
        for name in names:
            groups[_kind(name), shapes[name]][side].append(name)
    for (_, shape), (ours, theirs) in groups.items():
        if len(ours) != len(theirs):
            raise ValueError(_unequal(shape, ours, theirs))
        pairs |= _pair_by_number(shape, ours, theirs)
    return {name: pairs[name] for name in jax}


def _spell_out(
    mapping: Mapping[str, str], jax: Mapping[str, Shape], torch: Mapping[str, Shape]
) -> dict[str, str]:
    """Return `mapping` with the names of layers replaced by those of their parameters."""
    pairs: dict[str, str] = {}
    for ours, theirs in mapping.items():
        if ours in jax:
            found = {ours: theirs}
        else:
            prefix = ours + "."
            leaves = [name.removeprefix(prefix) for name in jax if name.startswith(prefix)]
            found = {prefix + leaf: f"{theirs}.{leaf}" for leaf in leaves}
        if not found:
            raise ValueError(f"mapping: the JAX model has no {ours!r}, only {list(jax)}")
        for one, other in found.items():
            if other not in torch:
                raise ValueError(f"mapping: the PyTorch model has no {other!r}, only {list(torch)}")
            if jax[one] != torch[other]:
                raise ValueError(
                    f"mapping: {one} has shape {jax[one]}, but {other} has {torch[other]}"
                )
        pairs |= found
    return pairs


def _pair_by_number(shape: Shape, ours: list[str], theirs: list[str]) -> dict[str, str]:
    if len(ours) == 1:
        return {ours[0]: theirs[0]}
    numbered = {_numbers(name): name for name in theirs}
    if len(numbered) == len(theirs) and {_numbers(name) for name in ours} == set(numbered):
        return {name: numbered[_numbers(name)] for name in ours}
    raise ValueError(
        f"there are {len(ours)} parameters of shape {shape}, {ours} in JAX and {theirs} in "
        "PyTorch: say by mapping={...} which is which"
    )


def _unequal(shape: Shape, ours: list[str], theirs: list[str]) -> str:
    return (
        f"the models do not have the same parameters: of shape {shape} JAX has "
        f"{ours or 'none'} and PyTorch {theirs or 'none'}"
    )


def _kind(name: str) -> str:
    """Return the last part of a name, without a number: `weight`, `bias`, `W` of `W1`."""
    return name.rsplit(".", 1)[-1].rstrip("0123456789").lower()


def _numbers(name: str) -> tuple[Any, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))
