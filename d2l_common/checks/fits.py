"""Checks of the arguments of `fit`, of minibatches, models, and what steps return."""

import inspect
from os import PathLike
from typing import Any

from d2l_common.arrays import describe, dtype_name, to_numpy
from d2l_common.checks.arguments import (
    check_count,
    check_nonnegative,
    check_not_empty,
    check_probability,
)
from d2l_common.checks.classification import check_integer, check_label_range
from d2l_common.checks.tensors import check_floating

BACKENDS = {"d2l_jax", "d2l_torch"}


def check_trainer(trainer: Any) -> None:
    """
    Raise unless the arguments of a Trainer, also as they were assigned later, are valid.

    Raises
    ------
    TypeError, ValueError
        If `max_epochs` or `num_gpus` is not an integer, `gradient_clip_val` is not a number, one of
        these is negative, `num_devices` is neither None nor a positive integer, or is given beside
        `num_gpus`, `compile` is not True, False or None, `schedule` cannot be called, `ema_decay`
        is not in [0, 1], `on_nonfinite` is not "warn", "raise" or "ignore", `checkpoint` is neither
        a path nor None, `every` or `keep` is not a positive integer, or `progress` is not True,
        False or None.
    """
    check_count("max_epochs", trainer.max_epochs, minimum=0)
    check_count("num_gpus", trainer.num_gpus, minimum=0)
    check_nonnegative("gradient_clip_val", trainer.gradient_clip_val)
    if trainer.num_devices is not None:
        check_num_devices(trainer.num_devices, trainer.num_gpus)
    for name in ("compile", "progress"):
        if not isinstance(getattr(trainer, name), bool | None):
            raise TypeError(f"{name} must be True, False or None, got {getattr(trainer, name)!r}")
    if not (trainer.schedule is None or callable(trainer.schedule)):
        raise TypeError(
            "schedule must be a function (epoch, max_epochs, base_lr) that returns the learning "
            f"rate, got {trainer.schedule!r}"
        )
    if trainer.ema_decay is not None:
        check_probability("ema_decay", trainer.ema_decay)
    if trainer.on_nonfinite not in ("warn", "raise", "ignore"):
        raise ValueError(
            f"on_nonfinite must be 'warn', 'raise' or 'ignore', got {trainer.on_nonfinite!r}"
        )
    check_count("every", trainer.every)
    check_count("keep", trainer.keep)
    if not isinstance(trainer.checkpoint, str | PathLike | None):
        raise TypeError(
            f"checkpoint must be the path of a folder, or None, got {trainer.checkpoint!r}"
        )


def check_num_devices(num_devices: Any, num_gpus: int) -> None:
    """Raise unless `num_devices` is a positive integer, without a `num_gpus` beside it."""
    check_count("num_devices", num_devices)
    if num_gpus:
        raise ValueError(
            f"num_devices must be None beside num_gpus, got {num_devices} and {num_gpus}; "
            "give one of them"
        )


def check_fit_arguments(trainer: Any, model: Any, data: Any, resume: Any = False) -> None:
    """
    Raise unless `fit` was given a model and then a data module.

    Raises
    ------
    TypeError, ValueError
        If `model` or `data` is a class, lacks its methods, or is from the other package; or if an
        argument of the trainer is not valid, or `resume` is true without a folder of checkpoints.
    AttributeError
        If the model's `__init__` has not called `super().__init__()`.
    """
    check_trainer(trainer)
    if not isinstance(resume, bool):
        raise TypeError(f"resume must be True or False, got {resume!r}")
    if resume and trainer.checkpoint is None:
        raise ValueError(
            "resume=True must have a folder of checkpoints; create the Trainer with checkpoint="
        )
    [own] = BACKENDS & packages(trainer)
    [other] = BACKENDS - {own}
    for what, x, method in (
        ("model", model, "training_step"),
        ("data module", data, "train_dataloader"),
    ):
        if isinstance(x, type):
            raise TypeError(f"the {what} must be an object, got the class {x.__name__}; call it")
        if not hasattr(x, method):
            raise TypeError(
                f"fit takes a model and then a data module; the {what} must have a {method}, "
                f"which {type(x).__name__} does not have"
            )
        if other in packages(x) and own not in packages(x):
            raise TypeError(f"the {what} must be from {own}, got one from {other}")
    if not hasattr(model, "board"):
        raise AttributeError(
            f"{type(model).__name__} has no board: begin its __init__ with super().__init__()"
        )
    check_hyperparameters(model)


