"""Export and import of weights as NumPy arrays and files, in PyTorch's names and layout."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import flax
import jax
import numpy as np
import safetensors.numpy
from flax import nnx

from d2l_common.arrays import to_numpy
from d2l_common.weight_files import check_path, import_file, metadata, write_file
from d2l_common.weights import match_weights
from .layouts import aliases, arrays_of, units
from .nn.lazy import lazy_layers
from .units import layer_name
from .variables import raw_value


def export_weights(model: nnx.Module, state: bool = True) -> dict[str, np.ndarray]:
    """
    Return the parameters and the state of `model` as NumPy arrays by name (section 6.6).

    State is what a layer holds and does not train, such as running averages: each `nnx.Variable`
    that is not an `nnx.Param`. Left out are random streams, caches, intermediates, and arrays that
    are plain attributes, as PyTorch leaves out tensors that are. Tied weights have their first
    name. PyTorch's recurrent layers have a second bias, which is 0 here.

    Parameters
    ----------
    model : nnx.Module
    state : bool
        Whether to return the state too, or only the parameters.

    Returns
    -------
    dict of arrays
        Copies, in PyTorch's names (`net.1.weight`) and layout: `(num_outputs, num_inputs)`. An
        nnx.RNN, an nnx.Bidirectional, and an nnx.Sequential of several of these, are stored as an
        nn.LSTM, nn.GRU or nn.RNN, and an nnx.MultiHeadAttention as an nn.MultiheadAttention if
        this can represent it. Layers of a class of your own keep their names and layout.

    Raises
    ------
    ValueError
        If PyTorch has no counterpart of a layer of NNX, a lazy layer does not have its shape yet,
        or a variable does not hold one array.
    """
    check_model(model)
    return converted(model, to_numpy, state)


def import_weights(model: nnx.Module, weights: Mapping[str, Any]) -> None:
    """
    Set the parameters and the state of `model` to arrays by name (section 6.6).

    Parameters
    ----------
    model : nnx.Module
        Changed in place. A lazy layer gets the shape of its weights.
    weights : dict of arrays
        Of either backend's `export_weights`, or a `state_dict`. It has the names and shapes of the
        model's parameters and state; the state stays as it is if all of it is missing, and so does
        any array that is a plain attribute. Tied weights may have any of their names, or all.
        `num_batches_tracked` is ignored, and so is an unknown name with the array of a known one,
        as tied weights have it. The two biases of PyTorch's recurrent layers are added. Values are
        exact if they have the parameters' type, and rounded to it otherwise.

    Raises
    ------
    TypeError, ValueError
        If a name or a shape of `weights` differs from the model's, a value is not an array, or NNX
        cannot represent it: `bias_hh` of a GRU's new gate must be 0. Then the model is unchanged.
    """
    check_model(model)
    if lazy_layers(model):
        copy = nnx.clone(model)
        learn_from_weights(copy, weights)
        set_arrays(copy, weights)  # raises before the model is changed
        learn_from_weights(model, weights)
    set_arrays(model, weights)


def set_arrays(model: nnx.Module, weights: Mapping[str, Any]) -> None:
    """Set the parameters and the state of a model without lazy layers to arrays by name."""
    layers, arrays = units(model), arrays_of(model)
    shapes = {unit.full(name): shape for unit in layers for name, shape in unit.parts.items()}
    state = {unit.full(name) for unit in layers for name in unit.state}
    plain = {unit.full(name) for unit in layers for name in unit.plain}
    found = match_weights(weights, shapes, state, aliases(model), plain)
    changed = {}
    for unit in layers:
        values = {name: found[unit.full(name)] for name in unit.parts if unit.full(name) in found}
        for name in unit.lost(values):
            raise ValueError(
                f"weights[{unit.full(name)!r}] must be 0 in the last third, the new gate's, since "
                f"nnx.{unit.kind.removesuffix('Cell')}Cell does not have this bias; "
                "train the PyTorch model without it"
            )
        for leaf, array in unit.to_jax(values).items():
            path = unit.leaves[leaf]
            changed[path] = as_dtype(array, arrays[path].dtype)
    nnx.update(model, nnx.from_flat_state(changed))


def save_weights(path: str | os.PathLike[str], model: nnx.Module) -> None:
    """
    Write the weights of `model` to a safetensors file (section 6.6).

    It holds what `export_weights` returns, each array in the type that it has in the model, and as
    metadata the versions of the format and of the packages. The file is complete or not there: it
    replaces an earlier one at the end. `safetensors.torch.load_file` and
    `load_state_dict(..., strict=False)` read it too.

    Parameters
    ----------
    path : path
        Ends in `.safetensors`.
    model : nnx.Module

    Raises
    ------
    TypeError, ValueError
        If `model` is not an nnx.Module, `path` has another suffix, or PyTorch has no counterpart
        of a layer of NNX.
    FileNotFoundError
        If the folder does not exist.
    """
    path = check_path(path)
    check_model(model)
    arrays = converted(model, np.asarray)
    versions = metadata(jax=jax.__version__, flax=flax.__version__)
    write_file(path, safetensors.numpy.save(arrays, versions))


def load_weights(path: str | os.PathLike[str], model: nnx.Module) -> None:
    """
    Set the weights of `model` to those of a file of either backend's `save_weights` (section 6.6).

    Parameters
    ----------
    path : path
        A safetensors file, also of another program that uses PyTorch's names and layout.
    model : nnx.Module
        Changed in place, as by `import_weights`.

    Raises
    ------
    TypeError, ValueError
        If `model` is not an nnx.Module, `path` has another suffix, the file is damaged or does not
        hold safetensors, or a name or a shape differs from the model's; then the model is
        unchanged.
    FileNotFoundError
        If there is not such a file.
    """
    check_path(path)
    check_model(model)
    import_file(path, lambda weights: import_weights(model, weights))


def check_model(model: Any) -> None:
    """Raise a TypeError unless `model` is an nnx.Module."""
    if not isinstance(model, nnx.Module):
        raise TypeError(
            f"model must be an nnx.Module, got {type(model).__name__}; pass the model itself"
        )


def converted(
    model: nnx.Module, convert: Callable[[Any], np.ndarray], state: bool = True
) -> dict[str, np.ndarray]:
    """Return contiguous copies of the weights by PyTorch's names; `convert` returns an array."""
    arrays = arrays_of(model)
    result: dict[str, np.ndarray] = {}
    for unit in units(model):
        leaves = {leaf: convert(raw_value(arrays[path])) for leaf, path in unit.leaves.items()}
        left_out = unit.plain if state else unit.state
        result |= {
            unit.full(name): np.array(x, order="C")
            for name, x in unit.to_torch(leaves).items()
            if name not in left_out
        }
    return result


def learn_from_weights(model: nnx.Module, weights: Mapping[str, Any]) -> None:
    """Give the lazy layers of `model` the number of inputs that their `weights` have."""
    modules = dict(nnx.iter_modules(model))
    for path, layer in lazy_layers(model).items():
        shape = np.shape(weights.get(f"{layer_name(modules, path)}.weight".removeprefix("."), ()))
        if shape:
            layer.become(shape[0] if len(shape) == 1 else shape[1] * layer.groups)


def as_dtype(array: np.ndarray, dtype: Any) -> jax.Array:
    """Return a copy in JAX that has the given type, also a type of 64 bits."""
    with jax.enable_x64(True):
        return jax.device_put(array.astype(dtype))  # jnp.array compiles for each shape
