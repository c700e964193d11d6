"""The framework-free half of a DataModule."""

from typing import Any

import numpy as np

from d2l_common.arrays import describe, to_numpy
from d2l_common.checks.arguments import check_not_empty
from d2l_common.data.loader import TensorLoader
from d2l_common.data.plan import BatchPlan
from d2l_common.hyperparameters import HyperParameters


class DataModuleBase(HyperParameters):
    """
    The base class of data (section 3.2.3).

    A subclass sets `self.batch_size` and defines `get_dataloader(train)`; it may set `self.seed`,
    which together with the number of the pass determines the order of the training examples.

    Parameters
    ----------
    root : str
        The folder of data files.
    num_workers : int
        Kept for the book's own loaders; those of the library need no workers.
    """

    seed = 0
    batch_size: int
    loader_class: type[TensorLoader]  # a backend's
    machinery: tuple[str, ...] = ("as_tensor", "loader_class")
    _epoch = 0

    def __init__(self, root: str = "../data", num_workers: int = 4):
        self.save_hyperparameters()

    def get_dataloader(self, train: bool) -> Any:
        """Return an iterable over minibatches of the training data, or of the validation data."""
        raise NotImplementedError(
            f"{type(self).__name__} has no loaders: define get_dataloader(train)"
        )

    def train_dataloader(self) -> Any:
        """Return the loader of the training data."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """Return the loader of the validation data; None where there is none."""
        return self.get_dataloader(train=False)

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
            Whether to shuffle, in a new order each epoch.
        indices : slice, integers or mask of shape `(num_examples,)`
            The examples to use.
        transform : callable, optional
            Turns the tensors of a minibatch into what the model gets; a pure function.

        Raises
        ------
        TypeError
            If `tensors` is not a tuple of arrays, or `indices` are not integers, mask or slice.
        IndexError
            If an index is out of range.
        ValueError
            If there are no examples, or the arrays differ in their number.
        AttributeError
            If the data module has no `batch_size`.
        """
        if not hasattr(self, "batch_size"):
            raise AttributeError(
                f"{type(self).__name__} has no batch_size: assign self.batch_size in __init__"
            )
        rows = positions(indices, check_tensors(tensors))
        arrays = tuple(map(self.loader_class.keep, tensors))
        if not (isinstance(rows, slice) and rows == slice(0, None)):
            select, keep = self.loader_class.select, self.loader_class.keep
            arrays = tuple(keep(select(array, rows)) for array in arrays)
        plan = BatchPlan(check_tensors(arrays), self.batch_size, shuffle=train, seed=self.seed)
        return self.loader_class(arrays, plan, self._next_epoch, transform)

    def as_tensor(self, x: Any) -> Any:
        """Return an array of any kind as a tensor; float64 of NumPy as the default float type."""
        return self.loader_class.as_tensor(x)

    def _next_epoch(self) -> int:
        # Counted here, not in a loader, so that a loader made for each epoch still reshuffles.
        self._epoch += 1
        return self._epoch - 1


def check_tensors(tensors: Any) -> int:
    """
    Return the number of examples in `tensors`, arrays of shape `(num_examples, ...)`.

    Raises
    ------
    TypeError
        If `tensors` is not a tuple or list of arrays.
    ValueError
        If there are no examples, or the arrays differ in their first axis.
    """
    shapes = [getattr(x, "shape", ()) for x in tensors] if isinstance(tensors, tuple | list) else []
    if () in shapes or not shapes:
        raise TypeError(
            "tensors must be a tuple of arrays, each of shape (num_examples, ...), "
            f"got {describe(tensors)}"
        )
    lengths = [len(tensor) for tensor in tensors]
    if len(set(lengths)) != 1:
        raise ValueError(f"tensors must have the same number of examples, got {lengths}")
    check_not_empty("the data set", lengths[0])
    return lengths[0]


def positions(indices: Any, num_examples: int) -> slice | np.ndarray:
    """
    Return the positions that `indices` selects: a slice, or int64 of shape `(n,)`.

    Parameters
    ----------
    indices : slice, integers, or mask of shape `(num_examples,)`
        Negative integers count from the end.

    Raises
    ------
    TypeError, ValueError
        If `indices` is neither a slice nor integers nor a mask of one axis.
    IndexError
        If an integer is out of range; JAX itself would take a different example.
    """
    if isinstance(indices, slice):
        backwards = indices.step is not None and indices.step < 0  # PyTorch takes no negative step
        return np.arange(num_examples)[indices].copy() if backwards else indices
    rows = to_numpy(indices)
    if rows.shape == (0,):
        return np.zeros(0, np.int64)
    if rows.dtype.kind not in "biu":
        raise TypeError(f"indices must be integers, a mask or a slice, got {describe(rows)}")
    if rows.ndim != 1 or (rows.dtype == bool and len(rows) != num_examples):
        raise ValueError(
            f"indices must have shape (n,), a mask ({num_examples},), got {tuple(rows.shape)}"
        )
    if rows.dtype == bool:
        return np.flatnonzero(rows)
    rows = rows.astype(np.int64)  # num_examples may be out of the range of int8
    out_of_range = rows[(rows < -num_examples) | (rows >= num_examples)]
    if len(out_of_range):
        raise IndexError(f"index {out_of_range[0]} is out of range for {num_examples} examples")
    return np.where(rows < 0, rows + num_examples, rows)
