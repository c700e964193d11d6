"""Replace dropout in a Flax NNX model: the masks become those of the PyTorch model."""

from typing import Any

from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_jax import DropoutMLPScratch, dropout_layer
from d2l_parity.dropout_masks import is_kept


class SharedDropout(nnx.Module):
    """Dropout layer whose masks depend only on rate, seed and the number of the call."""

    def __init__(self, rate: float, seed: int):
        self.rate, self.seed = rate, seed
        self.count = nnx.Variable(jnp.zeros(1, jnp.uint32))
        self.deterministic = False

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch to evaluation mode, or back to training mode."""
        if deterministic is not None:
            self.deterministic = deterministic

    def __call__(self, X: Array, rate: float | None = None) -> Array:
        """Return `X`, in training mode with entries dropped, at `self.rate` unless one is given."""
        if self.deterministic:
            return X
        rate = self.rate if rate is None else rate
        index = jnp.arange(X.size, dtype=jnp.uint32)
        mask = is_kept(index, self.count[...], self.seed, rate)
        self.count[...] += 1
        return dropout_layer(X, rate, mask=mask.reshape(X.shape))


def share_dropout(model: Any) -> Any:
    """Replace each dropout layer of `model` by a `SharedDropout`, and return the model."""
    if isinstance(model, DropoutMLPScratch):
        setattr(model, "drop", SharedDropout(0, seed=0))  # noqa: B010 - replaces the method
    layers: list[Any] = [
        (parent, name, child)
        for _, parent in sorted(nnx.iter_modules(model), key=lambda item: str(item[0]))
        for name, child in sorted(nnx.iter_children(parent), key=lambda item: str(item[0]))
        if isinstance(child, nnx.Dropout)
    ]
    for seed, (parent, name, child) in enumerate(layers):
        shared = SharedDropout(child.rate, seed)
        if isinstance(name, int):
            parent[name] = shared
        else:
            setattr(parent, name, shared)
    return model
