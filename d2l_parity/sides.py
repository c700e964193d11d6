"""The two sides of a comparison: a model of each backend, and the names of its arrays."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from d2l_parity.layer import Layer
from d2l_parity.minibatches import data_module, structure_of
from d2l_parity.models import as_model
from d2l_parity.pairing import Pairing

Arrays = dict[str, np.ndarray]

NAMES = {"jax": "JAX", "torch": "PyTorch"}

# Layers of PyTorch that NNX builds from several.
COMPOSITES = {"MultiheadAttention", "LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"}


class Names:
    """
    The layers of one model, and the names of its arrays.

    Arrays of a side have PyTorch's names and layout; the common names of both sides are those of
    the PyTorch model.

    Attributes
    ----------
    layers : list of Layer
        The layers of the user's module that hold arrays.
    trained : set of str
        The names of the arrays that training changes: in PyTorch, those with `requires_grad`.
    shapes, places : dict
        Shapes of the arrays by name, and their places in their own framework.
    names : dict
        `{name: common name}` of the arrays that both sides have.
    """

    def __init__(self, layers: list[Layer], trained: set[str]):
        self.layers, self.trained = layers, trained
        self.shapes = {
            layer.params[local]: shape for layer in layers
            for local, shape in layer.shapes.items()
        }  # fmt: skip
        self.places = {
            layer.params[local]: place for layer in layers
            for local, place in layer.places.items()
        }  # fmt: skip
        self.names, self._common_shapes = {name: name for name in self.shapes}, self.shapes
        self._transposed: set[str] = set()

    def adopt(self, pairing: Pairing, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Take the common names from a pairing, and the `shapes` of the arrays by them."""
        self.names, self._transposed = pairing.names, pairing.transposed
        self._common_shapes = dict(shapes)

    def by_own_name(self, arrays: Mapping[str, np.ndarray]) -> Arrays:
        """Return arrays by the side's own names, given by common names."""
        own = {}
        for name, common in self.names.items():
            array = np.asarray(arrays[common])
            array = array.T if name in self._transposed else array
            own[name] = array.reshape(self.shapes[name])
        return own

    def by_common_name(self, arrays: Mapping[str, Any], stacked: bool = False) -> Arrays:
        """
        Return arrays by common names, given by the side's names; of those without one, none.

        With `stacked`, arrays have a first axis in front.
        """
        found = {}
        for name, common in self.names.items():
            if name in arrays:
                array = arrays[name]
                if name in self._transposed:
                    array = array.swapaxes(-1, -2)
                shape = self._common_shapes[common]
                found[common] = array.reshape((array.shape[0], *shape) if stacked else shape)
        return found

    def places_by_common(self) -> dict[str, str]:
        """Return the place of each array in the user's module by common names."""
        return {common: self.places[name] for name, common in self.names.items()}


class Side(Names):
    """
    A model of one backend that can be run.

    Attributes
    ----------
    backend : str
        "jax" or "torch".
    d2l, probe : modules
        The backend's package, and the module of this one for it, imported only here.
    model : d2l_jax.Module or d2l_torch.Module
        The user's module, or a model whose `net` it is.
    module : nnx.Module or torch.nn.Module
        The user's module.
    whole : set of str
        Kinds of composite layers that are one layer; see `d2l_jax.layouts.units`.
    """

    def __init__(
        self,
        backend: str,
        module: Any,
        data: Any,
        loss: Any = None,
        lr: float = 0.1,
        optimizer: Any = None,
        whole: set[str] = COMPOSITES,
    ):
        self.backend = backend
        self.d2l: Any = importlib.import_module(f"d2l_{backend}")
        self.probe: Any = importlib.import_module(f"d2l_parity.{backend}_probe")
        structure = None if loss is None else structure_of(data)
        self.model = as_model(self.d2l, module, loss, lr, optimizer, structure)
        self.module, self.prefix = module, "" if self.model is module else "net."
        self.whole = whole
        if self.probe.has_lazy_layers(module):
            self.model.apply_init(self.first_batch(data, "float32")[:-1])
        layers = self.probe.layers(module, whole)
        super().__init__(layers, self.probe.trained(module, layers))

    def batches(self, data: Any, dtype: str) -> Any:
        """Return the data module of this backend with numbers of type `dtype`."""
        return data_module(self.d2l, data, dtype)

    def first_batch(self, data: Any, dtype: str) -> Any:
        """Return the first training minibatch, as the model gets it."""
        return next(iter(self.batches(data, dtype).train_dataloader()))

    def copy(self, dtype: str, weights: Mapping[str, np.ndarray]) -> Any:
        """Return a copy of the model of type `dtype` with `weights`, given by common names."""
        model = self.probe.copy_as(self.model, dtype)
        self.probe.write(self._inner(model), self.by_own_name(weights), self.whole)
        return model

    def weights(self, model: Any) -> Arrays:
        """Return parameters and state of a model, or of a copy of it, by common names."""
        return self.by_common_name(self.probe.read(self._inner(model), self.whole))

    def state(self, model: Any) -> Arrays:
        """Return likewise the state alone."""
        return self._state_of(self._inner(model))

    def own_state(self) -> Arrays:
        """Return the state of the user's module by common names."""
        return self._state_of(self.module)

    def own_weights(self) -> Arrays:
        """Return parameters and state of the user's module by common names."""
        return self.by_common_name(self.probe.read(self.module, self.whole))

    def _state_of(self, module: Any) -> Arrays:
        state = {layer.params[local] for layer in self.layers for local in layer.state}
        found = self.probe.read(module, self.whole)
        return self.by_common_name({name: x for name, x in found.items() if name in state})

    def _inner(self, model: Any) -> Any:
        return model.net if self.prefix else model
