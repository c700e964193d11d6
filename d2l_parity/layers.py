"""Where two models first differ: a minibatch forward and backward, layer by layer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from d2l_parity.backends import Side
from d2l_parity.closeness import relative_gap
from d2l_parity.rounding import next_to_nothing, only_rounding
from d2l_parity.yardstick import SAME_LAYER


@dataclass
class Layer:
    """
    How far a layer of both models is apart, in float64, in norm and relative.

    Attributes
    ----------
    name, jax_name : str
        The place in the PyTorch and in the JAX model; empty for parameters that the model itself
        holds.
    input, output : float
        NaN where there is no such layer to listen to.
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
    What both models make of the first minibatch, from equal weights, in float64.

    Attributes
    ----------
    layers : list of Layer
        In the order in which PyTorch calls them.
    output, loss : float
        The gaps of the model's outputs and of its loss.
    paths : dict
        `{PyTorch's name of a parameter: its place in the JAX model}`.
    """

    layers: list[Layer]
    output: float
    loss: float
    paths: Mapping[str, str]

    def first_difference(self) -> str:
        """Return in a sentence where the models first differ; empty if they do not."""
        before = ""
        for layer in self.layers:
            if layer.input > SAME_LAYER:
                where = f"between {before} and it" if before else "before it"
                return f"What goes into {layer} differs: look {where}."
            if layer.output > SAME_LAYER:
                return f"{layer} makes something else of the same input."
            before = str(layer) or before
        heard = [layer for layer in self.layers if layer.output <= SAME_LAYER]
        if self.output > SAME_LAYER:
            after = f"after {heard[-1]}" if heard else "in the forward pass"
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
                first, last = (in_both(name, self.paths[name]) for name in (wrong[0], wrong[-1]))
                where = f"between {layer} and {after}" if after else "at the loss"
                if len(wrong) < len(layer.gradients):
                    where = f"at {first} itself"
                return (
                    "Outputs and loss are the same, but gradients are not, from "
                    f"{last} back: look {where}."
                )
            after = str(layer) or after
        return ""


def first_minibatch(
    sides: Mapping[str, Side], data: Any, weights: Mapping[str, np.ndarray]
) -> FirstMinibatch:
    """
    Run the first training minibatch through both models, and compare layer by layer.

    Parameters
    ----------
    sides : dict
        `{"jax": Side, "torch": Side}`.
    data : callable, or list of minibatches
        As for `compare`.
    weights : dict of arrays
        By the common names.
    """
    ours, theirs = (_run(sides[backend], data, weights) for backend in ("jax", "torch"))
    noise = _only_rounding(sides, data, weights, [ours.gradients, theirs.gradients])
    all_of_it = float(np.sqrt(sum(np.sum(grad**2) for grad in theirs.gradients.values())))
    layers: dict[str, Layer] = {}
    paths = sides["jax"].paths
    for common, path in paths.items():
        name = common.rpartition(".")[0]
        layer = layers.setdefault(name, Layer(name, path.rpartition(".")[0]))
        # A gradient that all but cancels is as exact as the others, not as itself.
        floor = all_of_it * (1 if common in noise else 1e-5)
        layer.gradients[common] = _gap(ours.gradients[common], theirs.gradients[common], floor)
        if name in ours.heard and name in theirs.heard:
            pairs = zip(ours.heard[name], theirs.heard[name], strict=True)
            layer.input, layer.output = (_gap(*two) for two in pairs)
    order = [name for name in theirs.heard if name in layers]
    order += [name for name in layers if name not in order]
    return FirstMinibatch(
        [layers[name] for name in order],
        _gap(ours.outputs, theirs.outputs),
        _gap(np.array(ours.loss), np.array(theirs.loss)),
        paths,
    )


def in_both(name: str, path: str) -> str:
    """Return how PyTorch calls a layer or a parameter, and where it is in JAX if not there."""
    return f"`{name}`" + (f" (`{path}` in JAX)" if path != name else "")


class _Pass(NamedTuple):
    """A minibatch's way through a model: by common names of layers and parameters."""

    heard: dict[str, tuple[np.ndarray, np.ndarray]]
    outputs: np.ndarray
    loss: float
    gradients: dict[str, np.ndarray]


def _only_rounding(
    sides: Mapping[str, Side],
    data: Any,
    weights: Mapping[str, np.ndarray],
    float64: Sequence[Mapping[str, np.ndarray]],
) -> Collection[str]:
    """Return the parameters whose gradients are 0 but for rounding."""
    stacked = [{name: grad[None] for name, grad in each.items()} for each in float64]
    if not next_to_nothing(stacked):  # the usual case
        return ()
    float32 = []
    for side in sides.values():
        with side.probe.precision("float32"):
            model, batch = _prepare(side, data, weights, "float32")
            gradients = side.to_common_names(side.probe.value_and_gradients(model, batch)[1])
        float32.append({name: grad[None] for name, grad in gradients.items()})
    return only_rounding(float32, stacked)


def _prepare(side: Side, data: Any, weights: Mapping[str, np.ndarray], dtype: str) -> Any:
    """Return a copy of the side's model with `weights`, and the first minibatch."""
    model = side.probe.copy_as(side.model, dtype)
    side.d2l.import_weights(model, side.to_own_names(weights))
    return model, next(iter(side.data(data, dtype).train_dataloader()))


def _run(side: Side, data: Any, weights: Mapping[str, np.ndarray]) -> _Pass:
    seen = side.probe
    layers = {own.rpartition(".")[0]: common.rpartition(".")[0] for own, common in
              side.names.items()}  # fmt: skip
    with seen.precision("float64"):
        model, batch = _prepare(side, data, weights, "float64")
        heard: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for name, *values in seen.layer_values(model, *batch[:-1]):
            # A layer that is called several times is listened to at its first call.
            heard.setdefault(layers[name], tuple(values))
        loss, gradients = seen.value_and_gradients(model, batch)
        outputs = seen.predict(model, [batch])
    return _Pass(heard, outputs, loss, side.to_common_names(gradients))


def _gap(one: np.ndarray, other: np.ndarray, floor: float = 0.0) -> float:
    # Another shape is another thing altogether, unless only axes of length 1 differ.
    one, other = np.squeeze(one), np.squeeze(other)
    return relative_gap(one, other, floor) if one.shape == other.shape else float("inf")
