"""Checks of the arguments of `fit`, of minibatches, models, and what steps return."""

from typing import Any

from d2l_common.arrays import dtype_name, to_numpy
from d2l_common.checks.arguments import check_nonnegative, check_not_empty
from d2l_common.checks.classification import check_integer, check_label_range
from d2l_common.checks.tensors import check_floating


def check_fit_arguments(trainer: Any, model: Any, data: Any) -> None:
    """
    Raise unless `fit` was given a model and then a data module.

    Raises
    ------
    RuntimeError
        If the trainer is running a fit.
    TypeError
        If `model` or `data` is a class, lacks its methods, or is of the other package.
    AttributeError
        If the model's `__init__` has not called `super().__init__()`.
    """
    if trainer.recorder is not None and trainer.recorder.is_open:
        raise RuntimeError("this Trainer is already running fit(); create a new Trainer")
    own = packages(trainer) & {"d2l_jax", "d2l_torch"}
    others = {"d2l_jax", "d2l_torch"} - own
    for what, x, method in (
        ("model", model, "training_step"),
        ("data module", data, "train_dataloader"),
    ):
        if isinstance(x, type):
            raise TypeError(f"fit takes a {what}, not the class {x.__name__}: call it first")
        if not hasattr(x, method):
            raise TypeError(
                f"fit takes a model and then a data module; the {what} must have a {method}, "
                f"which {type(x).__name__} does not have"
            )
        if packages(x) & others and not packages(x) & own:
            raise TypeError(f"the {what} is of the other package, {' and '.join(others)}")
    if not hasattr(model, "board"):
        raise AttributeError(
            f"{type(model).__name__} has no board: its __init__ must begin with super().__init__()"
        )


def packages(x: Any) -> set[str]:
    """Return the packages that the classes of `x` are from."""
    return {kind.__module__.partition(".")[0] for kind in type(x).__mro__} - {"builtins"}


def check_minibatch(batch: Any) -> None:
    """Raise unless `batch` is a tuple of inputs and targets with at least one example."""
    if not isinstance(batch, tuple | list) or not batch:
        raise TypeError(
            f"a minibatch must be a tuple of inputs and targets, got {type(batch).__name__}"
        )
    check_not_empty("a minibatch", len(batch[-1]))


def check_images(X: Any) -> None:
    """Raise a TypeError if `X` has more than two axes and holds integers, as raw images do."""
    if dtype_name(X.dtype).startswith(("int", "uint")) and X.ndim > 2:
        check_floating("X", False, X.dtype)


def check_class_labels(labels: Any, num_classes: int) -> None:
    """Raise unless `labels` are integers from 0 to `num_classes - 1`."""
    is_integer = dtype_name(labels.dtype).startswith(("int", "uint"))
    check_integer("y", is_integer, labels.dtype)
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
        raise TypeError(f"training_step must return the loss, got {loss!r}")
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


def missing_net(model: Any) -> AttributeError:
    """Return the error for a model without a network."""
    return AttributeError(
        f"{type(model).__name__} has no network: assign self.net in __init__ or define forward"
    )


def missing_trainer() -> RuntimeError:
    """Return the error for plotting without a trainer."""
    return RuntimeError("plot() needs a Trainer: it records within Trainer.fit")


def nothing_to_train(model: Any) -> ValueError:
    """Return the error for a model without parameters."""
    return ValueError(
        f"{type(model).__name__} has no parameters to train: assign tensors with requires_grad, "
        "or nnx.Params, or layers that have them"
    )


def nothing_learned() -> ValueError:
    """Return the error for a loss that depends on no parameter."""
    return ValueError(
        "the loss that training_step returned does not depend on the model's parameters, "
        "so nothing would be learned"
    )
