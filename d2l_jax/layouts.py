"""
Layers of Flax NNX and how PyTorch stores the same layers (section 6.6).

A model is a list of units, one for each layer. A unit names the layer's arrays in NNX (leaves, such
as `kernel`) and in PyTorch (local names, such as `weight`), and converts one set to the other.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from flax import nnx
from jax import numpy as jnp

Path = tuple[Any, ...]
Arrays = dict[str, np.ndarray]
Convert = Callable[[Arrays], Arrays]


class Unit(NamedTuple):
    """
    A layer of an NNX model, and how PyTorch stores it.

    Attributes
    ----------
    place : tuple
        Path of the layer in the model; `()` for the model itself.
    name : str
        PyTorch's name of the layer, such as `net.1`; `""` for the model itself.
    kind : str
        PyTorch's class without its dimensions, such as `Conv`; `""` for a layer of unknown kind.
    suffix : str
        What follows the local names in PyTorch, such as `_l0_reverse`.
    leaves : dict
        `{name within the layer: path in the model}` of the arrays in NNX, such as `query.kernel`.
    parts : dict
        `{local name: shape}` of the arrays in PyTorch.
    state : frozenset
        Local names of the arrays that are not trained, such as `running_mean`.
    absent : frozenset
        Local names of the arrays that only PyTorch has; they are 0 in what `to_torch` returns.
    to_torch, to_jax : callable
        Convert arrays by leaf to arrays by local name, and back.
    plain : frozenset
        Local names of the state that is a plain array, not an `nnx.Variable`.
    lost : callable
        Returns the local names of the arrays whose values NNX cannot represent.
    """

    place: Path
    name: str
    kind: str
    suffix: str
    leaves: dict[str, Path]
    parts: dict[str, tuple[int, ...]]
    state: frozenset[str]
    absent: frozenset[str]
    to_torch: Convert
    to_jax: Convert
    plain: frozenset[str] = frozenset()
    lost: Callable[[Arrays], list[str]] = lambda arrays: []

    def full(self, local: str) -> str:
        """Return PyTorch's name in the model of a local name."""
        return f"{self.name}.{local}{self.suffix}".removeprefix(".")


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
    if layer.batch_axis:
        raise NotImplementedError("LinearGeneral with batch_axis")
    return flattened(layer.in_features, layer.out_features)


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


# For each kind of NNX layer: PyTorch's class, and the function that returns the rules.
LAYERS: dict[type, tuple[str, Callable[[Any], Rules]]] = {
    nnx.Linear: ("Linear", linear),
    nnx.LinearGeneral: ("Linear", linear_general),
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
# Random streams, and what a call leaves behind.
NOT_WEIGHTS = nnx.RngState, nnx.Cache, nnx.Intermediate


def units(model: nnx.Module, whole: Collection[str] | None = None) -> list[Unit]:
    """
    Return the layers of `model` that hold arrays, each with its layout in PyTorch.

    Each parameter and each other array is in one unit, except random streams, caches and
    intermediates. A tied one is in the unit of its first place.

    Parameters
    ----------
    model : nnx.Module
    whole : collection of str, optional
        Kinds of composite layers that are one unit; all by default. The layers inside another
        composite layer are units of their own.

    Returns
    -------
    list of Unit

    Raises
    ------
    ValueError
        If a layer of NNX has no counterpart in PyTorch, or a variable does not hold one array.
    """
    modules, leaves = dict(nnx.iter_modules(model)), arrays_of(model)
    found: dict[Path, dict[str, Path]] = {}
    for path in leaves:
        place = next(path[:i] for i in range(len(path) - 1, -1, -1) if path[:i] in modules)
        found.setdefault(place, {})[dotted(path[len(place) :])] = path
    return [single(modules, place, own, leaves) for place, own in found.items()]


def arrays_of(model: nnx.Module) -> dict[Path, Any]:
    """Return the variables and plain arrays of `model` that are weights or state, by path."""
    found = {}
    for path, leaf in nnx.to_flat_state(nnx.state(model)):
        value = leaf.get_raw_value() if isinstance(leaf, nnx.Variable) else leaf
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


def single(
    modules: Mapping[Path, Any], place: Path, leaves: dict[str, Path], arrays: Mapping[Path, Any]
) -> Unit:
    """Return the unit of a layer whose leaves are each one array in PyTorch."""
    layer = modules[place]
    check_counterpart(place, layer)
    kind, make = next(
        (entry for known, entry in LAYERS.items() if isinstance(layer, known)), ("", lambda _: {})
    )
    try:
        own = make(layer)
    except NotImplementedError as error:
        raise ValueError(f"{error} at {dotted(place)} has no counterpart in PyTorch") from None
    rules = {leaf: own.get(leaf, Rule(leaf)) for leaf in leaves}

    def to_torch(values: Arrays) -> Arrays:
        return {rules[leaf].local: rules[leaf].to_torch(x) for leaf, x in values.items()}

    by_local = {rule.local: leaf for leaf, rule in rules.items()}

    def to_jax(values: Arrays) -> Arrays:
        return {by_local[local]: rules[by_local[local]].to_jax(x) for local, x in values.items()}

    holders = {rules[leaf].local: arrays[path] for leaf, path in leaves.items()}
    return Unit(
        place=place,
        name=layer_name(modules, place),
        kind=kind,
        suffix="",
        leaves=leaves,
        parts=shapes_of(to_torch, leaves, arrays),
        state=frozenset(k for k, x in holders.items() if not isinstance(x, nnx.Param)),
        absent=frozenset(),
        to_torch=to_torch,
        to_jax=to_jax,
        plain=frozenset(k for k, x in holders.items() if not isinstance(x, nnx.Variable)),
    )


def check_counterpart(place: Path, layer: nnx.Module) -> None:
    """Raise a `ValueError` if a layer of NNX has no counterpart in PyTorch."""
    if isinstance(layer, WITHOUT_COUNTERPART):
        raise ValueError(
            f"{type(layer).__name__} at {dotted(place) or 'the model itself'} has no counterpart "
            "in PyTorch; write the layer as a module of your own"
        )


def shapes_of(
    to_torch: Convert, leaves: Mapping[str, Path], arrays: Mapping[Path, Any]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that arrays by leaf have in PyTorch."""
    empty = {leaf: np.broadcast_to(np.False_, arrays[path].shape) for leaf, path in leaves.items()}
    return {local: tuple(x.shape) for local, x in to_torch(empty).items()}


def layer_name(modules: Mapping[Path, Any], place: Path) -> str:
    """Return PyTorch's name of the layer at `place`: without the `layers` of an nnx.Sequential."""
    return dotted(
        step
        for i, step in enumerate(place)
        if not (step == "layers" and isinstance(modules.get(place[:i]), nnx.Sequential))
    )


def dotted(path: Iterable[Any]) -> str:
    """Return a path as text, such as `net.layers.1`."""
    return ".".join(map(str, path))
