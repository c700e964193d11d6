"""The framework-free half of a DataModule, and the numbers of the synthetic regression data."""

from typing import Any

import numpy as np

from d2l_common.checks import check_count, check_nonnegative, check_not_empty
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
    ValueError
        If there are none, or if they differ in their first axis.
    """
    lengths = [len(tensor) for tensor in tensors]
    if len(set(lengths)) != 1:
        raise ValueError(f"tensors must have the same number of examples, not {lengths}")
    check_not_empty("the data set", lengths[0])
    return lengths[0]


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
