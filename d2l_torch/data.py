"""Data modules: where minibatches come from (sections 3.2.3 and 3.3)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from d2l_common.arrays import to_numpy
from d2l_common.checks import check_count, check_nonnegative
from d2l_common.data import DataModuleBase, check_tensors, positions, synthetic_regression
from d2l_common.loader import TensorLoader
from d2l_common.plan import BatchPlan
from d2l_torch.tensors import normal, randn


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
        tensors : tuple of tensors or arrays
            Each of shape `(num_examples, ...)`; the last one holds the targets.
        train : bool
            Whether to shuffle, anew each epoch.
        indices : slice, integers or a mask
            Which of the examples to use.
        transform : callable
            Turns the tensors of a minibatch into what the model gets.

        Raises
        ------
        TypeError, IndexError
            If `tensors` is no tuple of arrays, or `indices` are none of theirs.
        ValueError
            If there are no examples, or not the same number in each tensor.
        """
        num_examples = check_tensors(tensors)
        rows = positions(indices, num_examples)
        # What NumPy maps into memory from a file stays there until it is used.
        tensors = tuple(x if isinstance(x, np.memmap) else as_default_float(x) for x in tensors)
        tensors = tuple(tensor[rows] for tensor in tensors)
        plan = BatchPlan(check_tensors(tensors), self.batch_size, shuffle=train, seed=self.seed)
        return Loader(tensors, plan, self._next_epoch, transform)


class Loader(TensorLoader):
    """Minibatches of tensors, or of NumPy's memory-mapped files."""

    def take(self, arrays: tuple[Any, ...], indices: np.ndarray) -> tuple[Tensor, ...]:
        """Return the rows `indices` of `arrays` as tensors."""
        rows = torch.from_numpy(indices)
        return tuple(
            [
                x.index_select(0, rows.to(x.device) if x.is_cuda else rows)
                if isinstance(x, Tensor)
                else as_default_float(x.take(indices, axis=0))
                for x in arrays
            ]
        )

    def bytes_on_host(self) -> int:
        """Return the size in bytes of what is not on a device yet."""
        return sum(array.nbytes for array in self.arrays if not getattr(array, "is_cuda", False))

    def fetch(self, indices: np.ndarray) -> tuple[Any, ...]:
        """Return the rows `indices`, without leaving the host; safe in another thread."""
        # By NumPy, since PyTorch's threads would get into the way of those that compute.
        rows = self.take(tuple(map(as_numpy_keeps_it, self.arrays)), indices)
        return tuple(x.pin_memory() for x in rows) if torch.cuda.is_available() else rows

    def tensors(self, arrays: tuple[Any, ...], copy: bool) -> tuple[Tensor, ...]:
        """Return arrays as tensors; a `copy` only of what is not PyTorch's."""
        # A file that is mapped to be read only would be no tensor that PyTorch likes: a copy.
        return tuple(
            as_default_float(np.array(x) if copy and isinstance(x, np.memmap) else x)
            for x in arrays
        )


def as_numpy_keeps_it(array: Any) -> Any:
    """Return a tensor as NumPy's array, without a copy; as it is where NumPy cannot have it."""
    try:
        return array.detach().numpy() if isinstance(array, Tensor) else array
    except TypeError:  # on a GPU, or numbers such as bfloat16
        return array


def as_default_float(x: Any) -> Tensor:
    """Return `x` as a tensor; NumPy's float64, its habit and not a choice, as the default float."""
    if isinstance(x, Tensor):
        return x
    x = np.asarray(x)
    if x.dtype in (np.uint16, np.uint32, np.uint64):  # in which PyTorch can hardly compute
        x = x.astype(np.int64)
    return torch.as_tensor(x, dtype=torch.get_default_dtype() if x.dtype == np.float64 else None)


class RegressionData(DataModule):
    """Data of one table `X`, `y`, whose first `num_train` rows are to train on."""

    X: Tensor
    y: Tensor

    def get_dataloader(self, train: bool) -> TensorLoader:
        """Return the loader of the first `num_train` examples, or of the rest."""
        i = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader((self.X, self.y), train, i)


class SyntheticRegressionData(RegressionData):
    """
    Data of a linear model with noise, `y = X w + b + noise` (section 3.3.1).

    Parameters
    ----------
    w : tensor of shape `(num_inputs,)`
    b : float or tensor of one element
    noise : float
        The standard deviation of the noise.
    num_train, num_val : int
        How many examples to train on and to validate on.
    batch_size : int
    seed : int
        Of the numbers and of the order of the examples; both backends draw the same.
    generator : torch.Generator
        Draws the numbers instead, with PyTorch.

    Attributes
    ----------
    X : tensor of shape `(num_train + num_val, num_inputs)`
    y : tensor of shape `(num_train + num_val, 1)`
    """

    def __init__(
        self, w, b, noise=0.01, num_train=1000, num_val=1000, batch_size=32, seed=0, generator=None
    ):
        super().__init__()
        check_count("num_train", num_train, minimum=0)
        check_count("num_val", num_val, minimum=0)
        check_nonnegative("noise", noise)
        self.save_hyperparameters(ignore=["generator"])
        n = num_train + num_val
        if generator is None:
            X, y = synthetic_regression(to_numpy(w), float(to_numpy(b).item()), noise, n, seed)
            self.X = torch.tensor(X, dtype=torch.get_default_dtype())
            self.y = torch.tensor(y, dtype=torch.get_default_dtype())
        else:
            w = torch.as_tensor(w).reshape(-1, 1)
            self.X = randn(n, len(w), generator=generator)
            self.y = self.X @ w + b + normal(0, noise, (n, 1), generator=generator)
