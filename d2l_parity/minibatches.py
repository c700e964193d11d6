"""Check the data of a comparison, and give each backend its data module."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy

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
        leaves, _ = flatten(tuple(batch))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold arrays of numbers: {error}") from error
    for array in leaves:
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} must hold arrays of real numbers, got {array.dtype}")
    first, targets = (flatten(part)[0] for part in (batch[0], batch[-1]))
    if not first or not targets:
        raise TypeError(f"{name} must hold arrays of inputs and of targets")
    shapes = [first[0].shape, targets[-1].shape]
    if all(hasattr(part, "shape") for part in batch):
        shapes = [array.shape for array in leaves]
    if () in shapes[:1] + shapes[-1:]:
        raise ValueError(
            f"the arrays of {name} must have one row for each example, got shapes "
            f"{' and '.join(map(str, shapes))}"
        )
    if 0 in (shapes[0][0], shapes[-1][0]):
        raise ValueError(f"{name} has no examples")
    X, y = leaves[0], leaves[-1]
    if len(leaves) == 2 and X.ndim == 2 and X.dtype.kind == "f" and y.ndim <= 2:
        if len(X) != len(y):
            raise ValueError(
                f"the arrays of {name} must have one row for each example, equally many, got "
                f"shapes {X.shape} and {y.shape}"
            )


def flatten(tree: Any) -> tuple[list[np.ndarray], Any]:
    """
    Return the arrays in nested tuples, lists and dicts, and the structure without them.

    In the structure the number of an array takes its place; anything that is None stays None.
    """
    leaves: list[np.ndarray] = []

    def visit(x: Any) -> Any:
        if isinstance(x, Mapping):
            return {name: visit(value) for name, value in x.items()}
        if isinstance(x, tuple | list) and not _is_numbers(x):
            return tuple(map(visit, x))
        if x is None:
            return None
        leaves.append(to_numpy(x))
        return len(leaves) - 1

    return leaves, visit(tree)


def _is_numbers(x: Any) -> bool:
    """Return whether plain numbers, in a list also in further lists, are one array."""
    if isinstance(x, list) and x and all(isinstance(item, list) for item in x):
        return all(map(_is_numbers, x))
    return bool(x) and all(isinstance(item, bool | int | float) for item in x)


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """Return a structure that `flatten` returned, with `leaves` in the place of their numbers."""
    if isinstance(structure, Mapping):
        return {name: unflatten(value, leaves) for name, value in structure.items()}
    if isinstance(structure, tuple):
        return tuple(unflatten(value, leaves) for value in structure)
    return structure if structure is None else leaves[structure]


def structure_of(data: Any) -> Any:
    """
    Return the structure of the minibatches of `data`; None if they are plain tuples of arrays.

    Raises
    ------
    ValueError
        If the minibatches of a list differ in it.
    """
    if callable(data):
        return None
    structures = [flatten(tuple(batch))[1] for batch in data]
    for i, each in enumerate(structures):
        if each != structures[0]:
            raise ValueError(
                f"all minibatches of data must have the same structure, got {structures[0]} in "
                f"data[0] and {each} in data[{i}]"
            )
    plain = structures[0] == tuple(range(len(structures[0])))
    return None if plain else structures[0]


def data_module(d2l: ModuleType, data: Any, dtype: str) -> Any:
    """
    Return the data module of a backend, whose package is `d2l`.

    It is the one that `data(d2l)` returns, or one of the list `data`, to train and to validate on,
    with floating-point numbers of type `dtype`.
    """
    if not callable(data):
        return _given_batches(d2l, data, dtype)
    module = data(d2l)
    _check_module(module, d2l)
    return module


def check_modules(data: Any, packages: Iterable[ModuleType]) -> None:
    """Raise a `TypeError` if a function `data` returns for one of the packages what it must not."""
    for d2l in packages if callable(data) else ():
        _check_module(data(d2l), d2l)


def _check_module(module: Any, d2l: ModuleType) -> None:
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


def _given_batches(d2l: ModuleType, batches: Sequence[Any], dtype: str) -> Any:
    def cast(x: Any) -> np.ndarray:
        x = to_numpy(x)
        if x.dtype.kind == "f":
            return x.astype(dtype)
        # PyTorch's embedding takes no small integers.
        return x.astype(np.int32) if x.dtype.kind in "iu" and x.dtype.itemsize < 4 else x

    cast_batches = [tuple(map(cast, flatten(tuple(batch))[0])) for batch in batches]

    class GivenBatches(d2l.DataModule):  # type: ignore[name-defined]
        def get_dataloader(self, train: bool) -> Any:
            return [tuple(d2l.tensor(x) for x in batch) for batch in cast_batches]

    return GivenBatches()
