"""Dropout whose masks are the same in both frameworks, so that runs can be compared."""

from typing import Any

import torch
from torch import Tensor, nn

from d2l_torch.models.dropout_mlp import DropoutMLPScratch
from d2l_torch.nn.dropout import dropout_layer


class SharedMasks:
    """
    Draws masks from a counter by integer arithmetic, which is equal to the bit everywhere.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.count = 0

    def __call__(self, X: Tensor, dropout: float) -> Tensor:
        """Return `X` with each entry dropped with probability `dropout`."""
        x = torch.arange(X.numel(), device=X.device)
        x = (x + (0x9E3779B9 * self.count + 0x85EBCA6B * self.seed) % 2**32) % 2**32
        self.count += 1
        # The finalizer "lowbias32": each input bit flips each output bit about half of the time.
        x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
        x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
        x = x ^ (x >> 16)
        # The upper 24 bits: float32 holds each of them exactly.
        mask = (x >> 8) >= round(dropout * 2**24)
        return dropout_layer(X, dropout, mask=mask.reshape(X.shape))


class SharedDropout(nn.Module):
    """
    A layer of dropout with shared masks.

    Parameters
    ----------
    rate : float
        The probability that an entry is dropped.
    seed : int
    """

    def __init__(self, rate: float, seed: int):
        super().__init__()
        self.rate = rate
        self.masks = SharedMasks(seed)

    def forward(self, X: Tensor) -> Tensor:
        """Return `X`, in training mode with entries dropped."""
        return self.masks(X, self.rate) if self.training else X


def share_dropout(model: Any, seed: int = 0) -> Any:
    """
    Give `model` dropout masks that are the same in both frameworks, and return it.

    Parameters
    ----------
    model : DropoutMLPScratch, or any torch.nn.Module with layers of `nn.Dropout`
        Changed in place.
    seed : int
    """
    if isinstance(model, DropoutMLPScratch):
        vars(model)["drop"] = SharedMasks(seed)
    layers = [
        (parent, name, child)
        for _, parent in sorted(model.named_modules(), key=lambda item: item[0])
        for name, child in sorted(parent.named_children(), key=lambda item: item[0])
        if isinstance(child, nn.Dropout)
    ]
    for i, (parent, name, child) in enumerate(layers):
        setattr(parent, name, SharedDropout(child.p, seed + i))
    return model
