"""Data modules: where minibatches come from (sections 3.2.3 and 3.3)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from d2l_common.checks import check_count, check_nonnegative
from d2l_common.data import DataModuleBase, check_tensors, synthetic_regression
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
        indices : slice or indices
            Which of the examples to use.
        transform : callable
            Turns the tensors of a minibatch into what the model gets.

        Raises
        ------
        ValueError
            If there are no examples, or not the same number in each tensor.
        """
        check_tensors(tensors)
        rows = indices if isinstance(indices, slice) else torch.as_tensor(np.asarray(indices))
        tensors = tuple(as_default_float(tensor)[rows] for tensor in tensors)
        plan = BatchPlan(check_tensors(tensors), self.batch_size, shuffle=train, seed=self.seed)
        keeps_targets = transform is None or getattr(transform, "keeps_targets", False)
        return TensorLoader(
            tensors, plan, self._next_epoch, gather_with(transform), keeps_targets=keeps_targets
        )


def as_default_float(x: Any) -> Tensor:
    """Return `x` as a tensor; NumPy's float64, its habit and not a choice, as the default float."""
    if isinstance(x, Tensor):
        return x
    x = np.asarray(x)
    return torch.as_tensor(x, dtype=torch.get_default_dtype() if x.dtype == np.float64 else None)


def gather_with(transform: Callable[..., tuple[Tensor, ...]] | None) -> Callable[..., Any]:
    """Return the function that takes a minibatch out of tensors and transforms it."""

    def gather(tensors: tuple[Tensor, ...], indices: np.ndarray) -> tuple[Tensor, ...]:
        rows = torch.from_numpy(indices).to(tensors[0].device)
        batch = tuple(tensor.index_select(0, rows) for tensor in tensors)
        return batch if transform is None else transform(*batch)

    return gather


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
            X, y = synthetic_regression(torch.as_tensor(w).numpy(), float(b), noise, n, seed)
            self.X = torch.tensor(X, dtype=torch.get_default_dtype())
            self.y = torch.tensor(y, dtype=torch.get_default_dtype())
        else:
            w = torch.as_tensor(w).reshape(-1, 1)
            self.X = randn(n, len(w), generator=generator)
            self.y = self.X @ w + b + normal(0, noise, (n, 1), generator=generator)
