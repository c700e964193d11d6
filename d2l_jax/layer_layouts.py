"""Layers of NNX whose arrays PyTorch stores one by one, each in another layout."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flax import nnx


class Rule(NamedTuple):
    """PyTorch's name of one leaf, and the conversions of its array."""

    local: str
    to_torch: Callable[[np.ndarray], np.ndarray] = lambda x: x
    to_jax: Callable[[np.ndarray], np.ndarray] = lambda x: x


Rules = dict[str, Rule]


def linear(layer: nnx.Linear) -> Rules:
    """Return the rules of a layer with a kernel of shape `(inputs, outputs)`."""
    return {"kernel": Rule("weight", transpose, transpose), "bias": Rule("bias")}


def transpose(x: np.ndarray) -> np.ndarray:
    """Return an array with its last two axes swapped."""
    return x.swapaxes(-1, -2)


def convolution(layer: nnx.Conv | nnx.ConvTranspose) -> Rules:
    """Return the rules of a layer with a kernel of shape `(*window, inputs, outputs)`."""
    return {"kernel": moved("weight", (-1, -2)), "bias": Rule("bias")}


def transposed_convolution(layer: nnx.ConvTranspose) -> Rules:
    """
    Return the rules of a transposed convolution; PyTorch has `(inputs, outputs, *window)`.

    With `transpose_kernel`, the kernel is that of the convolution whose gradient the layer
    computes, `(*window, outputs, inputs)`, as in PyTorch; otherwise it is
    `(*window, inputs, outputs)` and mirrored.
    """
    if layer.transpose_kernel:
        return convolution(layer)
    rule, window = moved("weight", (-2, -1)), tuple(range(2, layer.kernel[...].ndim))
    return {
        "kernel": Rule(
            "weight",
            lambda x: np.flip(rule.to_torch(x), window),
            lambda x: rule.to_jax(np.flip(x, window)),
        ),
        "bias": Rule("bias"),
    }


def moved(local: str, axes: tuple[int, int]) -> Rule:
    """Return the rule that makes `axes` the first two axes in PyTorch."""
    return Rule(
        local, lambda x: np.moveaxis(x, axes, (0, 1)), lambda x: np.moveaxis(x, (0, 1), axes)
    )


def embedding(layer: nnx.Embed) -> Rules:
    """Return the rules of an embedding."""
    return {"embedding": Rule("weight")}


def norm(layer: nnx.Module) -> Rules:
    """Return the rules of a normalization."""
    return {
        "scale": Rule("weight"),
        "bias": Rule("bias"),
        "mean": Rule("running_mean"),
        "var": Rule("running_var"),
    }


def prelu(layer: nnx.PReLU) -> Rules:
    """Return the rules of the parametric ReLU, whose slope has shape `(1,)` in PyTorch."""
    return {"negative_slope": reshaped("weight", (1,), ())}


def linear_general(layer: nnx.LinearGeneral) -> Rules:
    """Return the rules of a linear layer over several axes, which PyTorch has flattened."""
    return flattened(layer.in_features, layer.out_features)


def einsum(layer: nnx.Einsum) -> Rules:
    """
    Return the rules of an einsum that is a linear layer, such as `...ti,iho->...tho`.

    Its kernel is contracted with the last axes of the input, and its other axes are the last ones
    of the output. Any other einsum keeps its layout.
    """
    inputs, kernel, outputs = re.split(",|->", (layer.einsum_str or ",->").replace(" ", ""))
    summed = "".join(axis for axis in inputs if axis in kernel and axis != ".")
    new = "".join(axis for axis in outputs if axis in kernel and axis != ".")
    if (
        not summed
        or len({*kernel}) != len(kernel)
        or sorted(summed + new) != sorted(kernel)
        or not inputs.endswith(summed)
        or outputs != inputs.removesuffix(summed) + new
    ):
        return {}
    size = dict(zip(kernel, layer.kernel_shape, strict=True))
    order = [kernel.index(axis) for axis in summed + new]
    rules = flattened(tuple(size[a] for a in summed), tuple(size[a] for a in new))
    weight, back = rules["kernel"], np.argsort(order)
    rules["kernel"] = Rule(
        "weight",
        lambda x: weight.to_torch(x.transpose(order)),
        lambda x: weight.to_jax(x).transpose(back),
    )
    if layer.bias is not None:
        rules["bias"] = reshaped("bias", (-1,), layer.bias.shape)
    return rules


