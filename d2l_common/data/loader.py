"""Loaders of minibatches: what a Trainer iterates over, once an epoch."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from d2l_common.arrays import describe, to_numpy
from d2l_common.checks.fits import check_minibatch
from d2l_common.data.plan import BatchPlan
from d2l_common.data.streaming import chunk_size, fetched_ahead

# A reader's loader without a length is counted; of so many minibatches it may have no end.
MANY_MINIBATCHES = 10_000
MOST_MINIBATCHES = 1_000_000


class TensorLoader:
    """
    Loader of minibatches of arrays, in the order of a batch plan.

    Each pass is a new epoch of the plan. The data module counts the epochs, so that a new loader
    continues the count. A backend's subclass defines how rows are taken.

    Parameters
    ----------
    arrays : tuple of arrays
        Each of shape `(num_examples, ...)`, as they are kept (images as uint8).
    plan : BatchPlan
    next_epoch : callable
        Returns the number of the epoch that begins.
    transform : callable
        Turns the tensors of a minibatch into what the model gets.

    Attributes
    ----------
    batch_examples : int
        The size of the minibatch that was yielded last.
    """

    def __init__(
        self,
        arrays: tuple[Any, ...],
        plan: BatchPlan,
        next_epoch: Callable[[], int],
        transform: Callable[..., tuple[Any, ...]] | None = None,
    ):
        self.arrays = arrays
        self.plan = plan
        self.transform = transform
        self.batch_examples = 0
        self._next_epoch = next_epoch
        self._resident: Any = None

    def __len__(self) -> int:
        """Return the number of minibatches."""
        return len(self.plan)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the minibatches of the next epoch."""
        return self.minibatches(self.arrays, self.next_order())

    def minibatches(
        self, arrays: tuple[Any, ...], order: Any, gather: Callable[..., Any] | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the minibatches of `arrays` whose rows follow each other in `order`."""
        for indices in self.plan.split(order):
            self.batch_examples = len(indices)
            yield (gather or self.gather)(arrays, indices)

    def next_order(self) -> np.ndarray:
        """Begin an epoch and return its order of examples: int32, `(num_examples,)`."""
        # A pass in the order of the data is not one of the epochs that the shuffling counts.
        return self.plan.order(self._next_epoch() if self.plan.shuffle else 0)

    def first(self) -> tuple[Any, ...]:
        """Return the first example as a minibatch of one; begins no epoch."""
        arrays = tuple(self.select(array, slice(1)) for array in self.arrays)
        return self.gather(arrays, np.zeros(1, np.int32))

    def one_of_each_label(self) -> tuple[Any, ...]:
        """Return a minibatch with one example of each value of the targets; begins no epoch."""
        labels = to_numpy(self.arrays[-1])
        _, positions = np.unique(labels, return_index=True)
        rows = np.unique(positions // labels[0].size)
        arrays = tuple(self.select(array, rows) for array in self.arrays)
        return self.gather(arrays, np.arange(len(rows), dtype=np.int32))

    @staticmethod
    def as_tensor(x: Any) -> Any:
        """Return an array of any kind as a tensor; float64 of NumPy as the default float type."""
        raise NotImplementedError

    @staticmethod
    def keep(array: Any) -> Any:
        """Return an array of any kind as the loader keeps it."""
        raise NotImplementedError

    @staticmethod
    def select(array: Any, rows: Any) -> Any:
        """Return some rows of an array that the loader keeps, as it keeps them."""
        return array[rows]

    def gather(self, arrays: tuple[Any, ...], indices: Any) -> tuple[Any, ...]:
        """Return the minibatch of the rows `indices` of `arrays`, ready for a model."""
        batch = self.take(arrays, indices)
        return batch if self.transform is None else self.transform(*batch)

    def take(self, arrays: tuple[Any, ...], indices: Any) -> tuple[Any, ...]:
        """Return the rows `indices` of `arrays` as tensors."""
        raise NotImplementedError

    # -- data on the device: all of it, or a chunk at a time --------------------------------------

    def bytes_on_host(self) -> int:
        """Return the size in bytes of the arrays that are not on a device yet."""
        raise NotImplementedError

    def fetch(self, indices: np.ndarray) -> tuple[Any, ...]:
        """Return the rows `indices`, without leaving the host; safe in another thread."""
        raise NotImplementedError

    def tensors(self, arrays: tuple[Any, ...], copy: bool) -> tuple[Any, ...]:
        """Return arrays as tensors, which share no memory with them if `copy` is true."""
        raise NotImplementedError

    def resident(self, move: Callable[[Any], Any]) -> Any:
        """Return `move(tensors)` of all the data, kept for the epochs that follow."""
        if self._resident is None:
            self._resident = move(self.tensors(self.arrays, copy=True))
        return self._resident

    def release(self) -> None:
        """Drop the tensors that `resident` has kept."""
        self._resident = None

    def streamed(self, move: Callable[[Any], Any], room: int) -> Iterator[tuple[Any, np.ndarray]]:
        """
        Yield the next epoch in chunks: `move(tensors)` of some minibatches, and the rows' order.

        Parameters
        ----------
        move : callable
            Puts tensors on the device.
        room : int
            Number of bytes that two chunks may take there.
        """
        order = self.next_order()
        size = chunk_size(self.bytes_on_host() / len(order), self.plan.batch_size, room)
        for rows in fetched_ahead(self.fetch, order, size):
            yield move(self.tensors(rows, copy=False)), np.arange(len(rows[0]), dtype=np.int32)


class ReaderLoader:
    """
    Adapter of a reader's loader (generator, list of minibatches, `DataLoader`) for many epochs.

    `make()`, which returned `loader`, is called again in each epoch if that is a generator. A
    loader without a length is counted in a separate pass, since the Trainer needs its length.
    `receive(batch)` returns a minibatch as the Trainer gets it, or raises an error.

    Raises
    ------
    ValueError
        While it is counted or iterated over: if it has no end, yields more minibatches than its
        length, or yields none in a later pass.
    """

    def __init__(self, make: Callable[[], Any], loader: Any, receive: Callable[[Any], Any]):
        self._make = make
        self._receive = receive
        self._loader = loader
        # An iterator can be used once; anything else starts again by itself.
        self._used_up = False
        self._once = iter(loader) is loader
        self.batch_examples = 0
        try:
            self._length: int | None = len(loader)
        except TypeError:  # a generator, or a DataLoader over one
            self._length = None

    def __len__(self) -> int:
        """Return the number of minibatches."""
        if self._length is None:
            self._length = count(self._fresh())
        return self._length

    def __iter__(self) -> Iterator[Any]:
        """Yield the minibatches of the next epoch."""
        number = 0
        for batch in self._fresh():
            number += 1
            if self._length is not None and number > self._length:
                raise ValueError(
                    f"a loader must have an end, got more minibatches than its length, "
                    f"{self._length}; end it there, or mend its __len__"
                )
            check_minibatch(batch)
            self.batch_examples = len(batch[-1])
            yield self._receive(batch)
        if not number and self._length:
            raise ValueError(
                "the loader yielded no minibatches in a later pass: "
                "return a new iterator each time, not the same one"
            )

    def first(self) -> Any:
        """Return the first minibatch, as the reader's loader yields it."""
        batch = next(iter(self._fresh()), None)
        check_minibatch(batch)
        return batch

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy or a file keeps; an iterator is made again from it."""
        state = dict(vars(self))
        return state | {"_loader": None, "_used_up": True} if self._once else state

    def __getattr__(self, name: str) -> Any:
        """Look up anything else on the reader's loader."""
        if name.startswith("_"):  # not yet set, while being copied
            raise AttributeError(name)
        return getattr(self._loader, name)

    def _fresh(self) -> Any:
        if self._once and self._used_up:
            self._loader = self._make()
        self._used_up = True
        return self._loader


def count(minibatches: Any) -> int:
    """
    Return the number of minibatches of a loader without a length.

    Raises
    ------
    ValueError
        If there are more than `MOST_MINIBATCHES`.
    """
    number = 0
    for number, _ in enumerate(minibatches, 1):
        if number == MANY_MINIBATCHES:
            warnings.warn(
                f"the loader has no length, so its minibatches are counted, {number} so far; "
                "if it has no end, end it",
                stacklevel=2,
            )
        if number > MOST_MINIBATCHES:
            raise ValueError(
                f"a loader without a length must have an end, got {number} minibatches; "
                "end it, or give it a __len__"
            )
    return number


class TensorFlowDataLoader:
    """Loader of NumPy minibatches from a reader's batched `tf.data.Dataset` (section 3.3)."""

    def __init__(self, dataset: Any):
        self.dataset = dataset

    def __len__(self) -> int:
        """Return the number of minibatches."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over the minibatches."""
        return self.dataset.as_numpy_iterator()


def as_loader(
    loader: Any, receive: Callable[[Any], Any], make: Callable[[], Any] | None = None
) -> TensorLoader | ReaderLoader | None:
    """Return a loader, or None; a reader's in an adapter that calls `make()` for a new one."""
    if loader is None or isinstance(loader, TensorLoader | ReaderLoader):
        return loader
    if not (hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")):
        raise TypeError(f"get_dataloader must return minibatches or None, got {describe(loader)}")
    return ReaderLoader(make or (lambda: loader), loader, receive)
