"""Dropout of entries (section 5.6) and of residual branches."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.checks.arguments import check_probability
from d2l_common.checks.tensors import check_one_per_example, check_same_shape
from ..conversion import as_tensor
from ..tensors import rand


def dropout_layer(
    X: Tensor, dropout: float, mask: Tensor | None = None, generator: Any = None
) -> Tensor:
    """
    Return `X` with each entry dropped with probability `dropout` (section 5.6.2).

    Kept entries are divided by `1 - dropout`, so that the mean is unchanged.

    Parameters
    ----------
    X : tensor of any shape
    dropout : float
        In [0, 1]; 1 drops everything.
    mask : tensor of 0 and 1, or of bools, of the same shape
        The entries to keep; drawn if not given.
    generator : torch.Generator
        Draws the mask; PyTorch's global one if not given.

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
        return torch.zeros_like(X)
    if mask is None:
        mask = uniform_for(X, X.shape, generator) >= dropout
    return mask.to(X.dtype) * X / (1 - dropout)


def drop_path(
    X: Tensor, drop_prob: float, mask: Tensor | None = None, generator: Any = None
) -> Tensor:
    """
    Return `X` with each example dropped with probability `drop_prob` (section 7.5 of 2026).

    This is stochastic depth if `X` is the branch of a residual block. Kept examples are divided by
    `1 - drop_prob`, so that the mean is unchanged.

    Parameters
    ----------
    X : tensor of shape `(n, ...)`
    drop_prob : float
        In [0, 1]; 1 drops everything.
    mask : tensor of 0 and 1, or of bools, of shape `(n,)`
        The examples to keep; drawn if not given.
    generator : torch.Generator
        Draws the mask; PyTorch's global one if not given.

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
        return torch.zeros_like(X)
    if mask is None:
        mask = uniform_for(X, (len(X),), generator) >= drop_prob
    return mask.to(X.dtype).reshape(-1, *[1] * (X.ndim - 1)) * X / (1 - drop_prob)


def uniform_for(X: Tensor, size: Sequence[int], generator: Any = None) -> Tensor:
    """Return uniform numbers on the device of `X`, drawn on that of the generator."""
    device = X.device if generator is None else generator.device
    return rand(size, generator=generator, device=device).to(X.device)


class DropPath(nn.Module):
    """
    Dropout of whole examples, in training mode: `drop_path` as a layer (section 7.5 of 2026).

    Parameters
    ----------
    drop_prob : float
        The probability that an example is dropped, in [0, 1].
    generator : torch.Generator
        Draws the masks; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `drop_prob` is not a number in [0, 1].
    """

    def __init__(self, drop_prob: float, generator: Any = None):
        super().__init__()
        self.drop_prob = check_probability("drop_prob", drop_prob)
        self.generator = generator

    def forward(self, X: Tensor) -> Tensor:
        """Return `X` of shape `(n, ...)`, in training mode with examples dropped."""
        if not self.training or self.drop_prob == 0:
            return X
        return drop_path(X, self.drop_prob, generator=self.generator)

    def extra_repr(self) -> str:
        """Return what PyTorch's table of layers says of this one."""
        return f"drop_prob={self.drop_prob}"
