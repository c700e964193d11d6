"""Loader of minibatches of PyTorch's tensors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from d2l_common.data.loader import TensorLoader
from ..conversion import as_tensor


class Loader(TensorLoader):
    """Loader of minibatches of tensors, or of NumPy's memory-mapped files."""

    @staticmethod
    def as_tensor(x: Any) -> Tensor:
        """Return an array of any kind as a tensor; float64 of NumPy as the default float type."""
        return as_tensor(x, "the data")

    @staticmethod
    def keep(array: Any) -> Any:
        """Return a memory-mapped file as it is, any other array as a tensor."""
        return array if isinstance(array, np.memmap) else Loader.as_tensor(array)

    def take(self, arrays: tuple[Any, ...], indices: Any) -> tuple[Tensor, ...]:
        """Return the rows `indices` of `arrays` as tensors."""
        rows = indices if isinstance(indices, Tensor) else torch.from_numpy(indices)
        return tuple(
            [
                x.index_select(0, rows.to(x.device) if x.is_cuda else rows)
                if isinstance(x, Tensor)
                else self.as_tensor(x.take(indices, axis=0))
                for x in arrays
            ]
        )

    def bytes_on_host(self) -> int:
        """Return the size in bytes of the arrays that are not on a device yet."""
        return sum(array.nbytes for array in self.arrays if not getattr(array, "is_cuda", False))

    def fetch(self, indices: np.ndarray) -> tuple[Any, ...]:
        """Return the rows `indices`, without leaving the host; safe in another thread."""
        # By NumPy, since PyTorch's threads would compete with those that compute.
        rows = self.take(tuple(map(as_numpy_keeps_it, self.arrays)), indices)
        return tuple(x.pin_memory() for x in rows) if torch.cuda.is_available() else rows

    def tensors(self, arrays: tuple[Any, ...], copy: bool) -> tuple[Tensor, ...]:
        """Return arrays as tensors; `copy` concerns memory-mapped files alone."""
        return tuple(
            self.as_tensor(np.array(x) if copy and isinstance(x, np.memmap) else x) for x in arrays
        )


def as_numpy_keeps_it(array: Any) -> Any:
    """Return a tensor as NumPy's array without a copy, or as it is where that is impossible."""
    try:
        return array.detach().numpy() if isinstance(array, Tensor) else array
    except TypeError:  # on a GPU, or numbers such as bfloat16
        return array
