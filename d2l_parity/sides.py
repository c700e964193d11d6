"""The two sides of a comparison: a model of each backend, and the names of its arrays."""

import copy
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from d2l_parity.activations import Call
from d2l_parity.axes import axis_order, joined, turned
from d2l_parity.closeness import relative_gap
from d2l_parity.cuts import Cut, Piece, calls_of, parts_of
from d2l_parity.layer import Layer, Shape, shapes_of
from d2l_parity.minibatches import data_module, structure_of
from d2l_parity.models import as_model, check_types
from d2l_parity.pairing import Pairing
from d2l_parity.patches import is_window, with_channels_last
from d2l_parity.tolerances import SAME_TABLE

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
    pieces : dict
        What part of which array of the model it is, for each name that is a piece of one.
    """

    def __init__(self, layers: list[Layer], trained: set[str]):
        self.whole_layers, self.whole_trained = layers, trained
        self.pieces: dict[str, Piece] = {}
        self._cuts: Sequence[Cut] = ()
        self.cut(layers, [])

    def cut(self, layers: list[Layer], cuts: Sequence[Cut]) -> None:
        """Replace the layers of the model by `layers`, which hold the pieces that `cuts` made."""
        self.pieces = {}
        for each in cuts:
            for name, piece in each.pieces().items():
                # Of an array that is a piece itself: one of a stack.
                whole = self.pieces.get(piece.array, Piece(piece.array, ()))
                self.pieces[name] = Piece(whole.array, whole.where + piece.where)
        self._cuts = cuts
        self._opened = parts_of(self.whole_layers, [*(each.layer for each in cuts), *layers])
        self.layers = layers
        self.trained = {
            name
            for layer in self.layers
            for name in layer.params.values()
            if self.array_of(name) in self.whole_trained
        }
        self.shapes = shapes_of(self.layers)
        self.places = {
            layer.params[local]: place for layer in self.layers
            for local, place in layer.places.items()
        }  # fmt: skip
        self.names, self._common_shapes = {name: name for name in self.shapes}, self.shapes
        self._transposed: set[str] = set()
        self._kernels: set[str] = set()
        self._channels_last: set[str] = set()

    def array_of(self, name: str) -> str:
        """Return the array of the model that `name` is, or is a piece of."""
        return self.pieces[name].array if name in self.pieces else name

    def adopt(self, pairing: Pairing, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Take the common names from a pairing, and the `shapes` of the arrays by them."""
        self.names, self._transposed = pairing.names, pairing.transposed
        self._kernels, self._channels_last = pairing.kernels, pairing.channels_last
        self._common_shapes = dict(shapes)

    def _order(self, name: str) -> tuple[Shape, Shape, tuple[int, ...]]:
        """
        Return the order in which the axes of an array are those of its counterpart.

        It is preceded by the shapes of both, with those axes joined that one of them has joined.
        """
        ours, theirs = self.shapes[name], self._common_shapes[self.names[name]]
        shapes = joined(ours, theirs), joined(theirs, ours)
        return *shapes, axis_order(*shapes, name in self._kernels)

    def by_own_name(self, arrays: Mapping[str, np.ndarray], before: Mapping[str, Any]) -> Arrays:
        """
        Return arrays by the side's own names, given by common names.

        Of an array that is cut, the pieces without a common name are those of `before`.
        """
        own: Arrays = {}
        for name, common in self.names.items():
            array = np.asarray(arrays[common])
            if name in self._transposed:
                _, shape, order = self._order(name)
                array = turned(array.reshape(shape), tuple(np.argsort(order)))
            if name in self._channels_last:
                array = with_channels_last(array, self.shapes[name])
            array = array.reshape(self.shapes[name])
            if name not in self.pieces:
                own[name] = array
                continue
            whole, index = self.pieces[name]
            if whole not in own:
                own[whole] = np.array(before[whole], array.dtype)
            own[whole][index] = array
        return own

    def by_common_name(self, arrays: Mapping[str, Any], stacked: bool = False) -> Arrays:
        """
        Return arrays by common names, given by the side's names; of those without one, none.

        With `stacked`, arrays have a first axis in front.
        """
        found = {}
        for name, common in self.names.items():
            whole, index = self.pieces.get(name, Piece(name, ()))
            if whole in arrays:
                array = arrays[whole][(slice(None), *index) if stacked else index]
                shape = self._common_shapes[common]
                if name in self._transposed:
                    own, _, order = self._order(name)
                    array = turned(array.reshape((*array.shape[:stacked], *own)), order, stacked)
                if name in self._channels_last:
                    array = with_channels_last(array, shape, stacked)
                found[common] = array.reshape((array.shape[0], *shape) if stacked else shape)
        return found

    def by_piece_name(self, arrays: Mapping[str, np.ndarray]) -> Arrays:
        """Return arrays of the model by the side's own names, with pieces for what is cut."""
        pieces = {n: arrays[p.array][p.where] for n, p in self.pieces.items() if p.array in arrays}
        whole = {piece.array for piece in self.pieces.values()}
        return {name: x for name, x in arrays.items() if name not in whole} | pieces

    def places_by_common(self) -> dict[str, str]:
        """Return the place of each array in the user's module by common names."""
        return {common: self.places[name] for name, common in self.names.items()}

    def on_patches(self) -> set[str]:
        """Return the layers that are a convolution on one side, and linear on the other."""
        return {
            layer.module
            for layer in self.layers
            for full in layer.params.values()
            if full in self.names
            and is_window(self.shapes[full], self._common_shapes[self.names[full]])
        }

    def by_piece(self, calls: Sequence[Call]) -> list[Call]:
        """Return calls of layers, with those of pieces in the place of those of cut layers."""
        opened = [
            each._replace(name=name, inputs=None, outputs=None) if name != each.name else each
            for each in calls
            for name in (each.name, *self._opened.get(each.name, ()))
        ]
        return calls_of(self._cuts, opened)


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
        self._first: dict[str, Any] = {}
        self.module, self.prefix = module, "" if self.model is module else "net."
        self.whole = whole
        if self.probe.has_lazy_layers(module):
            self.model.apply_init(self.first_batch(data, "float32")[:-1])
        check_types(backend, self.probe.types(module))
        layers = self.probe.layers(module, whole)
        super().__init__(layers, self.probe.trained(module, layers))
        if not self.whole_trained:
            raise ValueError(
                f"{backend}_model must have a parameter that is trained, got frozen ones alone; "
                "pass a copy that is not frozen"
            )

    def own_arrays(self) -> Arrays:
        """Return parameters and state of the user's module by its own names, nothing cut."""
        return self.probe.read(self.module, self.whole)

    def batches(self, data: Any, dtype: str) -> Any:
        """Return the data module of this backend with numbers of type `dtype`."""
        return data_module(self.d2l, data, dtype)

    def first_batch(self, data: Any, dtype: str) -> Any:
        """Return the first training minibatch of `data`, as the model gets it; a new copy."""
        if dtype not in self._first:  # a data module may have to read its files
            self._first[dtype] = next(iter(self.batches(data, dtype).train_dataloader()))
        # PyTorch's model may change its inputs in place.
        return copy.deepcopy(self._first[dtype])

    def copy(self, dtype: str, weights: Mapping[str, np.ndarray]) -> Any:
        """Return a copy of the model of type `dtype` with `weights`, given by common names."""
        model = self.probe.copy_as(self.model, dtype)
        inner = self._inner(model)
        before = self.probe.read(inner, self.whole) if self.pieces else {}
        self.probe.write(inner, self.by_own_name(weights, before), self.whole)
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
        return self.by_common_name(self.own_arrays())

    def _state_of(self, module: Any) -> Arrays:
        state = {layer.params[local] for layer in self.layers for local in layer.state}
        common = {self.names[name] for name in state if name in self.names}
        found = self.by_common_name(self.probe.read(module, self.whole))
        return {name: x for name, x in found.items() if name in common}

    def _inner(self, model: Any) -> Any:
        return model.net if self.prefix else model


def unlike_constants(side: Names, ours: Arrays, theirs: Arrays) -> set[str]:
    """Return the names of state, except running averages, of which two models differ."""
    averages = {
        full for layer in side.layers for local, full in layer.params.items()
        if local.startswith("running_")
    }  # fmt: skip
    names = (ours.keys() & theirs.keys()) - averages
    # Each framework may have computed a table in float32 by itself.
    return {name for name in names if relative_gap(ours[name], theirs[name]) > SAME_TABLE}
