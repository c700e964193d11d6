"""Check the two models, and give a plain module a loss and an optimizer."""

from collections.abc import Callable
from types import ModuleType
from typing import Any


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
        if backend_of(model) != backend:
            raise TypeError(f"{backend}_model must be a {kind}, got {type(model).__name__}")


def as_model(d2l: ModuleType, module: Any, loss: Any, lr: float) -> Any:
    """
    Return a model that a Trainer of the package `d2l` can train.

    That is `module` itself if `loss` is None, else a model whose `net` it is, trained by SGD.
    """
    if loss is None and isinstance(module, d2l.Module):
        return module
    if loss is None:
        raise ValueError(
            f"loss must be given, since {type(module).__name__} is not a d2l.Module; pass "
            "loss='softmax_cross_entropy', loss='squared_loss' or a function"
        )
    function = _loss_function(d2l, loss)

    class WithLoss(d2l.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net, self.lr = module, lr

        def loss(self, y_hat: Any, y: Any) -> Any:
            return _one_number(function(y_hat, y))

    return WithLoss()


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
        return lambda y_hat, y: d2l.reduce_mean(d2l.squared_loss(y_hat, y))
    if loss in ("softmax_cross_entropy", "cross_entropy"):
        return getattr(d2l, loss)
    wrong = f"the class {loss.__name__}" if isinstance(loss, type) else repr(loss)
    raise (ValueError if isinstance(loss, str) else TypeError)(
        "loss must be 'softmax_cross_entropy', 'cross_entropy', 'squared_loss', a function of "
        f"y_hat and y, or one for each backend, got {wrong}"
    )


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