# What the library's models check in their __init__ and read again when a fit begins.
HYPERPARAMETERS = {
    "wd": check_nonnegative,
    "lambd": check_nonnegative,
    "dropout": check_probability,
    "dropout_1": check_probability,
    "dropout_2": check_probability,
}


def check_hyperparameters(model: Any) -> None:
    """Raise unless the hyperparameters of a library's model, as assigned later, are valid."""
    library: list[Any] = [
        kind for kind in type(model).__mro__ if kind.__module__.startswith("d2l_")
    ]
    for name, check in HYPERPARAMETERS.items():
        if any(name in inspect.signature(kind.__init__).parameters for kind in library):
            if hasattr(model, name):
                check(name, getattr(model, name))


def packages(x: Any) -> set[str]:
    """Return the packages that the classes of `x` are from."""
    return {kind.__module__.partition(".")[0] for kind in type(x).__mro__} - {"builtins"}


def check_minibatch(batch: Any) -> None:
    """Raise unless `batch` is a tuple of arrays, the last with at least one example."""
    parts = batch if isinstance(batch, tuple | list) else ()
    if not parts or not getattr(parts[-1], "shape", hasattr(parts[-1], "__len__")):
        raise TypeError(
            "a minibatch must be a tuple of inputs and targets, each of shape (n, ...), "
            f"got {', '.join(map(describe, parts)) or describe(batch)}"
        )
    check_not_empty("a minibatch", len(batch[-1]))


def check_images(X: Any) -> None:
    """Raise a TypeError if `X` has more than two axes and holds integers, as raw images do."""
    if "int" in dtype_name(X.dtype) and X.ndim > 2:
        check_floating("X", False, X.dtype)


def check_class_labels(labels: Any, num_classes: int) -> None:
    """Raise unless `labels` are integers from 0 to `num_classes - 1`."""
    check_integer("y", "int" in dtype_name(labels.dtype), labels.dtype)
    values = to_numpy(labels)
    check_label_range(int(values.min()), int(values.max()), num_classes)


def named_metrics(result: Any) -> dict[str, Any]:
    """
    Return the results of a `validation_step` by name: `loss`, and `acc` if there is one.

    Raises
    ------
    TypeError
        If `result` is not a loss, `(loss, accuracy)` or None, or has a value for each example.
    """
    if result is None:
        return {}
    values = result if isinstance(result, tuple | list) else (result,)
    if len(values) > 2:
        raise TypeError(
            f"validation_step must return a loss or (loss, accuracy), got {len(values)} values"
        )
    for value in values:
        shape = getattr(value, "shape", None)
        if shape == ():
            continue
        if shape is not None:
            raise TypeError(
                f"validation_step must return one number for a minibatch, got shape {tuple(shape)}"
            )
        if not isinstance(value, int | float):
            raise TypeError(
                "validation_step must return a loss or (loss, accuracy), "
                f"got {type(value).__name__}"
            )
    return dict(zip(("loss", "acc"), values, strict=False))


def check_training_loss(loss: Any) -> None:
    """Raise a TypeError unless the `loss` of a `training_step` is a tensor of one number."""
    shape = getattr(loss, "shape", None)
    if shape is None:
        raise TypeError(f"training_step must return the loss, got {describe(loss)}")
    if shape != ():
        raise TypeError(
            f"training_step must return one number, got a loss of shape {tuple(shape)}; "
            "average it over the minibatch"
        )


def learning_rate(model: Any) -> float:
    """
    Return the `lr` of a model.

    Raises
    ------
    AttributeError
        If the model has no `lr`.
    TypeError, ValueError
        If `lr` is not a finite number, or is negative.
    """
    if not hasattr(model, "lr"):
        raise AttributeError(
            f"{type(model).__name__} has no lr: assign self.lr in __init__ (save_hyperparameters "
            "does so for an argument lr) or define configure_optimizers"
        )
    return check_nonnegative("lr", model.lr)


def nothing_learned() -> ValueError:
    """Return the error for a loss that depends on no parameter."""
    return ValueError(
        "the loss that training_step returned does not depend on the model's parameters, "
        "so nothing would be learned"
    )
