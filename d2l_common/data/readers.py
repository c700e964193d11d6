"""Loaders of the reader: generators, lists of minibatches, loaders of other libraries."""

from collections.abc import Callable, Iterator
from typing import Any

from d2l_common.checks.data import check_minibatch
from d2l_common.data.loader import TensorLoader


class ReaderLoader:
    """
    Adapter of a reader's loader (generator, list of minibatches, `DataLoader`) for epochs.

    A generator is made again for each epoch. One without a length is counted by a separate pass,
    since a Trainer needs the length of an epoch.

    Parameters
    ----------
    make : callable
        Returns the loader: a data module's `train_dataloader` or `val_dataloader`.
    loader : iterable
        What `make` returned first.
    receive : callable
        Takes each minibatch and returns it as the Trainer gets it; may raise.
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
            self._length = sum(1 for _ in self._fresh())
        return self._length

    def __iter__(self) -> Iterator[Any]:
        """Yield the minibatches of the next epoch."""
        is_empty = True
        for batch in self._fresh():
            is_empty = False
            check_minibatch(batch)
            self.batch_examples = len(batch[-1])
            yield self._receive(batch)
        if is_empty and self._length:
            raise ValueError(
                "the loader yielded no minibatches in a later pass: "
                "return a new iterator each time, not the same one"
            )

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


class TensorFlowDataLoader:
    """
    A `tf.data.Dataset` as a loader of NumPy minibatches, as the book's JAX edition reads them.

    Parameters
    ----------
    dataset : tf.data.Dataset
        Batched. TensorFlow is the reader's: nothing here imports it.
    """

    def __init__(self, dataset: Any):
        self.dataset = dataset

    def __len__(self) -> int:
        """Return the number of minibatches."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over the minibatches."""
        return self.dataset.as_numpy_iterator()


def as_loader(
    make: Callable[[], Any], receive: Callable[[Any], Any]
) -> TensorLoader | ReaderLoader | None:
    """Return the loader that `make()` makes, fit for epochs; None and one that is fit stay."""
    loader = make()
    if loader is None or isinstance(loader, TensorLoader | ReaderLoader):
        return loader
    return ReaderLoader(make, loader, receive)
