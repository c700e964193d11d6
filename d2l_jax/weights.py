"""Export and import of weights as NumPy arrays, in PyTorch's names and layout."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import nnx
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_common.weights import as_arrays, check_weights

# NNX's name, by kind of layer, of the parameter that PyTorch calls `weight`.
WEIGHT_NAMES = {
    nnx.Linear: "kernel",
    nnx.Conv: "kernel",
    nnx.Embed: "embedding",
    nnx.BatchNorm: "scale",
    nnx.LayerNorm: "scale",
}


def export_weights(model: nnx.Module) -> dict[str, np.ndarray]:
    """
    Return the parameters of `model` as NumPy arrays by name (section 6.6).

    Parameters
    ----------
    model : nnx.Module

    Returns
    -------
    dict of arrays
        Copies, in PyTorch's names (`net.1.weight`) and layout: `(num_outputs, num_inputs)`.
    """
    named = named_parameters(model)
    return {
        name: to_numpy(param[...]).transpose(axes).copy()
        for name, (_, param, axes) in named.items()
    }


def import_weights(model: nnx.Module, weights: Mapping[str, np.ndarray]) -> None:
    """
    Set the parameters of `model` to arrays of either backend's `export_weights` (section 6.6).

    Parameters
    ----------
    model : nnx.Module
        Changed in place.
    weights : dict of arrays
        With the names and shapes of the model's parameters. Values are exact if they have the
        parameters' type, and rounded to it otherwise.

    Raises
    ------
    TypeError, ValueError
        If a name or a shape of `weights` differs from the model's, or a value is not an array;
        then the model is unchanged.
    """
    weights = as_arrays(weights)
    named = named_parameters(model)
    check_weights(
        {name: [param.shape[a] for a in axes] for name, (_, param, axes) in named.items()}, weights
    )
    state = {}
    for name, (path, param, axes) in named.items():
        array = weights[name].transpose(np.argsort(axes))
        state[path] = jnp.array(array.astype(param.dtype))
    nnx.update(model, nnx.from_flat_state(state))


def named_parameters(model: nnx.Module) -> dict[str, tuple[Any, Any, tuple[int, ...]]]:
    """Return `{PyTorch's name: (path, parameter, order of its axes in PyTorch)}`."""
    modules = dict(nnx.iter_modules(model))
    named = {}
    for path, param in nnx.to_flat_state(nnx.state(model, nnx.Param)):
        *owner, leaf = path
        names = [
            str(step)
            for i, step in enumerate(owner)
            if not (step == "layers" and isinstance(modules.get(tuple(owner[:i])), nnx.Sequential))
        ]
        layer = modules[tuple(owner)]
        weight = next((name for kind, name in WEIGHT_NAMES.items() if isinstance(layer, kind)), "")
        axes = tuple(range(param.ndim))
        if leaf == "kernel" == weight:
            # NNX's kernels end in (inputs, outputs); PyTorch's start with (outputs, inputs).
            axes = (axes[-1], axes[-2], *axes[:-2])
        named[".".join([*names, "weight" if leaf == weight else str(leaf)])] = path, param, axes
    return named
