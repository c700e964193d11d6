"""Dropout of entries (section 5.6) and of residual branches."""

from typing import Any

from jax import Array
from jax import numpy as jnp

from d2l_common.checks.arguments import check_probability
from d2l_common.checks.tensors import check_one_per_example, check_same_shape
from ..conversion import as_tensor
from ..random import default_rngs
from ..tensors import rand
from .layer import Layer


def dropout_layer(X: Array, dropout: float, mask: Array | None = None, key: Any = None) -> Array:
    """
    Return `X` with each entry dropped with probability `dropout` (section 5.6.2).

    Kept entries are divided by `1 - dropout`, so that the mean is unchanged.

    Parameters
    ----------
    X : array of any shape
    dropout : float
        In [0, 1]; 1 drops everything.
    mask : array of 0 and 1, or of bools, of the same shape
        The entries to keep; drawn if not given.
    key : JAX random key
        Draws the mask; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `dropout` is not a number in [0, 1], or `mask` differs from `X` in shape.
    """
    X = as_tensor(X, "X")
    check_probability("dropout", dropout)
    if mask is not None:
        mask = as_tensor(mask, "mask")
        check_same_shape(mask.shape, X.shape, ("mask", "X"))
    if dropout == 1:
        return jnp.zeros_like(X)
    if mask is None:
        mask = rand(X.shape, key=key) >= dropout
    return mask.astype(X.dtype) * X / (1 - dropout)


def drop_path(X: Array, drop_prob: float, mask: Array | None = None, key: Any = None) -> Array:
    """
    Return `X` with each example dropped with probability `drop_prob` (section 7.5 of 2026).

    This is stochastic depth if `X` is the branch of a residual block. Kept examples are divided by
    `1 - drop_prob`, so that the mean is unchanged.

    Parameters
    ----------
    X : array of shape `(n, ...)`
    drop_prob : float
        In [0, 1]; 1 drops everything.
    mask : array of 0 and 1, or of bools, of shape `(n,)`
        The examples to keep; drawn if not given.
    key : JAX random key
        Draws the mask; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `drop_prob` is not a number in [0, 1], or `mask` is not of shape `(n,)`.
    """
    X = as_tensor(X, "X")
    check_probability("drop_prob", drop_prob)
    if mask is not None:
        mask = as_tensor(mask, "mask")
        check_one_per_example("mask", len(X), mask.shape)
    if drop_prob == 1:
        return jnp.zeros_like(X)
    if mask is None:
        mask = rand(len(X), key=key) >= drop_prob
    return mask.astype(X.dtype).reshape(-1, *[1] * (X.ndim - 1)) * X / (1 - drop_prob)


class DropPath(Layer):
    """
    Dropout of whole examples, in training mode: `drop_path` as a layer (section 7.5 of 2026).

    Parameters
    ----------
    drop_prob : float
        The probability that an example is dropped, in [0, 1].
    rngs : nnx.Rngs
        Draws the masks, from its stream `dropout`; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `drop_prob` is not a number in [0, 1].
    """

    def __init__(self, drop_prob: float, rngs: Any = None):
        self.drop_prob = check_probability("drop_prob", drop_prob)
        self.deterministic = False
        self.rngs = default_rngs(rngs).dropout.fork()

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch to evaluation mode, or back to training mode."""
        if deterministic is not None:
            self.deterministic = deterministic

    def forward(self, X: Array) -> Array:
        """Return `X` of shape `(n, ...)`, in training mode with examples dropped."""
        if self.deterministic or self.drop_prob == 0:
            return X
        return drop_path(X, self.drop_prob, key=self.rngs())
