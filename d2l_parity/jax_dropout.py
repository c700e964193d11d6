"""Dropout whose masks are the same in both frameworks, so that runs can be compared."""

from typing import Any

from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_jax.models.dropout_mlp import DropoutMLPScratch
from d2l_jax.nn.dropout import dropout_layer


class SharedMasks(nnx.Module):
    """
    Draws masks from a counter by integer arithmetic, which is equal to the bit everywhere.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.count = nnx.Variable(jnp.zeros((), jnp.uint32))

    def __call__(self, X: Array, dropout: float) -> Array:
        """Return `X` with each entry dropped with probability `dropout`."""
        x = jnp.arange(X.size, dtype=jnp.uint32)
        x += jnp.uint32(0x9E3779B9) * self.count[...] + jnp.uint32(0x85EBCA6B * self.seed % 2**32)
        self.count[...] += 1
        # The finalizer "lowbias32": each input bit flips each output bit about half of the time.
        x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
        x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
        x = x ^ (x >> 16)
        # The upper 24 bits: float32 holds each of them exactly.
        mask = (x >> 8) >= round(dropout * 2**24)
        return dropout_layer(X, dropout, mask=mask.reshape(X.shape))


class SharedDropout(nnx.Module):
    """
    A layer of dropout with shared masks.

    Parameters
    ----------
    rate : float
        The probability that an entry is dropped.
    seed : int
    """

    def __init__(self, rate: float, seed: int):
        self.rate = rate
        self.masks = SharedMasks(seed)
        self.deterministic = False

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch to evaluation mode, or back to training mode."""
        if deterministic is not None:
            self.deterministic = deterministic

    def __call__(self, X: Array) -> Array:
        """Return `X`, in training mode with entries dropped."""
        return X if self.deterministic else self.masks(X, self.rate)


def share_dropout(model: Any, seed: int = 0) -> Any:
    """
    Give `model` dropout masks that are the same in both frameworks, and return it.

    Parameters
    ----------
    model : DropoutMLPScratch, or any nnx.Module with layers of `nnx.Dropout`
        Changed in place.
    seed : int
    """
    if isinstance(model, DropoutMLPScratch):
        setattr(model, "drop", SharedMasks(seed))  # noqa: B010 - in the method's place
    layers: list[Any] = [
        (parent, name, child)
        for _, parent in sorted(nnx.iter_modules(model), key=lambda item: str(item[0]))
        for name, child in sorted(nnx.iter_children(parent), key=lambda item: str(item[0]))
        if isinstance(child, nnx.Dropout)
    ]
    for i, (parent, name, child) in enumerate(layers):
        shared = SharedDropout(child.rate, seed + i)
        if isinstance(name, int):
            parent[name] = shared
        else:
            setattr(parent, name, shared)
    return model
