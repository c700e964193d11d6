"""Loader of minibatches of tensors."""

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.data.loader import TensorLoader
from d2l_jax.training.compiled import Program


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
