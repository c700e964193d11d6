"""Export and import of weights as NumPy arrays, in PyTorch's names and layout."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from d2l_common.arrays import to_numpy
from d2l_common.weights import as_arrays, check_weights


def export_weights(model: nn.Module) -> dict[str, np.ndarray]:
    """
    Return the parameters of `model` as NumPy arrays by name (section 6.6).

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    dict of arrays
        Copies, in PyTorch's names (`net.1.weight`) and layout: `(num_outputs, num_inputs)`.

    Raises
    ------
    ValueError
        If a lazy layer does not have its shape yet.
    """
    named = dict(model.named_parameters())
    for name, param in named.items():
        if is_lazy(param):
            raise ValueError(f"{name} has no shape yet; call the model on a minibatch first")
    return {name: to_numpy(param).copy() for name, param in named.items()}


def import_weights(model: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """
    Set the parameters of `model` to arrays of either backend's `export_weights` (section 6.6).

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place. A lazy layer gets the shape of its weights.
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
    named = dict(model.named_parameters())
    expected: dict[str, tuple[int, ...]] = {}
    for name, param in named.items():
        given = np.shape(weights.get(name, ()))
        expected[name] = lazy_shape(model, name, given) if is_lazy(param) else tuple(param.shape)
    check_weights(expected, weights)
    with torch.no_grad():
        for name, param in named.items():
            if is_lazy(param):
                param.materialize(expected[name])
            param.copy_(torch.tensor(weights[name]))


def lazy_shape(model: nn.Module, name: str, given: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that a lazy parameter gets from weights of shape `given`."""
    layer = model.get_submodule(name.rpartition(".")[0])
    if not isinstance(layer, nn.LazyLinear):
        return given
    num_inputs = given[1:2] if name.endswith("weight") else ()
    return (layer.out_features, *num_inputs)
