"""The framework-free half of a DataModule, and the numbers of the synthetic regression data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks import check_count, check_nonnegative, check_not_empty, dtype_name
from d2l_common.hyperparameters import HyperParameters


class DataModuleBase(HyperParameters):
    """
    What the data modules of both backends do alike (section 3.2.3 of the book).

    A subclass sets `self.batch_size` and defines `get_dataloader`; it may set `self.seed`, from
    which, with the number of the pass, the order of the training examples comes.
    """

    seed = 0
    batch_size: int
    _epoch = 0

    def __init__(self, root: str = "../data", num_workers: int = 4):
        self.save_hyperparameters()

    def get_dataloader(self, train: bool) -> Any:
        """Return an iterable over minibatches: of the training data, or of the validation data."""
        raise NotImplementedError

    def train_dataloader(self) -> Any:
        """Return the loader of the training data."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """Return the loader of the validation data; None where there is none."""
        return self.get_dataloader(train=False)

    def _next_epoch(self) -> int:
        # Kept here, not in a loader, so that loaders made anew each epoch still reshuffle.
        self._epoch += 1
        return self._epoch - 1


def check_tensors(tensors: Any) -> int:
    """
    Return the number of examples in `tensors`, arrays of shape `(num_examples, ...)`.

    Raises
    ------
    TypeError
        If `tensors` is no tuple or list of arrays, but one array, say.
    ValueError
        If there are none, or if they differ in their first axis.
    """
    shapes = [getattr(x, "shape", ()) for x in tensors] if isinstance(tensors, tuple | list) else []
    if () in shapes or not shapes:
        raise TypeError(
            "tensors must be a tuple of arrays, each of shape (num_examples, ...), "
            f"not {describe(tensors)}"
        )
    lengths = [len(tensor) for tensor in tensors]
    if len(set(lengths)) != 1:
        raise ValueError(f"tensors must have the same number of examples, not {lengths}")
    check_not_empty("the data set", lengths[0])
    return lengths[0]


def positions(indices: Any, num_examples: int) -> slice | np.ndarray:
    """
    Return which of `num_examples` examples are meant: a slice, or integers, int64 `(n,)`.

    Parameters
    ----------
    indices : slice, integers, or mask of shape `(num_examples,)`
        Negative integers count from the end.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    IndexError
        If an integer is out of range; JAX itself would take another example.
    """
    if isinstance(indices, slice):
        backwards = indices.step is not None and indices.step < 0  # which PyTorch does not take
        return np.arange(num_examples)[indices].copy() if backwards else indices
    rows = to_numpy(indices)
    if rows.shape == (0,):
        return np.zeros(0, np.int64)
    if rows.dtype.kind not in "biu":
        raise TypeError(f"indices must be integers, a mask or a slice, not {describe(rows)}")
    if rows.ndim != 1 or (rows.dtype == bool and len(rows) != num_examples):
        raise ValueError(
            f"indices must have shape (n,), a mask ({num_examples},), not {tuple(rows.shape)}"
        )
    if rows.dtype == bool:
        return np.flatnonzero(rows)
    out_of_range = rows[(rows < -num_examples) | (rows >= num_examples)]
    if len(out_of_range):
        raise IndexError(f"index {out_of_range[0]} is out of range for {num_examples} examples")
    return np.where(rows < 0, rows + num_examples, rows).astype(np.int64)


def describe(x: Any) -> str:
    """Return what `x` is, in a few words for an error."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or dtype is None:
        return type(x).__name__
    return f"{dtype_name(dtype)} of shape {tuple(shape)}"


def synthetic_regression(
    w: np.ndarray, b: float, noise: float, num_examples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw `y = X w + b + noise` with standard normal `X`, the same numbers for both backends.

    Parameters
    ----------
    w : array of shape `(num_inputs,)`
    b, noise : float
        `noise` is the standard deviation of the error.
    num_examples, seed : int

    Returns
    -------
    X : float64 array of shape `(num_examples, num_inputs)`
    y : float64 array of shape `(num_examples, 1)`
    """
    check_count("seed", seed, minimum=0)
    check_nonnegative("noise", noise)
    rng = np.random.default_rng(seed)
    w = np.asarray(w, np.float64).reshape(-1, 1)
    X = rng.standard_normal((num_examples, len(w)))
    y = X @ w + b + noise * rng.standard_normal((num_examples, 1))
    return X, y


def high_dimensional_regression(
    num_examples: int, num_inputs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw `y = 0.05 + sum(0.01 x) + noise` of standard deviation 0.01 (section 3.7.2).

    Parameters
    ----------
    num_examples, num_inputs, seed : int

    Returns
    -------
    X : float64 array of shape `(num_examples, num_inputs)`
    y : float64 array of shape `(num_examples, 1)`
    """
    check_count("num_inputs", num_inputs)
    w = np.full(num_inputs, 0.01)
    return synthetic_regression(w, b=0.05, noise=0.01, num_examples=num_examples, seed=seed)


def polynomial_regression(
    coefficients: Sequence[float], num_features: int, num_examples: int, noise: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw `y = sum(c_i x^i / i!) + noise`, with the rescaled powers of `x` as features (section 3.6).

    Parameters
    ----------
    coefficients : numbers
        `c_0, c_1, ...` of the true polynomial.
    num_features : int
        How many of the powers `1, x, x^2 / 2!, ...` to return.
    num_examples, seed : int
    noise : float
        The standard deviation of the error.

    Returns
    -------
    X : float64 array of shape `(num_examples, num_features)`
    y : float64 array of shape `(num_examples, 1)`
    """
    check_count("num_features", num_features)
    check_count("seed", seed, minimum=0)
    check_nonnegative("noise", noise)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((num_examples, 1))
    exponents = np.arange(max(num_features, len(coefficients)))
    # The factorials keep high powers, and so their gradients, from being huge.
    factorials = np.cumprod(np.maximum(exponents, 1), dtype=np.float64)
    powers = x**exponents / factorials
    y = powers[:, : len(coefficients)] @ np.reshape(coefficients, (-1, 1))
    return powers[:, :num_features], y + noise * rng.standard_normal((num_examples, 1))
