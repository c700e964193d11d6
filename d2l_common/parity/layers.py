"""Where two models first differ: a minibatch forward and backward, layer by layer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from d2l_common.parity.backends import NAMES, data_for, package, probe
from d2l_common.parity.closeness import relative_gap
from d2l_common.parity.yardstick import SAME_LAYER


@dataclass
class Layer:
    """
    How far a layer of both models is apart, in float64, in norm and relative.

    Attributes
    ----------
    name, jax_name : str
        In PyTorch and in JAX; empty for parameters that the model itself holds.
    input, output : float
        NaN where there is no such layer to listen to.
    gradients : dict
        `{parameter: gap}`.
    """

    name: str
    jax_name: str
    input: float = np.nan
    output: float = np.nan
    gradients: dict[str, float] = field(default_factory=dict)


@dataclass
class FirstMinibatch:
    """
    What both models make of the first minibatch, from equal weights, in float64.

    Attributes
    ----------
    layers : list of Layer
        In the order in which PyTorch calls them.
    output, loss : float
        The gaps of the model's outputs and of its loss.
    """

    layers: list[Layer]
    output: float
    loss: float

    def first_difference(self) -> str:
        """Return in a sentence where the models first differ; empty if they do not."""
        before = ""
        for layer in self.layers:
            if layer.input > SAME_LAYER:
                where = f"between {before} and {layer.name}" if before else f"before {layer.name}"
                return f"What goes into `{layer.name}` differs: look {where}.".replace("``", "")
            if layer.output > SAME_LAYER:
                return f"`{layer.name}` makes something else of the same input."
            before = layer.name or before
        heard = [layer.name for layer in self.layers if layer.output <= SAME_LAYER]
        if self.output > SAME_LAYER:
            after = f"after `{heard[-1]}`" if heard else "in the forward pass"
            return f"The outputs differ: look {after}."
        if self.loss > SAME_LAYER:
            return "The outputs are the same, but the loss is not: look at the loss."
        return self._first_gradient_difference()

    def _first_gradient_difference(self) -> str:
        """Return where the gradients part, on their way from the loss back to the inputs."""
        after = ""
        for layer in reversed(self.layers):
            wrong = [name for name, gap in layer.gradients.items() if gap > SAME_LAYER]
            if wrong:
                where = f"between `{layer.name}` and `{after}`" if after else "at the loss"
                if len(wrong) < len(layer.gradients):
                    where = f"at `{wrong[0]}` itself"
                return (
                    "Outputs and loss are the same, but gradients are not, from "
                    f"`{wrong[-1]}` back: look {where}."
                )
            after = layer.name or after
        return ""


def first_minibatch(
    models: Mapping[str, Any],
    data: Any,
    weights: Mapping[str, Mapping[str, np.ndarray]],
    pairs: Mapping[str, str],
) -> FirstMinibatch:
    """
    Run the first training minibatch through both models, and compare layer by layer.

    Parameters
    ----------
    models : dict
        `{"jax": model, "torch": model}`.
    data : callable, or list of minibatches
        As for `compare`.
    weights : dict
        For each backend, by its own names.
    pairs : dict
        `{name in JAX: name in PyTorch}` of the parameters.
    """
    heard, outputs, losses, gradients = {}, {}, {}, {}
    for backend in NAMES:
        d2l, seen = package(backend), probe(backend)
        with seen.precision("float64"):
            model = seen.copy_as(models[backend], "float64")
            d2l.import_weights(model, weights[backend])
            batch = next(iter(data_for(backend, data, "float64").train_dataloader()))
            # A layer that is called several times is listened to at its first call.
            values = reversed(seen.layer_values(model, *batch[:-1]))
            heard[backend] = {name: values for name, *values in values}
            outputs[backend] = seen.predict(model, [batch])
            losses[backend], gradients[backend] = seen.value_and_gradients(model, batch)
    layers = _pair_layers(pairs, list(heard["torch"])[::-1])
    # A gradient that all but cancels is as exact as the others, not as itself.
    floor = 1e-5 * np.sqrt(sum(np.sum(grad**2) for grad in gradients["torch"].values()))
    for layer in layers:
        if layer.name in heard["torch"] and layer.jax_name in heard["jax"]:
            ours, theirs = heard["jax"][layer.jax_name], heard["torch"][layer.name]
            layer.input, layer.output = (_gap(*two) for two in zip(ours, theirs, strict=True))
        for ours, theirs in pairs.items():
            if theirs.rpartition(".")[0] == layer.name:
                layer.gradients[theirs] = _gap(
                    gradients["jax"][ours], gradients["torch"][theirs], floor
                )
    return FirstMinibatch(
        layers,
        _gap(outputs["jax"], outputs["torch"]),
        _gap(np.array(losses["jax"]), np.array(losses["torch"])),
    )


def _pair_layers(pairs: Mapping[str, str], called: list[str]) -> list[Layer]:
    """Return the layers that hold parameters, in the order of `called`; others come last."""
    names = {theirs.rpartition(".")[0]: ours.rpartition(".")[0] for ours, theirs in pairs.items()}
    order = [name for name in called if name in names]
    order += [name for name in names if name not in order]
    return [Layer(name, names[name]) for name in order]


def _gap(one: np.ndarray, other: np.ndarray, floor: float = 0.0) -> float:
    # Another shape is another thing altogether, unless only axes of length 1 differ.
    one, other = np.squeeze(one), np.squeeze(other)
    return relative_gap(one, other, floor) if one.shape == other.shape else float("inf")
