"""The two sides of a comparison: a model of each backend, and the names of its parameters."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from d2l_parity.mapping import match_parameters
from d2l_parity.models import as_model, check_models


class Side:
    """
    A model of one backend.

    Attributes
    ----------
    d2l, probe, dropout : modules
        The backend's package, and the modules of this one for it, imported only here.
    model : d2l_jax.Module or d2l_torch.Module
        The reader's module, or a model whose `net` it is.
    shapes : dict
        `{name: shape}` of the parameters of the reader's module.
    names : dict
        `{name in the model: common name}`; the common names are PyTorch's.
    paths : dict
        `{common name: place in the reader's module}`; JAX's side only.
    """

    names: Mapping[str, str]
    paths: Mapping[str, str]

    def __init__(self, backend: str, module: Any, loss: Any, lr: float):
        self.d2l: Any = importlib.import_module(f"d2l_{backend}")
        self.probe: Any = importlib.import_module(f"d2l_parity.{backend}_probe")
        self.dropout: Any = importlib.import_module(f"d2l_parity.{backend}_dropout")
        self.model = as_model(self.d2l, module, loss, lr)
        self.shapes = {name: x.shape for name, x in self.d2l.export_weights(module).items()}

    def copy(self, dtype: str, weights: Mapping[str, np.ndarray]) -> Any:
        """Return a copy of the model of type `dtype` with `weights`, given by common names."""
        model = self.probe.copy_as(self.model, dtype)
        named = {name: weights[common] for name, common in self.names.items()}
        self.d2l.import_weights(model, named)
        return model

    def by_common_name(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return arrays by common names, given by names in the model."""
        return {common: arrays[name] for name, common in self.names.items()}


def pair(
    jax_model: Any,
    torch_model: Any,
    loss: Any = None,
    lr: float = 0.1,
    mapping: Mapping[str, str] | None = None,
) -> dict[str, Side]:
    """Return both sides, `{"jax": Side, "torch": Side}`, of the arguments of `compare`."""
    check_models(jax_model, torch_model)
    ours, theirs = Side("jax", jax_model, loss, lr), Side("torch", torch_model, loss, lr)
    places = ours.probe.parameter_paths(jax_model)
    pairs = match_parameters(ours.shapes, theirs.shapes, mapping, places)
    prefix = "" if loss is None else "net."
    ours.names = {prefix + name: common for name, common in pairs.items()}
    ours.paths = {common: places[name] for name, common in pairs.items()}
    theirs.names = {prefix + name: name for name in theirs.shapes}
    return {"jax": ours, "torch": theirs}
