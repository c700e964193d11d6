"""Loader of minibatches of JAX's arrays."""

from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.data.loader import TensorLoader
from ..conversion import aligned_empty, as_tensor, host_array, put_copy


class Loader(TensorLoader):
    """Loader of minibatches of JAX's arrays, or of NumPy's, which stay on the host until used."""

    _compiled: Any = None

    @staticmethod
    def as_tensor(x: Any) -> Array:
        """Return an array of any kind, also a PyTorch tensor, as an array of JAX."""
        return as_tensor(x, "the data")

    @staticmethod
    def keep(array: Any) -> Any:
        """Return JAX's array or a mapped file as it is, any other as NumPy's that JAX can hold."""
        is_kept = isinstance(array, jax.Array | np.memmap)  # a file is read when it is needed
        return array if is_kept else host_array(array, "the data")

    @staticmethod
    def select(array: Any, rows: Any) -> Any:
        """Return some rows of an array that the loader keeps, as it keeps them."""
        if not is_plain(array):
            return array[rows]
        return put_copy(np.asarray(array)[rows])  # JAX would compile a program for each shape

    def take(self, arrays: tuple[Any, ...], indices: Any) -> tuple[Array, ...]:
        """Return the rows `indices` of `arrays` as arrays of JAX."""
        return tuple(
            self.as_tensor(array.take(indices, axis=0))
            if isinstance(array, np.memmap)
            else jax.device_put(array.take(indices, axis=0))
            if isinstance(array, np.ndarray)
            # The plan's indices are in bounds: "clip" spares the pass that would check them.
            else jnp.take(array, indices, axis=0, mode="clip")
            for array in arrays
        )

    def gather(self, arrays: tuple[Any, ...], indices: Any) -> tuple[Any, ...]:
        """Return the minibatch of the rows `indices` of `arrays`, ready for a model."""
        batch = self.take(arrays, indices)
        if self.transform is None:
            return batch
        if self._compiled is None:
            # A function of its own for each loader: JAX traces what the reader has defined by now.
            self._compiled = jax.jit(lambda *batch, transform=self.transform: transform(*batch))
        return self._compiled(*batch)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy or a file keeps: all except the compiled transform."""
        return {name: value for name, value in vars(self).items() if name != "_compiled"}

    def bytes_on_host(self) -> int:
        """Return the size in bytes of the arrays that are not on a device yet."""
        return sum(array.nbytes for array in self.arrays if isinstance(array, np.ndarray))

    def fetch(self, indices: np.ndarray) -> tuple[Any, ...]:
        """Return the rows `indices`, without leaving the host; safe in another thread."""
        return tuple(
            take_aligned(x, indices) if isinstance(x, np.ndarray) else jnp.take(x, indices, axis=0)
            for x in self.arrays
        )

    def tensors(self, arrays: tuple[Any, ...], copy: bool) -> tuple[Array, ...]:
        """Return arrays as arrays of JAX, which may share memory with NumPy's unless `copy`."""
        return tuple(
            self.as_tensor(x) if copy and isinstance(x, np.ndarray) else jax.device_put(x)
            for x in arrays
        )


def is_plain(array: Any) -> bool:
    """Return whether NumPy's rows of an array of JAX become the same array of JAX."""
    if isinstance(array, jax.core.Tracer) or not isinstance(array, jax.Array):
        return False
    is_numpys = isinstance(array.dtype, np.dtype) and not array.weak_type  # random keys are not
    if not is_numpys or jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        return False
    # An array that was put on a device explicitly stays there.
    return not array.committed and all(device.platform == "cpu" for device in array.devices())


def take_aligned(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return the rows `indices` of `array`, placed so that on a CPU JAX need not copy them."""
    rows = aligned_empty((len(indices), *array.shape[1:]), array.dtype)
    # The plan's indices are in bounds; any other mode would buffer `out`.
    return np.take(array, indices, axis=0, out=rows, mode="clip")