def flattened(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Rules:
    """Return the rules of a kernel of shape `(*inputs, *outputs)`."""
    matrix = (int(np.prod(inputs)), int(np.prod(outputs)))
    return {
        "kernel": Rule(
            "weight",
            lambda x: x.reshape(matrix).T,
            lambda x: x.T.reshape(*inputs, *outputs),
        ),
        "bias": reshaped("bias", (matrix[1],), outputs),
    }


def reshaped(local: str, torch_shape: tuple[int, ...], jax_shape: tuple[int, ...]) -> Rule:
    """Return the rule of an array that only its shape sets apart."""
    return Rule(local, lambda x: x.reshape(torch_shape), lambda x: x.reshape(jax_shape))


def num_axes(layer: Any, leaf: Any) -> int | None:
    """Return the number of axes of an array that a single layer has; None if it is not known."""
    if leaf == "kernel" and isinstance(layer, nnx.LinearGeneral):
        return len(layer.in_features) + len(layer.out_features)
    if leaf == "kernel" and isinstance(layer, nnx.Einsum):
        return len(layer.kernel_shape)
    if leaf == "kernel" and isinstance(layer, nnx.Conv | nnx.ConvTranspose):
        return len(layer.kernel_shape)
    known = {
        nnx.Linear: ("kernel", 2),
        nnx.Embed: ("embedding", 2),
        nnx.PReLU: ("negative_slope", 0),
    }
    known |= dict.fromkeys((nnx.BatchNorm, nnx.LayerNorm, nnx.RMSNorm, nnx.GroupNorm), ("", 1))
    for kind, (name, axes) in known.items():
        if isinstance(layer, kind) and name in ("", leaf):
            return axes
    return None


# For each kind of NNX layer: PyTorch's class, and the function that returns the rules.
LAYERS: dict[type, tuple[str, Callable[[Any], Rules]]] = {
    nnx.Linear: ("Linear", linear),
    nnx.LinearGeneral: ("Linear", linear_general),
    nnx.Einsum: ("Linear", einsum),
    nnx.Conv: ("Conv", convolution),
    nnx.ConvTranspose: ("ConvTranspose", transposed_convolution),
    nnx.Embed: ("Embedding", embedding),
    nnx.BatchNorm: ("BatchNorm", norm),
    nnx.LayerNorm: ("LayerNorm", norm),
    nnx.GroupNorm: ("GroupNorm", norm),
    nnx.InstanceNorm: ("InstanceNorm", norm),
    nnx.RMSNorm: ("RMSNorm", norm),
    nnx.PReLU: ("PReLU", prelu),
}
# Layers of NNX that none of PyTorch's layers stores.
WITHOUT_COUNTERPART = nnx.LoRA, nnx.LoRALinear, nnx.SpectralNorm, nnx.WeightNorm


def rules_of(layer: nnx.Module) -> tuple[str, Rules]:
    """
    Return PyTorch's class of a layer and its rules; `("", {})` for a layer of unknown kind.

    Raises
    ------
    ValueError
        If no layer of PyTorch stores the like.
    """
    if isinstance(layer, WITHOUT_COUNTERPART) or getattr(layer, "batch_axis", None):
        raise ValueError(f"{type(layer).__name__} is stored by no layer of PyTorch")
    for known, (kind, make) in LAYERS.items():
        if isinstance(layer, known):
            rules = make(layer)
            return (kind, rules) if rules else ("", {})
    return "", {}
