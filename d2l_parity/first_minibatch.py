"""Find where two models first differ: one minibatch forward and backward, layer by layer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from d2l_parity.closeness import norms, relative_gap, total_norm
from d2l_parity.mapping import layer_of
from d2l_parity.minibatches import data_module
from d2l_parity.rounding import negligible, only_rounding
from d2l_parity.sides import Side
from d2l_parity.tolerances import SAME_LAYER


@dataclass
class Layer:
    """
    Gaps between a layer of one model and that of the other, in float64, in norm and relative.

    Attributes
    ----------
    name, jax_name : str
        The place in the PyTorch and in the JAX model; empty for parameters that the model itself
        holds.
    input, output : float
        NaN if the layer is not called in both models.
    gradients : dict
        `{parameter: gap}`, by PyTorch's names.
    """

    name: str
    jax_name: str
    input: float = np.nan
    output: float = np.nan
    gradients: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return in_both(self.name, self.jax_name) if self.name else ""


@dataclass
class FirstMinibatch:
    """
    Gaps between the models on the first minibatch, from equal weights, in float64.

    Attributes
    ----------
    layers : list of Layer
        In the order in which PyTorch calls them.
    output, loss : float
        Of the models' outputs and of their losses.
    paths : dict
        `{PyTorch's name of a parameter: its place in the JAX model}`.
    """

    layers: list[Layer]
    output: float
    loss: float
    paths: Mapping[str, str]

    def first_difference(self) -> str:
        """Return a sentence that says where the models first differ; empty if they do not."""
        before = ""
        for layer in self.layers:
            if layer.input > SAME_LAYER:
                where = f"between {before} and it" if before else "before it"
                return f"The input of {layer} differs: look {where}."
            if layer.output > SAME_LAYER:
                return f"{layer} returns a different output for the same input."
            before = str(layer) or before
        same = [layer for layer in self.layers if layer.output <= SAME_LAYER]
        if self.output > SAME_LAYER:
            after = f"after {same[-1]}" if same else "in the forward pass"
            return f"The outputs differ: look {after}."
        if self.loss > SAME_LAYER:
            return "The outputs are the same, but the losses differ: look at the loss."
        return self._first_gradient_difference()

    def _first_gradient_difference(self) -> str:
        """Return where the gradients first differ, on the way from the loss back to the inputs."""
        after = ""
        for layer in reversed(self.layers):
            wrong = [name for name, gap in layer.gradients.items() if gap > SAME_LAYER]
            if wrong:
                first, last = (in_both(name, self.paths[name]) for name in (wrong[0], wrong[-1]))
                where = f"between {layer} and {after}" if after else "at the loss"
                if len(wrong) < len(layer.gradients):
                    where = f"at {first} itself"
                return (
                    "Outputs and loss are the same, but the gradients differ, from "
                    f"{last} backward: look {where}."
                )
            after = str(layer) or after
        return ""


class Pass(NamedTuple):
    """Results of one minibatch forward and backward, by common names of layers and parameters."""

    values: dict[str, tuple[np.ndarray, np.ndarray]]  # inputs and outputs
    output: np.ndarray
    loss: float
    gradients: dict[str, np.ndarray]  # (1, ...), as of a run of one step


def forward_backward(
    side: Side, data: Any, weights: Mapping[str, np.ndarray], dtype: str = "float64"
) -> Pass:
    """Run the first minibatch forward and backward through a model in evaluation mode."""
    with side.probe.precision(dtype):
        model = side.copy(dtype, weights)
        batch = next(iter(data_module(side.d2l, data, dtype).train_dataloader()))
        output, values = side.probe.forward(model, *batch[:-1])
        loss, gradients = side.probe.value_and_gradients(model, batch)
    common = {layer_of(name): layer_of(other) for name, other in side.names.items()}
    values = {common[name]: both for name, both in values.items()}
    gradients = {name: grad[None] for name, grad in side.by_common_name(gradients).items()}
    return Pass(values, output, loss, gradients)


def zero_model_loss(side: Side, data: Any, weights: Mapping[str, np.ndarray]) -> float:
    """Return the loss of the zero model, whose weights are all 0, on the first minibatch."""
    zeros = {name: np.zeros(np.shape(array)) for name, array in weights.items()}
    return forward_backward(side, data, zeros).loss


def first_minibatch(
    sides: Mapping[str, Side], data: Any, weights: Mapping[str, np.ndarray]
) -> FirstMinibatch:
    """Compare both sides on the first training minibatch of `data`, from equal `weights`."""
    ours, theirs = passes = [forward_backward(side, data, weights) for side in sides.values()]
    noise: Collection[str] = ()
    float64 = [each.gradients for each in passes]
    if negligible(float64):  # rare, and the passes in float32 take time
        rough = [forward_backward(side, data, weights, "float32") for side in sides.values()]
        noise = only_rounding([each.gradients for each in rough], float64)
    total = float(total_norm({name: norms(x) for name, x in theirs.gradients.items()})[0])
    layers: dict[str, Layer] = {}
    paths = sides["jax"].paths
    for parameter, path in paths.items():
        name = layer_of(parameter)
        layer = layers.setdefault(name, Layer(name, layer_of(path)))
        # The terms of a gradient that nearly cancels are as large as other gradients.
        floor = total * (1 if parameter in noise else 1e-5)
        gradients = ours.gradients[parameter], theirs.gradients[parameter]
        layer.gradients[parameter] = _gap(*gradients, floor)
        if name in ours.values and name in theirs.values:
            pairs = zip(ours.values[name], theirs.values[name], strict=True)
            layer.input, layer.output = (_gap(*two) for two in pairs)
    order = dict.fromkeys([name for name in theirs.values if name in layers] + list(layers))
    return FirstMinibatch(
        [layers[name] for name in order],
        _gap(ours.output, theirs.output),
        _gap(np.array(ours.loss), np.array(theirs.loss)),
        paths,
    )


def in_both(name: str, path: str) -> str:
    """Return PyTorch's name of a layer or a parameter, and its place in JAX if it differs."""
    return f"`{name}`" + (f" (`{path}` in JAX)" if path != name else "")


def _gap(one: np.ndarray, other: np.ndarray, floor: float = 0.0) -> float:
    # The gap of different shapes is infinite, unless they differ in axes of length 1 only.
    one, other = np.squeeze(one), np.squeeze(other)
    return relative_gap(one, other, floor) if one.shape == other.shape else float("inf")
