"""Data modules: where minibatches come from (sections 3.2.3 and 3.3)."""

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_common.checks import check_count, check_nonnegative
from d2l_common.data import DataModuleBase, check_tensors, positions, synthetic_regression
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
        indices : slice, integers or a mask
            Which of the examples to use.
        transform : callable
            Turns the arrays of a minibatch into what the model gets; a pure function.

        Raises
        ------
        TypeError, IndexError
            If `tensors` is no tuple of arrays, or `indices` are none of theirs.
        ValueError
            If there are no examples, or not the same number in each array.
        """
        num_examples = check_tensors(tensors)
        # What NumPy holds, such as a memory-mapped file, stays on the host until it is used.
        tensors = tuple(
            x if isinstance(x, jax.Array | np.ndarray) else to_numpy(x) for x in tensors
        )
        if not (isinstance(indices, slice) and indices == slice(0, None)):
            rows = positions(indices, num_examples)
            tensors = tuple(tensor[rows] for tensor in tensors)
        plan = BatchPlan(check_tensors(tensors), self.batch_size, shuffle=train, seed=self.seed)
        return Loader(tensors, plan, self._next_epoch, transform)


class Loader(TensorLoader):
    """Minibatches of arrays of JAX, or of NumPy's arrays, which stay on the host until used."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._compiled = None if self.transform is None else Program(self.transform)

    def minibatches(
        self, arrays: tuple[Any, ...], order: np.ndarray
    ) -> Iterator[tuple[Array, ...]]:
        """Yield the minibatches in `order`; for a loop in Python, so the transform is compiled."""
        for indices in self.plan.split(order):
            self.batch_examples = len(indices)
            batch = self.take(arrays, indices)
            yield batch if self._compiled is None else self._compiled(*batch)

    def take(self, arrays: tuple[Any, ...], indices: Any) -> tuple[Array, ...]:
        """Return the rows `indices` of `arrays` as arrays of JAX."""
        return tuple(
            jax.device_put(array.take(indices, axis=0))
            if isinstance(array, np.ndarray)
            # The plan's indices are in bounds: "clip" spares the pass that would look for others.
            else jnp.take(array, indices, axis=0, mode="clip")
            for array in arrays
        )

    def bytes_on_host(self) -> int:
        """Return the size in bytes of what is not on a device yet."""
        return sum(array.nbytes for array in self.arrays if isinstance(array, np.ndarray))

    def fetch(self, indices: np.ndarray) -> tuple[Any, ...]:
        """Return the rows `indices`, without leaving the host; safe in another thread."""
        return tuple(
            take_aligned(x, indices) if isinstance(x, np.ndarray) else jnp.take(x, indices, axis=0)
            for x in self.arrays
        )

    def tensors(self, arrays: tuple[Any, ...], copy: bool) -> tuple[Array, ...]:
        """Return arrays as arrays of JAX; unless a `copy` is wanted, perhaps with their memory."""
        return tuple(jnp.asarray(x) if copy else jax.device_put(x) for x in arrays)


def take_aligned(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return the rows `indices` of `array`, placed so that on a CPU JAX need not copy them."""
    # It takes over what begins at a multiple of 64 bytes.
    shape = (len(indices), *array.shape[1:])
    num_bytes = math.prod(shape) * array.itemsize
    memory = np.empty(num_bytes + 63, np.uint8)
    start = -memory.ctypes.data % 64
    rows = memory[start : start + num_bytes].view(array.dtype).reshape(shape)
    # The plan's indices are in bounds; any other mode would take a detour for the sake of `out`.
    return np.take(array, indices, axis=0, out=rows, mode="clip")


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
            X, y = synthetic_regression(to_numpy(w), float(to_numpy(b).item()), noise, n, seed)
            self.X = jnp.asarray(X, dtype=float)
            self.y = jnp.asarray(y, dtype=float)
        else:
            key_X, key_noise = jax.random.split(key)
            w = jnp.asarray(w).reshape(-1, 1)
            self.X = randn(n, len(w), key=key_X)
            self.y = self.X @ w + b + normal(0, noise, (n, 1), key=key_noise)
