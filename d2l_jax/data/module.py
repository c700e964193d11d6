"""Data modules: where minibatches come from (sections 3.2.3 and 3.3)."""

from typing import Any

import jax
import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.data import check_tensors, positions
from d2l_common.data.loader import TensorLoader
from d2l_common.data.module import DataModuleBase
from d2l_common.data.plan import BatchPlan
from d2l_jax.data.loader import Loader


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
