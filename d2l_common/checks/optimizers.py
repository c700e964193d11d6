"""Checks of optimizers, of the averages that they keep and of their checkpoints."""

from collections.abc import Collection
from typing import Any


def not_an_optimizer(kind: str, found: Any) -> TypeError:
    """Return the error for a `configure_optimizers` that does not return a `kind`, in words."""
    return TypeError(f"configure_optimizers must return {kind}, got {type(found).__name__}")


def check_averages(kind: str, is_kind: bool, optimizer: Any, fix: str) -> None:
    """Raise a `TypeError` unless an optimizer is of a kind that can average the parameters."""
    if not is_kind:
        package, name = type(optimizer).__module__.partition(".")[0], type(optimizer).__name__
        raise TypeError(
            f"the optimizer must be {kind} if ema_decay is given, got {package}.{name}; "
            f"return {fix}"
        )


def check_arrays_kept(kept: Collection[str], wanted: Collection[str], kind: str) -> None:
    """Raise a `ValueError` unless an optimizer keeps what the checkpoint has of each parameter."""
    if set(kept) != set(wanted):
        raise ValueError(
            f"the optimizer must keep {sorted(kept)} of each parameter, as in the checkpoint, got "
            f"{kind} with {sorted(wanted)}; choose the same optimizer"
        )


def no_rate_to_set() -> TypeError:
    """Return the error for an optimizer whose learning rate a schedule cannot set."""
    return TypeError(
        "the optimizer must hold a learning rate that a schedule can set, got none; return an "
        "optimizer of torch.optim, or optax.inject_hyperparams(optax.sgd)(lr) with a number lr"
    )


def no_average() -> RuntimeError:
    """Return the error for an optimizer that does not average the parameters."""
    return RuntimeError(
        "the optimizer must keep an average of the weights, got none; "
        "train with Trainer(..., ema_decay=0.99)"
    )


def check_same_weights(averages: Any, weights: Any) -> None:
    """Raise a ValueError unless two dicts of tensors have the same names and shapes."""
    expected, found = ({name: tuple(x.shape) for name, x in d.items()} for d in (averages, weights))
    if expected != found:
        names = sorted(n for n in expected | found if expected.get(n) != found.get(n))
        raise ValueError(
            "the model must have the weights that are averaged, got other names or shapes of "
            f"{', '.join(names)}"
        )
