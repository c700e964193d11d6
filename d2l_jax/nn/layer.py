"""The base class of the library's layers."""

from typing import Any

from flax import nnx
from jax import Array

from d2l_common.hyperparameters import InitSignature


class Layer(nnx.Module):
    """Base class of layers, which define `forward` as in PyTorch."""

    __signature__ = InitSignature()

    def forward(self, X: Array) -> Array:
        """Return the outputs for inputs `X`."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(X)")

    def __call__(self, X: Array, *args: Any, **kwargs: Any) -> Array:
        """Return `forward(X)`."""
        return self.forward(X, *args, **kwargs)
