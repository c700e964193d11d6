"""What a reader gives a Trainer: arguments of `fit`, results of steps. Worded once, for both."""

from typing import Any


def check_fit_arguments(trainer: Any, model: Any, data: Any) -> None:
    """
    Raise unless `fit` was given a model and then a data module.

    Raises
    ------
    RuntimeError
        If the trainer is in the middle of a fit.
    TypeError
        If one of them is something else, such as a class, or is of the other package.
    AttributeError
        If the model's `__init__` has not called that of its base class.
    """
    if trainer.recorder is not None:
        raise RuntimeError("this Trainer is in the middle of a fit: make another one")
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


def named_metrics(result: Any) -> dict[str, Any]:
    """
    Name what a `validation_step` returned: a loss, `(loss, accuracy)`, or None.

    Raises
    ------
    TypeError
        If it returned anything else, or a loss for each example.
    """
    if result is None:
        return {}
    values = result if isinstance(result, tuple | list) else (result,)
    if len(values) > 2:
        raise TypeError(
            f"validation_step must return a loss or (loss, accuracy), not {len(values)} values"
        )
    for value in values:
        shape = getattr(value, "shape", None)
        if shape == ():
            continue
        if shape is not None:
            raise TypeError(
                f"validation_step must return one number for a minibatch, not shape {tuple(shape)}"
            )
        if not isinstance(value, int | float):
            raise TypeError(
                "validation_step must return a loss or (loss, accuracy), "
                f"not a {type(value).__name__}"
            )
    return dict(zip(("val_loss", "val_acc"), values, strict=False))


def check_training_loss(loss: Any) -> None:
    """Raise a `TypeError` unless a `training_step` returned one number that can be a loss."""
    shape = getattr(loss, "shape", None)
    if shape is None:
        raise TypeError(f"training_step must return the loss, not {loss!r}")
    if shape != ():
        raise TypeError(
            f"training_step must return one number, not a loss of shape {tuple(shape)}; "
            "average it over the minibatch"
        )


def nothing_learned() -> ValueError:
    """Return the error for a loss that no parameter has a part in."""
    return ValueError(
        "the loss that training_step returned does not depend on the model's parameters, "
        "so that nothing would be learned"
    )
