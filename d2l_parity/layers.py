"""Compare two models layer by layer, by what one minibatch left on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from d2l_parity.activations import gap_of_calls
from d2l_parity.closeness import norms, relative_gap, total_norm
from d2l_parity.passes import Observation
from d2l_parity.sides import Arrays, Names


@dataclass
class Layer:
    """
    Gaps between a layer of one model and that of the other, in float64, in norm and relative.

    Attributes
    ----------
    name, jax_name : str
        The place in the PyTorch and in the JAX model; empty for the model itself.
    input, output : float
        In evaluation mode; NaN if they cannot be compared.
    train_input, train_output : float
        In training mode.
    gradients, state : dict
        `{name: gap}` of its parameters, and of its state after the minibatch in training mode, by
        PyTorch's names.
    where : tuple of str
        File and line of the first call in JAX and in PyTorch.
    one_ulp : dict
        `{"input", "output", ...: the gap that one ulp in the weights opens there}`.
    """

    name: str
    jax_name: str
    input: float = np.nan
    output: float = np.nan
    train_input: float = np.nan
    train_output: float = np.nan
    gradients: dict[str, float] = field(default_factory=dict)
    state: dict[str, float] = field(default_factory=dict)
    where: tuple[str, str] = ("", "")
    one_ulp: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return in_both(self.name, self.jax_name) if self.name else ""

    def calls(self) -> str:
        """Return a sentence on where both sides call the layer; empty if that is not known."""
        ours, theirs = self.where
        return f" JAX calls it at {ours}, PyTorch at {theirs}." if ours and theirs else ""


class Modules(NamedTuple):
    """The names of one layer: those of its calls in PyTorch and in JAX, and its place in JAX."""

    torch: str
    jax: str
    place: str


def modules_of(sides: Mapping[str, Names]) -> dict[str, Modules]:
    """Return the names of the layers that are one module on both sides, by PyTorch's names."""
    owners = {full: layer for layer in sides["torch"].layers for full in layer.params.values()}
    found: dict[str, dict[str, Modules]] = {}
    for layer in sides["jax"].layers:
        for full in layer.params.values():
            if full in sides["jax"].names:
                other = owners[sides["jax"].names[full]]
                names = {other.module, *other.aliases}, {layer.module, *layer.aliases}
                common = sorted(names[0] & names[1])
                # Tied layers are called under several names.
                is_tied = max(map(len, names)) > 1
                torch, jax = (common[0],) * 2 if common else (other.module, layer.module)
                if not is_tied or common:
                    modules = Modules(torch, jax, layer.place)
                    found.setdefault(other.module, {})[layer.module] = modules
    single = {name: next(iter(ours.values())) for name, ours in found.items() if len(ours) == 1}
    # A module of one side may hold the arrays of several of the other.
    counts = Counter(jax for ours in found.values() for jax in ours)
    return {name: each for name, each in single.items() if counts[next(iter(found[name]))] == 1}


def compare_layers(
    sides: Mapping[str, Names],
    evaluated: Mapping[str, Observation],
    trained: Mapping[str, Observation],
) -> list[Layer]:
    """Return the layers of both models, in the order of PyTorch's calls, and the gaps of values."""
    modules, patches = modules_of(sides), sides["jax"].on_patches()
    called = [call.name for call in evaluated["torch"].calls]
    owners = {each.torch: name for name, each in modules.items()}
    order = [owners.get(name, name) for name in called]
    layers = []
    for name in dict.fromkeys(order + [layer.module for layer in sides["torch"].layers]):
        if name not in {layer.module for layer in sides["torch"].layers}:
            continue
        names = modules.get(name)
        layer = Layer(name, names.place if names else "")
        layers.append(layer)
        if not name or not names:
            continue
        for prefix, passes in (("", evaluated), ("train_", trained)):
            if not passes:
                continue
            calls = [
                [call for call in passes[b].calls if call.name == n]
                for b, n in (("jax", names.jax), ("torch", names.torch))
            ]
            for which in ("outputs",) if names.jax in patches else ("inputs", "outputs"):
                setattr(layer, f"{prefix}{which[:-1]}", gap_of_calls(calls[0], calls[1], which))
            if all(calls):
                layer.where = calls[0][0].where, calls[1][0].where
    return layers


def fill_gradients(
    layers: list[Layer],
    sides: Mapping[str, Names],
    gradients: Mapping[str, Arrays],
    noise: Collection[str],
) -> None:
    """Set the gaps of the layers' gradients; those in `noise` are only rounding."""
    names = sides["torch"].trained & set(sides["jax"].names.values())
    ours, theirs = gradients.values()
    theirs = {name: x for name, x in theirs.items() if name in names}
    sizes = {name: norms(x[None]) for name, x in theirs.items()}
    total = float(total_norm(sizes)[0]) if theirs else 0.0
    for layer in layers:
        own = [each for each in sides["torch"].layers if each.module == layer.name]
        for name in (full for each in own for full in each.params.values()):
            if name in theirs:
                # The terms of a gradient that nearly cancels are as large as other gradients.
                floor = total * (1 if name in noise else 1e-5)
                mine = ours.get(name, np.zeros_like(theirs[name]))
                layer.gradients[name] = relative_gap(mine, theirs[name], floor)


def fill_state(
    layers: list[Layer], sides: Mapping[str, Names], states: Mapping[str, Arrays]
) -> None:
    """Set the gaps of the layers' state after a minibatch in training mode."""
    for layer in layers:
        for torch_layer in sides["torch"].layers:
            if torch_layer.module == layer.name:
                for local in torch_layer.state:
                    name = torch_layer.params[local]
                    if all(name in state for state in states.values()):
                        ours, theirs = (state[name] for state in states.values())
                        layer.state[name] = relative_gap(ours, theirs, 1e-3)


def in_both(name: str, path: str) -> str:
    """Return PyTorch's name of a layer or a parameter, and its place in JAX if it differs."""
    place = f"`{path}`" if path else "the model itself"
    return f"`{name}`" + (f" ({place} in JAX)" if path != name else "")
