"""Data modules: where minibatches come from (sections 3.2.3 and 3.3)."""

from typing import Any

import numpy as np

from d2l_common.checks.data import check_tensors, positions
from d2l_common.data.loader import TensorLoader
from d2l_common.data.module import DataModuleBase
from d2l_common.data.plan import BatchPlan
from d2l_torch.data.loader import Loader, as_default_float


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
