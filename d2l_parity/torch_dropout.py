"""Replace dropout in a PyTorch model: the masks become those of the Flax NNX model."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from d2l_parity.dropout_masks import is_kept
from d2l_torch import DropoutMLPScratch, dropout_layer


class SharedDropout(nn.Module):
    """Dropout layer whose masks depend only on rate, seed and the number of the call."""

    def __init__(self, rate: float, seed: int):
        super().__init__()
        self.rate, self.seed = rate, seed
        self.count = np.zeros(1, np.uint32)

    def forward(self, X: Tensor, rate: float | None = None) -> Tensor:
        """Return `X`, in training mode with entries dropped, at `self.rate` unless one is given."""
        if not self.training:
            return X
        rate = self.rate if rate is None else rate
        index = np.arange(X.numel(), dtype=np.uint32)
        mask = torch.from_numpy(is_kept(index, self.count, self.seed, rate))
        self.count += 1
        return dropout_layer(X, rate, mask=mask.to(X.device).reshape(X.shape))


def share_dropout(model: Any) -> Any:
    """Replace each dropout layer of `model` by a `SharedDropout`, and return the model."""
    if isinstance(model, DropoutMLPScratch):
        # Replaces the method. A module in its place would have to be registered by another name.
        vars(model)["drop"] = SharedDropout(0, seed=0).forward
    layers = [
        (parent, name, child)
        for _, parent in sorted(model.named_modules(), key=lambda item: item[0])
        for name, child in sorted(parent.named_children(), key=lambda item: item[0])
        if isinstance(child, nn.Dropout)
    ]
    for seed, (parent, name, child) in enumerate(layers):
        setattr(parent, name, SharedDropout(child.p, seed))
    return model
