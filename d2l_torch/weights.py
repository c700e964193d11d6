"""Export and import of weights as NumPy arrays and files, in PyTorch's names and layout."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from d2l_common.arrays import to_numpy
from d2l_common.checks.models import no_shape_yet
from d2l_common.weight_files import check_path, import_file, metadata, write_file
from d2l_common.weights import as_arrays, is_counter, match_weights


def export_weights(model: nn.Module, state: bool = True) -> dict[str, np.ndarray]:
    """
    Return the parameters and the state of `model` as NumPy arrays by name (section 6.6).

    State is what a layer holds and does not train, such as running averages: the persistent
    buffers. Left out are `num_batches_tracked`, which NNX does not have, other buffers, tensors
    that are plain attributes, and what `get_extra_state` returns. Tied weights have their first
    name.

    Parameters
    ----------
    model : torch.nn.Module
    state : bool
        Whether to return the state too, or only the parameters.

    Returns
    -------
    dict of arrays
        Copies, in PyTorch's names (`net.1.weight`) and layout: `(num_outputs, num_inputs)`.

    Raises
    ------
    ValueError
        If a lazy layer does not have its shape yet.
    """
    check_model(model)
    tensors = checked_tensors(model)
    return {
        name: to_numpy(x).copy()
        for name, x in tensors.items()
        if state or isinstance(x, nn.Parameter)
    }


def import_weights(model: nn.Module, weights: Mapping[str, Any]) -> None:
    """
    Set the parameters and the state of `model` to arrays by name (section 6.6).

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place. A lazy layer gets the shape of its weights.
    weights : dict of arrays
        Of either backend's `export_weights`, or a `state_dict`. It has the names and shapes of the
        model's parameters and state; the state stays as it is if all of it is missing. Tied weights
        may have any of their names, or all. `num_batches_tracked` is ignored, and so is an unknown
        name with the array of a known one, as tied weights have it. Values are exact if they have
        the parameters' type, and rounded to it otherwise.

    Raises
    ------
    TypeError, ValueError
        If a name or a shape of `weights` differs from the model's, or a value is not an array;
        then the model is unchanged.
    """
    check_model(model)
    weights = as_arrays(weights)
    tensors, aliases = named_tensors(model)
    shapes = {name: lazy_shape(model, name, weights) for name in tensors}
    state = [name for name, x in tensors.items() if not isinstance(x, nn.Parameter)]
    arrays = match_weights(weights, shapes, state, aliases)
    with torch.no_grad():
        for name, x in tensors.items():
            if is_lazy(x) and shapes[name]:
                x.materialize(shapes[name])
                if name not in arrays:  # a running average
                    x.fill_(float(name.endswith("running_var")))
            if name in arrays:
                x.copy_(torch.tensor(arrays[name]))


def save_weights(path: str | os.PathLike[str], model: nn.Module) -> None:
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
    model : torch.nn.Module

    Raises
    ------
    TypeError, ValueError
        If `model` is not an nn.Module, `path` has another suffix, or a lazy layer does not have its
        shape yet.
    FileNotFoundError
        If the folder does not exist.
    """
    path = check_path(path)
    check_model(model)
    tensors = {
        name: x.detach().cpu().contiguous().clone() for name, x in checked_tensors(model).items()
    }
    write_file(path, safetensors.torch.save(tensors, metadata(torch=torch.__version__)))


def load_weights(path: str | os.PathLike[str], model: nn.Module) -> None:
    """
    Set the weights of `model` to those of a file of either backend's `save_weights` (section 6.6).

    Parameters
    ----------
    path : path
        A safetensors file, also of another program that uses PyTorch's names and layout.
    model : torch.nn.Module
        Changed in place, as by `import_weights`.

    Raises
    ------
    TypeError, ValueError
        If `model` is not an nn.Module, `path` has another suffix, the file is damaged or does not
        hold safetensors, or a name or a shape differs from the model's; then the model is
        unchanged.
    FileNotFoundError
        If there is not such a file.
    """
    check_path(path)
    check_model(model)
    import_file(path, lambda weights: import_weights(model, weights))


def check_model(model: Any) -> None:
    """Raise a TypeError unless `model` is an nn.Module."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model must be an nn.Module, got {type(model).__name__}; pass the model itself"
        )


def named_tensors(model: nn.Module) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the parameters and persistent buffers by name, and the other names of tied ones."""
    first: dict[int, str] = {}
    tensors: dict[str, Any] = {}
    aliases: dict[str, list[str]] = {}
    for name, x in model.state_dict(keep_vars=True).items():
        if not isinstance(x, Tensor) or is_counter(name):
            continue
        known = first.setdefault(id(x), name)
        if known == name:
            tensors[name] = x
        else:
            aliases.setdefault(known, []).append(name)
    return tensors, aliases


def checked_tensors(model: nn.Module) -> dict[str, Any]:
    """Return the parameters and persistent buffers of a model without lazy layers."""
    tensors, _ = named_tensors(model)
    for name, x in tensors.items():
        if is_lazy(x):
            raise no_shape_yet(name)
    return tensors


def lazy_shape(model: nn.Module, name: str, weights: Mapping[str, np.ndarray]) -> tuple[int, ...]:
    """Return the shape of a parameter or buffer, for a lazy one that which `weights` give it."""
    layer_name, _, leaf = name.rpartition(".")
    layer = model.get_submodule(layer_name)
    if not is_lazy(getattr(layer, leaf)):
        return tuple(getattr(layer, leaf).shape)
    if leaf.startswith("running_") and name not in weights:
        name = f"{layer_name}.weight".removeprefix(".")
    given = np.shape(weights.get(name, ()))
    if not isinstance(layer, nn.LazyLinear):
        return given
    return (layer.out_features, *(given[1:2] if leaf == "weight" else ()))
