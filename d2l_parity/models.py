"""Check the two models, and give a plain module a loss and an optimizer."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

from d2l_parity.minibatches import unflatten


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Return a context, also a decorator, that leaves PyTorch's random stream as it was."""
    torch = sys.modules.get("torch")
    with nullcontext() if torch is None else torch.random.fork_rng():
        yield


def backend_of(model: Any) -> str | None:
    """Return "jax" for a Flax NNX module, "torch" for a PyTorch module, None for anything else."""
    roots = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return "jax" if "flax" in roots else "torch" if "torch" in roots else None


def check_models(jax_model: Any, torch_model: Any) -> None:
    """Raise a `TypeError` unless these are a Flax NNX module and a PyTorch module."""
    if (backend_of(jax_model), backend_of(torch_model)) == ("torch", "jax"):
        raise TypeError("the models are the other way round; pass JAX's first and then PyTorch's")
    for model, backend, kind in (
        (jax_model, "jax", "Flax NNX module"),
        (torch_model, "torch", "PyTorch module"),
    ):
        # Flax's classes have a metaclass of Flax, so that a class could pass for a module.
        if isinstance(model, type):
            raise TypeError(
                f"{backend}_model must be a {kind}, got the class {model.__name__}; pass an "
                f"instance, {model.__name__}(...)"
            )
        if backend_of(model) != backend or not is_module(model, backend):
            raise TypeError(
                f"{backend}_model must be a {kind}, got {type(model).__name__}; pass the module "
                "itself"
            )


def is_module(model: Any, backend: str) -> bool:
    """Return whether an object of Flax or of PyTorch is a module of it, in Python."""
    if backend == "jax":
        from flax import nnx

        return isinstance(model, nnx.Module)
    import torch

    is_compiled = isinstance(model, torch.jit.ScriptModule) or hasattr(model, "_orig_mod")
    return isinstance(model, torch.nn.Module) and not is_compiled


def check_types(backend: str, types: Mapping[str, str]) -> None:
    """
    Raise unless parameters hold numbers of float32 or float64, or integers.

    Parameters
    ----------
    backend : str
    types : dict
        `{name: type}` of a model's parameters, such as "float32"; "" for one without numbers.

    Raises
    ------
    ValueError
        If there are none, or one has another type.
    """
    if not types:
        raise ValueError(f"{backend}_model must have parameters, got none: nothing can be trained")
    for name, dtype in types.items():
        if not dtype:
            raise ValueError(
                f"{backend}_model must hold numbers, got none in {name}; create the model itself, "
                "not its shapes alone"
            )
        if "complex" in dtype:
            raise ValueError(
                f"the parameters of {backend}_model must be real, got {dtype} in {name}; hold the "
                "real and the imaginary part as two arrays"
            )
        if "float16" in dtype or "float8" in dtype:
            raise ValueError(
                f"the parameters of {backend}_model must be of float32 or float64, got {dtype} in "
                f"{name}: it would hide small mistakes; compare a copy in float32"
            )


def as_model(
    d2l: ModuleType, module: Any, loss: Any, lr: float, optimizer: Any = None, structure: Any = None
) -> Any:
    """
    Return a model that a Trainer of the package `d2l` can train.

    That is `module` itself if `loss` is None, else a model whose `net` it is, trained by SGD or by
    what `optimizer` makes. `structure` is that of the minibatches.
    """
    if loss is None and isinstance(module, d2l.Module):
        return module
    if loss is None:
        raise ValueError(
            f"loss must be given, since {type(module).__name__} is not a d2l.Module; pass "
            "loss='softmax_cross_entropy', loss='squared_loss' or a function"
        )
    function = _loss_function(d2l, loss)
    arguments = call_arguments(module)

    class WithLoss(d2l.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net, self.lr = module, lr

        def run(self, batch: Any, train: bool) -> Any:
            *inputs, _ = batch if structure is None else unflatten(structure, batch)
            args = [x for x in inputs if not _are_keywords(x, arguments)]
            named = [x for x in inputs if _are_keywords(x, arguments)]
            kwargs = {name: value for x in named for name, value in x.items()}
            free = list(arguments)[len(args) :]
            kwargs |= {name: train == on for name, on in MODES.items() if name in free}
            return self.net(*args, **kwargs)

        def loss(self, y_hat: Any, batch: Any) -> Any:
            y = (batch if structure is None else unflatten(structure, batch))[-1]
            return _one_number(function(y_hat, y))

        def training_step(self, batch: Any) -> Any:
            l = self.loss(self.run(batch, train=True), batch)
            self.plot("loss", l, train=True)
            return l

        def validation_step(self, batch: Any) -> Any:
            l = self.loss(self.run(batch, train=False), batch)
            self.plot("loss", l, train=False)
            return l

        def configure_optimizers(self) -> Any:
            # Not torch.optim.SGD by default: the first of torch.optim takes a second to import.
            if backend == "jax":
                return d2l.SGD(lr) if optimizer is None else optimizer
            parameters = self.parameters()
            return d2l.SGD(parameters, lr) if optimizer is None else optimizer(parameters)

    backend = d2l.__name__.removeprefix("d2l_")
    return WithLoss()


# Arguments by which models are put into a mode, and whether they are True in training.
MODES = {
    "train": True,
    "training": True,
    "is_training": True,
    "is_train": True,
    "deterministic": False,
    "inference": False,
}


def call_arguments(module: Any) -> dict[str, Any]:
    """Return the parameters of a module's call by name, in their order."""
    call = getattr(module, "forward", None) or type(module).__call__
    parameters = inspect.signature(call).parameters
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    named = {name: each for name, each in parameters.items() if each.kind in kinds}
    named.pop("self", None)
    return named


def _are_keywords(x: Any, arguments: Mapping[str, Any]) -> bool:
    """Return whether an input is a dict of keyword arguments: it has no other names."""
    return isinstance(x, Mapping) and bool(x) and set(x) <= set(arguments)


def run_model(model: Any, batch: Any, train: bool) -> Any:
    """Return the output of a model for a minibatch."""
    run = getattr(model, "run", None)
    return model(*batch[:-1]) if run is None else run(batch, train)


def first_run(model: Any, batch: Any, train: bool, name: str) -> Any:
    """
    Return likewise the output of the first call of a model of the framework `name`.

    Raises
    ------
    ValueError
        If the framework refuses the inputs, as those of a wrong shape.
    """
    try:
        return run_model(model, batch, train)
    except (RuntimeError, TypeError, ValueError) as error:
        if not _is_refusal(error):
            raise
        *inputs, _ = batch
        given = " and ".join(
            f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)}" for x in inputs
        )
        reason = str(error).strip().splitlines()[0].rstrip(".")
        integers = any("int" in str(x.dtype) for x in inputs)
        hint = ", and pixels as floats, X.astype('float32') / 255" if integers else ""
        raise ValueError(
            f"the {name} model must take the inputs of data, but stopped at {given} with: "
            f"{reason}; mend its forward pass, or pass inputs in the shape that both models "
            f"take{hint}"
        ) from error


