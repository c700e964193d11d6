"""Loader of minibatches of JAX's arrays."""

import math
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.data.loader import TensorLoader
from ..conversion import as_tensor, host_array, put_copy


class Loader(TensorLoader):
    """Loader of minibatches of JAX's arrays, or of NumPy's, which stay on the host until used."""

    _compiled: Any = None

    @staticmethod
    def as_tensor(x: Any) -> Array:
        """Return an array of any kind, also a PyTorch tensor, as an array of JAX."""
        return as_tensor(x, "the data")

    @staticmethod
    def keep(array: Any) -> Any:
        """Return a mapped file or an accelerator's array as it is, any other as NumPy's."""
        if isinstance(array, np.memmap):  # it is read when it is needed
            return array
        if isinstance(array, jax.Array):
            # NumPy shares a CPU's memory, and takes rows of it without compiling for each shape.
            is_on_cpu = {device.platform for device in array.devices()} == {"cpu"}
            return np.asarray(array) if is_on_cpu else array
        return host_array(array, "the data")

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
        """Return arrays as arrays of JAX, which share no memory that may change if `copy`."""
        return tuple(put_copy(x) if copy and may_change(x) else jax.device_put(x) for x in arrays)


def may_change(array: Any) -> bool:
    """Return whether an array's numbers may change later: NumPy's, or those of a file."""
    is_numpy = isinstance(array, np.ndarray)
    return is_numpy and (array.flags.writeable or isinstance(array, np.memmap))


def take_aligned(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return the rows `indices` of `array`, placed so that on a CPU JAX need not copy them."""
    # JAX takes over memory that begins at a multiple of 64 bytes.
    shape = (len(indices), *array.shape[1:])
    num_bytes = math.prod(shape) * array.itemsize
    memory = np.empty(num_bytes + 63, np.uint8)
    start = -memory.ctypes.data % 64
    rows = memory[start : start + num_bytes].view(array.dtype).reshape(shape)
    # The plan's indices are in bounds; any other mode would buffer `out`.
    return np.take(array, indices, axis=0, out=rows, mode="clip")
