"""The two sides of a comparison: a model of each package, its parameters' names, its data."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from d2l_common.parity.mapping import match_parameters


@dataclass(frozen=True)
class Side:
    """
    A model of one backend.

    Attributes
    ----------
    backend : str
        "jax" or "torch".
    model : Module
    names : dict
        `{its own name: the name that both sides are compared by}` of the parameters.
    """

    backend: str
    model: Any
    names: Mapping[str, str]

    @classmethod
    def of(cls, backend: str, model: Any) -> "Side":
        """Return the side of a model whose parameters have the same names on both."""
        names = package(backend).export_weights(model)
        return cls(backend, model, {name: name for name in names})

    @property
    def d2l(self) -> ModuleType:
        """The backend's package."""
        return package(self.backend)

    @property
    def probe(self) -> ModuleType:
        """The backend's module for what is seen of a model and of its training."""
        return importlib.import_module(f"d2l_{self.backend}.probe")

    def to_own_names(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return arrays by the model's own names."""
        return {own: arrays[common] for own, common in self.names.items()}

    def to_common_names(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return arrays by the names that both sides are compared by."""
        return {common: arrays[own] for own, common in self.names.items()}

    def data(self, data: Any, dtype: str) -> Any:
        """
        Return the data module of this backend.

        Parameters
        ----------
        data : callable, or list of minibatches
            `data(d2l)` returns a data module for the package that it is given. A list holds
            minibatches `(*inputs, targets)` of NumPy arrays, to train and to validate on.
        dtype : str
        """
        return data(self.d2l) if callable(data) else _given_batches(self.d2l, data, dtype)


def package(backend: str) -> ModuleType:
    """Return `d2l_jax` or `d2l_torch`; imported here, so that this package needs neither."""
    return importlib.import_module(f"d2l_{backend}")


def pair(
    jax_model: Any, torch_model: Any, loss: Any, lr: float, mapping: Mapping[str, str] | None
) -> dict[str, Side]:
    """
    Return both sides, `{"jax": Side, "torch": Side}`, with PyTorch's names as the common ones.

    The arguments are those of `compare`.
    """
    check_models(jax_model, torch_model)
    models = {
        backend: as_model(backend, model, loss, lr)
        for backend, model in (("jax", jax_model), ("torch", torch_model))
    }
    # A wrapped module is the `net` of a model, which is not to be seen in the names.
    prefix = "" if loss is None else "net."
    shapes = {
        backend: {
            name.removeprefix(prefix): array.shape
            for name, array in package(backend).export_weights(model).items()
        }
        for backend, model in models.items()
    }
    pairs = match_parameters(shapes["jax"], shapes["torch"], mapping)
    names = {"jax": pairs, "torch": {name: name for name in shapes["torch"]}}
    return {
        backend: Side(
            backend, model, {prefix + own: common for own, common in names[backend].items()}
        )
        for backend, model in models.items()
    }


def backend_of(model: Any) -> str | None:
    """Return "jax" for a Flax NNX module, "torch" for a PyTorch module, None for anything else."""
    roots = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return "jax" if "flax" in roots else "torch" if "torch" in roots else None


def check_models(jax_model: Any, torch_model: Any) -> None:
    """Raise a `TypeError` unless these are a Flax NNX module and a PyTorch module."""
    for model, backend, kind in (
        (jax_model, "jax", "Flax NNX module"),
        (torch_model, "torch", "PyTorch module"),
    ):
        if backend_of(model) != backend:
            raise TypeError(
                f"{backend}_model must be a {kind}, not {type(model).__name__}"
                + ("; give the instance, not the class" if isinstance(model, type) else "")
            )


def as_model(backend: str, module: Any, loss: Any, lr: float) -> Any:
    """Return `module` itself if it has a loss and an optimizer, else wrapped with these."""
    d2l = package(backend)
    if isinstance(module, d2l.Module) and loss is None:
        return module
    if loss is None:
        raise ValueError(
            f"{type(module).__name__} is no d2l.Module with a loss of its own: say by "
            "loss='softmax_cross_entropy', loss='squared_loss' or a function which it is"
        )
    probe = importlib.import_module(f"d2l_{backend}.probe")
    return probe.Wrapped(module, _loss_function(d2l, loss), lr)


def _loss_function(d2l: ModuleType, loss: Any) -> Callable[..., Any]:
    """Return the loss of predictions and targets for a backend, one number a minibatch."""
    if isinstance(loss, tuple | list):
        jax_loss, torch_loss = loss
        return torch_loss if d2l is package("torch") else jax_loss
    if callable(loss):
        return loss
    if loss == "squared_loss":
        return lambda y_hat, y: d2l.reduce_mean(d2l.squared_loss(y_hat, y))
    if loss in ("softmax_cross_entropy", "cross_entropy"):
        return getattr(d2l, loss)
    raise ValueError(
        "loss must be 'softmax_cross_entropy', 'cross_entropy', 'squared_loss', a function of "
        f"y_hat and y, or one for each backend, not {loss!r}"
    )


def check_data(data: Any) -> None:
    """Raise a `TypeError` or `ValueError` unless `data` can serve both backends."""
    if callable(data):
        return
    if not isinstance(data, Sequence):
        raise TypeError(
            "data must be a list of minibatches (X, y), or a function that returns a data module "
            f"for d2l_jax or d2l_torch, not {type(data).__name__}"
        )
    if not len(data):
        raise ValueError("data has no minibatches")
    for batch in data:
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            raise TypeError("each minibatch of data must be (X, y), inputs and then targets")


def _given_batches(d2l: ModuleType, batches: Sequence[Any], dtype: str) -> Any:
    def cast(x: Any) -> np.ndarray:
        x = np.asarray(x)
        return x.astype(dtype) if x.dtype.kind == "f" else x

    cast_batches = [tuple(map(cast, batch)) for batch in batches]

    class GivenBatches(d2l.DataModule):  # type: ignore[name-defined]
        def get_dataloader(self, train: bool) -> Any:
            return [tuple(d2l.tensor(x) for x in batch) for batch in cast_batches]

    return GivenBatches()