def _is_refusal(error: BaseException) -> bool:
    """Return whether a framework raised an error, not this package or the user's own code."""
    frame, package = error.__traceback__, ""
    while frame is not None:
        name = frame.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        package = package if name == "d2l_parity" else name
        frame = frame.tb_next
    # What is wrong with a traced value is not a matter of the inputs.
    is_traced = any(kind.__name__.startswith(("Jax", "Tracer")) for kind in type(error).__mro__)
    return package in ("jax", "flax", "torch", "numpy") and not is_traced


def loss_of(model: Any, output: Any, batch: Any) -> Any:
    """Return the loss of a model's output."""
    return model.loss(output, batch if hasattr(model, "run") else batch[-1])


def check_optimizer(optimizer: Any) -> None:
    """Raise a `TypeError` unless `optimizer` is None or a pair, JAX's and then PyTorch's."""
    if optimizer is None:
        return
    wanted = (
        "optimizer must be a pair: an Optax transformation, and a function that returns PyTorch's "
        "optimizer of parameters, such as (optax.adam(1e-3), lambda params: "
        "torch.optim.Adam(params, 1e-3))"
    )
    if not isinstance(optimizer, tuple | list) or len(optimizer) != 2:
        raise TypeError(f"{wanted}; got {type(optimizer).__name__}")
    ours, theirs = optimizer
    if not hasattr(ours, "init") or not hasattr(ours, "update"):
        raise TypeError(f"{wanted}; got {type(ours).__name__} for JAX")
    if not callable(theirs):
        raise TypeError(f"{wanted}; got {type(theirs).__name__} for PyTorch")


def _loss_function(d2l: ModuleType, loss: Any) -> Callable[..., Any]:
    """Return the loss of predictions and targets for a backend, one number a minibatch."""
    if isinstance(loss, tuple | list) and len(loss) == 2:
        loss = loss[d2l.__name__ == "d2l_torch"]
    elif backend_of(loss) is not None:
        raise TypeError(
            f"the loss {type(loss).__name__} is of one framework only; pass a pair of functions, "
            "JAX's loss first and then PyTorch's"
        )
    if callable(loss) and not isinstance(loss, type):
        return loss
    if loss == "squared_loss":
        return of_one_output(loss, lambda y_hat, y: d2l.reduce_mean(d2l.squared_loss(y_hat, y)))
    if loss in ("softmax_cross_entropy", "cross_entropy"):
        return of_one_output(loss, getattr(d2l, loss))
    wrong = f"the class {loss.__name__}" if isinstance(loss, type) else repr(loss)
    raise (ValueError if isinstance(loss, str) else TypeError)(
        "loss must be 'softmax_cross_entropy', 'cross_entropy', 'squared_loss', a function of "
        f"y_hat and y, or one for each backend, got {wrong}"
    )


def of_one_output(name: str, loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loss that raises a `TypeError` unless the output of the model is one array."""

    def checked(y_hat: Any, y: Any) -> Any:
        if not hasattr(y_hat, "shape"):
            raise TypeError(
                f"loss must be a function of y_hat and y where a model returns a "
                f"{type(y_hat).__name__}, got {name!r}"
            )
        return loss(y_hat, y)

    return checked


def _one_number(value: Any) -> Any:
    """Return the loss of a minibatch; raise a `TypeError` unless it is one number."""
    shape = getattr(value, "shape", None)
    if shape != ():
        found = repr(value) if shape is None else f"a tensor of shape {tuple(shape)}"
        raise TypeError(
            "loss must return one number for a minibatch, a tensor of shape () such as the mean "
            f"over its examples, got {found}"
        )
    return value
