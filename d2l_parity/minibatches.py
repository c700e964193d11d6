"""Check the data of a comparison, and give each backend its data module."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.fits import check_images

WANTED = (
    "data must be a list of minibatches (X, y), or a function that returns a data module for "
    "d2l_jax or d2l_torch"
)


def check_data(data: Any) -> None:
    """Raise a `TypeError` or `ValueError` unless `data` can serve both backends."""
    if callable(data):
        _check_function(data)
        return
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise TypeError(f"{WANTED}, got {type(data).__name__}{_hint(data)}")
    if not len(data):
        raise ValueError("data has no minibatches")
    for i, batch in enumerate(data):
        _check_minibatch(f"data[{i}]", batch)


def _check_function(data: Callable[..., Any]) -> None:
    """Raise a `TypeError` unless `data` is a function of one argument."""
    if isinstance(data, type):
        raise TypeError(
            f"{WANTED}, got the class {data.__name__}; pass lambda d2l: d2l.{data.__name__}(...)"
        )
    try:
        inspect.signature(data).bind(None)
    except TypeError as error:
        raise TypeError(
            "data must be a function of one argument, the package, such as "
            "lambda d2l: d2l.Digits(batch_size=100)"
        ) from error


def _hint(data: Any) -> str:
    """Return the fix for data of a wrong kind, where there is an obvious one."""
    if hasattr(data, "train_dataloader"):
        return f"; pass one for each backend, lambda d2l: d2l.{type(data).__name__}(...)"
    if hasattr(data, "shape"):
        return "; if it is X, pass [(X, y)]"
    is_loader = isinstance(data, Iterable) and not isinstance(data, str | dict)
    return "; pass list(data)" if is_loader else ""


def _check_minibatch(name: str, batch: Any) -> None:
    """Raise a `TypeError` or `ValueError` unless `batch` is `(*inputs, targets)` of equal size."""
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        kind = type(batch).__name__
        if isinstance(batch, tuple | list):
            kind += f" of length {len(batch)}"
        elif hasattr(batch, "shape"):
            kind += f" of shape {tuple(batch.shape)}"
        raise TypeError(
            f"each minibatch of data must be (X, y), inputs and then targets, but {name} is {kind}"
        )
    try:
        arrays = [to_numpy(x) for x in batch]
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold arrays of numbers: {error}") from error
    for array in arrays:
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} must hold arrays of real numbers, got {array.dtype}")
    shapes = [array.shape for array in arrays]
    if () in shapes or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(
            f"the arrays of {name} must have one row for each example, equally many, got shapes "
            f"{' and '.join(map(str, shapes))}"
        )
    if shapes[0][0] == 0:
        raise ValueError(f"{name} has no examples")
    for array in arrays[:-1]:
        check_images(array)


def data_module(d2l: ModuleType, data: Any, dtype: str) -> Any:
    """
    Return the data module of a backend, whose package is `d2l`.

    It is the one that `data(d2l)` returns, or one of the list `data`, to train and to validate on,
    with floating-point numbers of type `dtype`.
    """
    if not callable(data):
        return _given_batches(d2l, data, dtype)
    module = data(d2l)
    if not hasattr(module, "train_dataloader"):
        raise TypeError(
            "data must return a data module of the package that is passed to it, such as "
            f"d2l.Digits(), got {type(module).__name__}"
        )
    packages = {kind.__module__.partition(".")[0] for kind in type(module).__mro__}
    other = packages & {"d2l_jax", "d2l_torch"} - {d2l.__name__}
    if other:
        raise TypeError(
            f"data was passed {d2l.__name__}, but returned a data module of {other.pop()}; use "
            "the argument, lambda d2l: d2l.Digits()"
        )
    return module


def _given_batches(d2l: ModuleType, batches: Sequence[Any], dtype: str) -> Any:
    def cast(x: Any) -> np.ndarray:
        x = to_numpy(x)
        return x.astype(dtype) if x.dtype.kind == "f" else x

    cast_batches = [tuple(map(cast, batch)) for batch in batches]

    class GivenBatches(d2l.DataModule):  # type: ignore[name-defined]
        def get_dataloader(self, train: bool) -> Any:
            return [tuple(d2l.tensor(x) for x in batch) for batch in cast_batches]

    return GivenBatches()
