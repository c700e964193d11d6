"""Data modules: where minibatches come from (sections 3.2.3 and 3.3)."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.checks import check_count, check_nonnegative
from d2l_common.data import DataModuleBase, check_tensors, synthetic_regression
from d2l_common.loader import TensorLoader
from d2l_common.plan import BatchPlan
from d2l_jax.compiled import Program
from d2l_jax.tensors import normal, randn


class DataModule(DataModuleBase):
    """
    The base class of data (section 3.2.3).

    A subclass sets `self.batch_size` and defines `get_dataloader(train)`.

    Parameters
    ----------
    root : str
        The folder of data files.
    num_workers : int
        Kept for the book's own loaders; ours need no workers.
    """

    def get_tensorloader(
        self, tensors: Any, train: bool, indices: Any = slice(0, None), transform: Any = None
    ) -> TensorLoader:
        """
        Return a loader of minibatches of `tensors` (section 3.3.3).

        Parameters
        ----------
        tensors : tuple of arrays
            Each of shape `(num_examples, ...)`; the last one holds the targets.
        train : bool
            Whether to shuffle, anew each epoch.
        indices : slice or indices
            Which of the examples to use.
        transform : callable
            Turns the arrays of a minibatch into what the model gets; a pure function.

        Raises
        ------
        ValueError
            If there are no examples, or not the same number in each array.
        """
        check_tensors(tensors)
        tensors = tuple(jnp.asarray(tensor) for tensor in tensors)
        if not (isinstance(indices, slice) and indices == slice(0, None)):
            rows = indices if isinstance(indices, slice) else np.asarray(indices)
            tensors = tuple(tensor[rows] for tensor in tensors)
        plan = BatchPlan(check_tensors(tensors), self.batch_size, shuffle=train, seed=self.seed)
        gather = gather_with(transform)
        keeps_targets = transform is None or getattr(transform, "keeps_targets", False)
        return TensorLoader(
            tensors,
            plan,
            self._next_epoch,
            gather,
            compiled=Program(gather),
            keeps_targets=keeps_targets,
        )


def gather_with(transform: Callable[..., tuple[Array, ...]] | None) -> Callable[..., Any]:
    """Return the function that takes a minibatch out of arrays and transforms it."""

    def gather(arrays: tuple[Array, ...], indices: np.ndarray | Array) -> tuple[Array, ...]:
        # The plan's indices are in bounds: "clip" spares the pass that would look for others.
        batch = tuple(jnp.take(array, indices, axis=0, mode="clip") for array in arrays)
        return batch if transform is None else transform(*batch)

    return gather


class RegressionData(DataModule):
    """Data of one table `X`, `y`, whose first `num_train` rows are to train on."""

    X: Array
    y: Array

    def get_dataloader(self, train: bool) -> TensorLoader:
        """Return the loader of the first `num_train` examples, or of the rest."""
        i = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader((self.X, self.y), train, i)


class SyntheticRegressionData(RegressionData):
    """
    Data of a linear model with noise, `y = X w + b + noise` (section 3.3.1).

    Parameters
    ----------
    w : array of shape `(num_inputs,)`
    b : float or array of one element
    noise : float
        The standard deviation of the noise.
    num_train, num_val : int
        How many examples to train on and to validate on.
    batch_size : int
    seed : int
        Of the numbers and of the order of the examples; both backends draw the same.
    key : JAX random key
        Draws the numbers instead, with JAX.

    Attributes
    ----------
    X : array of shape `(num_train + num_val, num_inputs)`
    y : array of shape `(num_train + num_val, 1)`
    """

    def __init__(
        self, w, b, noise=0.01, num_train=1000, num_val=1000, batch_size=32, seed=0, key=None
    ):
        super().__init__()
        check_count("num_train", num_train, minimum=0)
        check_count("num_val", num_val, minimum=0)
        check_nonnegative("noise", noise)
        self.save_hyperparameters(ignore=["key"])
        n = num_train + num_val
        if key is None:
            X, y = synthetic_regression(np.asarray(w), float(b), noise, n, seed)
            self.X = jnp.asarray(X, dtype=float)
            self.y = jnp.asarray(y, dtype=float)
        else:
            key_X, key_noise = jax.random.split(key)
            w = jnp.asarray(w).reshape(-1, 1)
            self.X = randn(n, len(w), key=key_X)
            self.y = self.X @ w + b + normal(0, noise, (n, 1), key=key_noise)
