"""The two sides of a comparison: a model of each package, its parameters' names, its data."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from d2l_parity.mapping import match_parameters
from d2l_parity.minibatches import data_module


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
    paths : dict
        `{the name that both sides are compared by: its place in the reader's model}`.
    """

    backend: str
    model: Any
    names: Mapping[str, str]
    paths: Mapping[str, str]

    @classmethod
    def of(cls, backend: str, model: Any) -> "Side":
        """Return the side of a model whose parameters have the same names on both."""
        paths = probe_of(backend).parameter_paths(model)
        return cls(backend, model, {name: name for name in paths}, paths)

    @property
    def d2l(self) -> ModuleType:
        """The backend's package."""
        return package(self.backend)

    @property
    def probe(self) -> ModuleType:
        """The backend's module for what is seen of a model and of its training."""
        return probe_of(self.backend)

    def to_own_names(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return arrays by the model's own names."""
        return {own: arrays[common] for own, common in self.names.items()}

    def to_common_names(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return arrays by the names that both sides are compared by."""
        return {common: arrays[own] for own, common in self.names.items()}

    def data(self, data: Any, dtype: str) -> Any:
        """Return the data module of this backend; the arguments are those of `data_module`."""
        return data_module(self.d2l, data, dtype)


def package(backend: str) -> ModuleType:
    """Return `d2l_jax` or `d2l_torch`; imported here, so that this package needs neither."""
    return importlib.import_module(f"d2l_{backend}")


def probe_of(backend: str) -> ModuleType:
    """Return a backend's module for what is seen of a model and of its training."""
    return importlib.import_module(f"d2l_parity.{backend}_probe")


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
    shapes, paths = {}, {}
    for backend, model in models.items():
        exported = package(backend).export_weights(model)
        shapes[backend] = {name.removeprefix(prefix): x.shape for name, x in exported.items()}
        paths[backend] = {
            name.removeprefix(prefix): path.removeprefix(prefix)
            for name, path in probe_of(backend).parameter_paths(model).items()
        }
    pairs = match_parameters(shapes["jax"], shapes["torch"], mapping, paths["jax"])
    names = {"jax": pairs, "torch": {name: name for name in shapes["torch"]}}
    return {
        backend: Side(
            backend,
            model,
            {prefix + own: common for own, common in names[backend].items()},
            {common: paths[backend][own] for own, common in names[backend].items()},
        )
        for backend, model in models.items()
    }


def backend_of(model: Any) -> str | None:
    """Return "jax" for a Flax NNX module, "torch" for a PyTorch module, None for anything else."""
    roots = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return "jax" if "flax" in roots else "torch" if "torch" in roots else None


def check_models(jax_model: Any, torch_model: Any) -> None:
    """Raise a `TypeError` unless these are a Flax NNX module and a PyTorch module."""
    if (backend_of(jax_model), backend_of(torch_model)) == ("torch", "jax"):
        raise TypeError("the models are the other way round: give JAX's first and then PyTorch's")
    for model, backend, kind in (
        (jax_model, "jax", "Flax NNX module"),
        (torch_model, "torch", "PyTorch module"),
    ):
        # Flax's classes have a metaclass of Flax, so that a class could pass for a module.
        if isinstance(model, type):
            raise TypeError(
                f"{backend}_model must be a {kind}, not the class {model.__name__}: give an "
                f"instance, {model.__name__}(...)"
            )
        if backend_of(model) != backend:
            raise TypeError(f"{backend}_model must be a {kind}, not {type(model).__name__}")


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
    return probe_of(backend).Wrapped(module, _loss_function(d2l, loss), lr)


def _loss_function(d2l: ModuleType, loss: Any) -> Callable[..., Any]:
    """Return the loss of predictions and targets for a backend, one number a minibatch."""
    if isinstance(loss, tuple | list) and len(loss) == 2:
        loss = loss[d2l is package("torch")]
    elif backend_of(loss) is not None:
        raise TypeError(
            f"the loss {type(loss).__name__} is of one framework alone: give a pair of functions, "
            "JAX's loss first and then PyTorch's"
        )
    if callable(loss) and not isinstance(loss, type):
        return _one_number(loss)
    if loss == "squared_loss":
        return lambda y_hat, y: d2l.reduce_mean(d2l.squared_loss(y_hat, y))
    if loss in ("softmax_cross_entropy", "cross_entropy"):
        return getattr(d2l, loss)
    wrong = f"the class {loss.__name__}" if isinstance(loss, type) else repr(loss)
    raise (ValueError if isinstance(loss, str) else TypeError)(
        "loss must be 'softmax_cross_entropy', 'cross_entropy', 'squared_loss', a function of "
        f"y_hat and y, or one for each backend, not {wrong}"
    )


def _one_number(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reader's `loss`, which says so if it returns something else than one number."""

    def checked(y_hat: Any, y: Any) -> Any:
        value = loss(y_hat, y)
        shape = getattr(value, "shape", None)
        if shape != ():
            found = repr(value) if shape is None else f"a tensor of shape {tuple(shape)}"
            raise TypeError(
                "loss must return one number for a minibatch, a tensor of shape () such as the "
                f"mean over its examples, not {found}"
            )
        return value

    return checked
