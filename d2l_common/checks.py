"""
The errors that both backends raise, worded once.

Every check takes plain numbers, shapes or dtype names, so that the same sentence comes out
whichever framework asked.
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """
    Return `value` as an `int`, if it is a whole number of at least `minimum`.

    Raises
    ------
    TypeError
        If it is no whole number (`True` counts as none).
    ValueError
        If it is below `minimum`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {value}")
    return int(value)


def check_nonnegative(name: str, value: Any) -> float:
    """
    Return `value`, if it is a finite number that is not negative.

    Raises
    ------
    TypeError
        If it is no real number.
    ValueError
        If it is negative, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not (math.isfinite(value) and float(value) >= 0):
        raise ValueError(f"{name} must be a finite number that is not negative, not {value}")
    return value  # type: ignore[return-value]  # a Real, as it came


def check_floating(name: str, is_floating: bool, dtype: Any) -> None:
    """Raise a `TypeError` unless `name`, of type `dtype`, holds floating-point numbers."""
    if not is_floating:
        raise TypeError(
            f"{name} must hold floating-point numbers, not {dtype_name(dtype)}; "
            "convert integers first (images: divide by 255)"
        )


def check_images(X: Any) -> None:
    """Raise a `TypeError` if `X` holds images (or bytes) as integers."""
    name = dtype_name(X.dtype)
    if name == "uint8" or (name.startswith(("int", "uint")) and X.ndim > 2):
        check_floating("X", False, X.dtype)


def check_integer(name: str, is_integer: bool, dtype: Any) -> None:
    """Raise a `TypeError` unless `name`, of type `dtype`, holds integers."""
    if not is_integer:
        raise TypeError(f"{name} must hold integer class labels, not {dtype_name(dtype)}")


def check_same_shape(
    one: Sequence[int], other: Sequence[int], names: tuple[str, str] = ("y_hat", "y")
) -> None:
    """Raise a `ValueError` unless two tensors, such as predictions and targets, have one shape."""
    if tuple(one) != tuple(other):
        raise ValueError(
            f"{names[0]} has shape {tuple(one)} but {names[1]} has shape {tuple(other)}; "
            "reshape one of them, so that nothing broadcasts"
        )


def check_class_scores(name: str, shape: Sequence[int], y: Sequence[int]) -> None:
    """Raise a `ValueError` unless scores `(n, num_classes)` and labels `(n,)` go together."""
    if len(shape) != 2:
        raise ValueError(f"{name} must have shape (n, num_classes), not {tuple(shape)}")
    if len(y) != 1 or y[0] != shape[0]:
        raise ValueError(
            f"y must have shape ({shape[0]},), one label for each row of {name}, not {tuple(y)}"
        )


def check_label_range(lowest: int, highest: int, num_classes: int) -> None:
    """Raise a `ValueError` if a label lies outside `0 .. num_classes - 1`."""
    if lowest < 0 or highest >= num_classes:
        bad = lowest if lowest < 0 else highest
        raise ValueError(f"label {bad} is outside the {num_classes} classes 0 to {num_classes - 1}")


def check_num_features(expected: int, shape: Sequence[int]) -> None:
    """Raise a `ValueError` unless the examples of a batch of `shape` have `expected` features."""
    if len(shape) == 2 and shape[1] == expected:
        return  # the usual case, in PyTorch asked at every step
    features = math.prod(shape[1:])
    if features != expected:
        raise ValueError(
            f"the model takes {expected} inputs an example, but X of shape {tuple(shape)} "
            f"has {features}"
        )


def check_bias(w: Sequence[int], b: Sequence[int]) -> None:
    """Raise a `ValueError` unless a bias has one entry for each output of weights `w`, or one."""
    if tuple(b) not in ((), (1,), (w[-1],)):
        raise ValueError(f"b must have shape ({w[-1]},), one entry for each output, not {tuple(b)}")


def check_minibatch(batch: Any) -> None:
    """Raise unless `batch` is a tuple of inputs and targets, of one example at least."""
    if not isinstance(batch, tuple | list) or not batch:
        raise TypeError(
            f"a minibatch must be a tuple of inputs and targets, not {type(batch).__name__}"
        )
    check_not_empty("a minibatch", len(batch[-1]))


def check_not_empty(what: str, num_examples: int) -> None:
    """Raise a `ValueError` if there is no example."""
    if num_examples == 0:
        raise ValueError(f"{what} has no examples")


def dtype_name(dtype: Any) -> str:
    """Return the bare name of a dtype of any framework, such as `uint8`."""
    return str(dtype).removeprefix("torch.")


def check_scalar_output(shape: Sequence[int]) -> None:
    """Raise a `TypeError` unless a function to differentiate returned one number."""
    if tuple(shape) != ():
        raise TypeError(
            "only a function that returns one number has a gradient; "
            f"this one returned shape {tuple(shape)}"
        )


def check_differentiable(is_floating: bool, leaf: Any) -> None:
    """Raise a `TypeError` unless one can differentiate by `leaf`."""
    if not is_floating:
        raise TypeError(
            "can only differentiate by floating-point numbers, "
            f"not {dtype_name(getattr(leaf, 'dtype', type(leaf).__name__))}"
        )


def missing_net(model: Any) -> AttributeError:
    """Return the error for a model without a network."""
    return AttributeError(
        f"{type(model).__name__} has no network: assign self.net in __init__ or define forward"
    )


def learning_rate(model: Any) -> float:
    """
    Return the `lr` of a model.

    Raises
    ------
    AttributeError
        If it has none.
    TypeError, ValueError
        If it is no finite number that is not negative.
    """
    if not hasattr(model, "lr"):
        raise AttributeError(
            f"{type(model).__name__} has no lr: assign self.lr in __init__ (save_hyperparameters "
            "does so for an argument lr) or define configure_optimizers"
        )
    return check_nonnegative("lr", model.lr)


def missing_trainer() -> RuntimeError:
    """Return the error for plotting without a trainer."""
    return RuntimeError("plot() needs a Trainer: it records within Trainer.fit")


def check_probability(name: str, value: Any) -> float:
    """
    Return `value`, if it is a number from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If it is no number, or another one.
    """
    check_nonnegative(name, value)
    if value > 1:
        raise ValueError(f"{name} must be from 0 to 1, not {value}")
    return value


def check_positive(name: str, value: Any) -> float:
    """
    Return `value`, if it is a finite number above 0.

    Raises
    ------
    TypeError, ValueError
        If it is no number, or another one.
    """
    check_nonnegative(name, value)
    if value == 0:
        raise ValueError(f"{name} must be above 0")
    return value


def nothing_to_train(model: Any) -> ValueError:
    """Return the error for a model without parameters."""
    return ValueError(
        f"{type(model).__name__} has no parameters to train: assign tensors with requires_grad, "
        "or nnx.Params, or layers that have them"
    )
