"""Find where two models first differ: one minibatch forward and backward, layer by layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from d2l_parity.causes import dropout_hints, explain_absent, explain_alone, explain_state
from d2l_parity.layer import Layer as OneSided
from d2l_parity.layers import Layer, compare_layers, fill_gradients, fill_state, in_both
from d2l_parity.passes import Passes, results_gap
from d2l_parity.sides import NAMES, Arrays, Names, unlike_constants
from d2l_parity.tolerances import NARROW_LAYER, ROUNDINGS, SAME_LAYER

# Gaps of the forward passes: of the models, and of a layer.
RESULTS = "output", "loss", "train_output", "train_loss"
ACTIVATIONS = "input", "output", "train_input", "train_output"


@dataclass
class FirstMinibatch:
    """
    Gaps between the models on the first minibatch, from equal weights, in float64.

    Attributes
    ----------
    layers : list of Layer
        In the order in which PyTorch calls them.
    output, loss : float
        Of the models' outputs and of their losses in evaluation mode.
    train_output, train_loss : float
        In training mode; NaN if a side is random there.
    paths : dict
        `{PyTorch's name of an array: its place in the JAX model}`.
    tolerance : float
        Gaps up to it are rounding.
    dropout : list of str
        Sentences on calls of dropout that differ in number or rate.
    hints : list of str
        Sentences on running averages that change differently.
    random : dict
        `{"JAX" or "PyTorch": a sentence}` on a side that differs from itself in a second run.
    narrow : dict
        `{"JAX" or "PyTorch": [places]}` where a side computes in less than float64.
    absent : dict
        `{parameter that only PyTorch trains: a sentence}`.
    constants : list of str
        Sentences on tables that hold different numbers.
    alone : list of str
        Sentences on parameters that one model alone has, and trains.
    unused : list of str
        Sentences on those that it does not train.
    always_random : bool
        Whether a side is random in evaluation mode as well.
    nonfinite : str
        "nan" or "inf" if that is the loss of both models.
    one_ulp : dict
        `{"output", "loss", ...: the gap that one ulp in the weights opens there}`.
    """

    layers: list[Layer]
    output: float
    loss: float
    train_output: float
    train_loss: float
    paths: Mapping[str, str]
    tolerance: float = SAME_LAYER
    dropout: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    random: dict[str, str] = field(default_factory=dict)
    narrow: dict[str, list[str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    constants: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    always_random: bool = False
    nonfinite: str = ""
    one_ulp: dict[str, float] = field(default_factory=dict)

    def less_than_float32(self) -> bool:
        """Return whether the models are only close, in a precision below float32."""
        return self.tolerance > NARROW_LAYER["float32"]

    def is_relaxed(self) -> bool:
        """Return whether gaps above those of float64 are taken for rounding."""
        return self.tolerance > SAME_LAYER

    def relax(self) -> None:
        """Take a gap for rounding in the least precise type in which a side computes."""
        dtypes = [place.split(" at ")[0] for side in self.narrow.values() for place in side]
        for dtype in dtypes:
            self.tolerance = max(self.tolerance, NARROW_LAYER.get(dtype, 0.1))

    def allow_for(self, moved: FirstMinibatch) -> None:
        """
        Take for rounding, at each place, what one ulp in the weights opens there.

        `moved` compares the PyTorch model with itself from weights that are moved by one ulp.
        """
        self.one_ulp = {name: getattr(moved, name) for name in RESULTS}
        for layer, other in zip(self.layers, moved.layers, strict=True):
            layer.one_ulp = {name: getattr(other, name) for name in ACTIVATIONS}

    def one_ulp_gap(self) -> float:
        """Return how far one ulp in the weights moves outputs or loss; 0 if that is not known."""
        return max(filter(np.isfinite, self.one_ulp.values()), default=0.0)

    def is_chaotic(self) -> bool:
        """Return whether roundings on the way may open gaps that are not small."""
        return ROUNDINGS * self.one_ulp_gap() > self.tolerance

    def _exceeds(self, place: FirstMinibatch | Layer, name: str) -> bool:
        """Return whether a gap of the forward passes is more than rounding."""
        opened = place.one_ulp.get(name, 0.0)
        allowed = ROUNDINGS * opened if np.isfinite(opened) else 0.0
        return bool(getattr(place, name) > max(self.tolerance, allowed))

    def first_difference(self) -> str:
        """
        Return a sentence that says where the models first differ; empty if they do not.

        They differ if outputs, loss, state or gradients do; the layers only say where. What a
        layer returns may be cut or joined otherwise without any difference.
        """
        found = " ".join(self.alone + self.constants) or self._difference()
        return " ".join([found, *self.unused]) if found else ""

    def _difference(self) -> str:
        """Return likewise a sentence on outputs, loss, state or gradients."""
        if self.always_random:  # so are gradients
            return ""
        found = self._results("", "output", "loss")
        if found:
            return self.first_layer() or found
        if self.is_chaotic():  # so are gradients
            return self._training_mode() or self.first_layer()
        return self._training_mode() or self._first_gradient_difference()

    def first_layer(self) -> str:
        """Return a sentence on the first layer that differs forward; empty if none does."""
        return self._forward("", "input", "output") or self._forward(
            "In training mode: ", "train_input", "train_output"
        )

    def _training_mode(self) -> str:
        mode = "In training mode: "
        found = self._results(mode, "train_output", "train_loss")
        if found:
            found = self._forward(mode, "train_input", "train_output") or found
        if found or self.dropout:
            return " ".join([found or mode.strip(), *self.dropout, *self.hints])
        for layer in [] if self.is_chaotic() else self.layers:
            if any(gap > self.tolerance for gap in layer.state.values()):
                hints = self.hints or ["Look at the momentum and at the variance that it averages."]
                name = str(layer) or "The model itself"
                return " ".join([f"{name} updates its state differently in training mode.", *hints])
        return ""

    def _forward(self, mode: str, ins: str, outs: str) -> str:
        before = ""
        for layer in self.layers:
            # An input that is padded, or cut otherwise, outside of a layer does not count.
            is_other_shape = np.isinf(getattr(layer, ins)) and not self._exceeds(layer, outs)
            if self._exceeds(layer, ins) and not is_other_shape:
                where = f"between {before} and it" if before else "before it"
                return f"{mode}The input of {layer} differs: look {where}.{layer.calls()}"
            if self._exceeds(layer, outs):
                return (
                    f"{mode}{layer} returns a different output for the same input.{layer.calls()}"
                )
            before = before if np.isnan(getattr(layer, outs)) else str(layer)
        return ""

    def _results(self, mode: str, output: str, loss: str) -> str:
        if self._exceeds(self, output):
            same = [layer for layer in self.layers if layer.output <= self.tolerance and layer.name]
            after = f"after {same[-1]}" if same else "in the forward pass"
            return f"{mode}The outputs differ: look {after}."
        if self._exceeds(self, loss):
            return f"{mode}The outputs are the same, but the losses differ: look at the loss."
        return ""

    def _first_gradient_difference(self) -> str:
        """Return where the gradients first differ, on the way from the loss back to the inputs."""
        after = ""
        forward = self.first_layer()  # a branch that is multiplied by 0, for example
        for layer in reversed(self.layers):
            wrong = [name for name, gap in layer.gradients.items() if gap > self.tolerance]
            lacking = [name for name in wrong if name in self.absent]
            if lacking and len(lacking) == len(wrong):
                return self.absent[lacking[0]]
            if wrong and forward:
                return forward
            if wrong:
                first, last = (in_both(name, self.paths[name]) for name in (wrong[0], wrong[-1]))
                where = f"between {layer} and {after}" if after else "at the loss"
                if len(wrong) < len(layer.gradients) or not layer.name:
                    where = f"at {first} itself"
                return (
                    "Outputs and loss are the same, but the gradients differ, from "
                    f"{last} backward: look {where}."
                )
            after = str(layer) or after
        return ""


def compare_passes(
    sides: Mapping[str, Names],
    weights: Arrays,
    passes: Mapping[str, Passes],
    only_rounding: Collection[str] = (),
    alone: Mapping[str, Sequence[OneSided]] = MappingProxyType({}),
) -> FirstMinibatch:
    """
    Compare what one minibatch left on both sides.

    `only_rounding` are the parameters whose gradients are 0 up to rounding, and `alone` those that
    one side alone has.
    """
    lonely = [
        explain_alone(
            left,
            passes[b].all_gradients,
            NAMES[b],
            sides["torch" if b == "jax" else "jax"].layers,
        )
        for b, left in alone.items()
    ]
    random = {NAMES[b]: each.random for b, each in passes.items() if each.random}
    evaluated, trained, without = (
        {b: getattr(each, name) for b, each in passes.items()}
        for name in ("evaluated", "trained", "without")
    )
    layers = compare_layers(sides, evaluated, {} if random else trained)
    gradients = {b: each.gradients for b, each in passes.items()}
    fill_gradients(layers, sides, gradients, only_rounding)
    results = [results_gap(*evaluated.values())]
    results.append((np.nan, np.nan) if random else results_gap(*trained.values()))
    hints: list[str] = []
    paths = sides["jax"].places_by_common()
    if not random:
        states = {b: each.state for b, each in trained.items()}
        fill_state(layers, sides, states)
        hints = explain_state(layers, weights, states, paths)
    found = FirstMinibatch(
        layers,
        *results[0],
        *results[1],
        paths,
        dropout=[] if random else dropout_hints(*(without[b].dropout for b in passes)),
        hints=hints,
        random=random,
        narrow={NAMES[b]: each.narrow for b, each in passes.items() if each.narrow},
        absent=absent_parameters(sides),
        constants=different_constants(sides, weights, passes),
        alone=[text for trained_alone, _ in lonely for text in trained_alone],
        unused=[text for _, unused in lonely for text in unused],
        always_random=any(each.always_random for each in passes.values()),
        nonfinite=nonfinite_loss([each.evaluated.loss for each in passes.values()]),
    )
    if found.narrow and found.first_difference():
        found.relax()
    return found


def nonfinite_loss(losses: Sequence[float]) -> str:
    """Return "nan" or "inf" if that is the loss of both models, else ""."""
    return "" if np.isfinite(losses).any() else f"{abs(losses[0])}"


def different_constants(
    sides: Mapping[str, Names], weights: Arrays, passes: Mapping[str, Passes]
) -> list[str]:
    """Return sentences on state that no step changes, and that the models hold differently."""
    found, paths = [], sides["jax"].places_by_common()
    ours, theirs = (each.own_state for each in passes.values())
    for name in unlike_constants(sides["torch"], ours, theirs):
        changed = any(
            not np.array_equal(each.without.state.get(name, weights[name]), weights[name])
            for each in passes.values()
        )
        if not changed:
            found.append(
                f"The constant {in_both(name, paths[name])} holds different numbers in JAX and in "
                "PyTorch; if they should be PyTorch's, use import_weights."
            )
    return sorted(found)


def absent_parameters(sides: Mapping[str, Names]) -> dict[str, str]:
    """Return sentences on the parameters that only PyTorch trains, by their names."""
    names = sides["jax"].names
    frozen = {
        common: f"`{common}` is trained in PyTorch, and in JAX it is not an nnx.Param."
        for name, common in names.items()
        if common in sides["torch"].trained and name not in sides["jax"].trained
    }
    return frozen | {
        names[full]: explain_absent(layer.kind, names[full])
        for layer in sides["jax"].layers
        for full in (layer.params[local] for local in layer.absent)
        if names.get(full) in sides["torch"].trained
    }
