"""Give PyTorch's dropout the masks that the Flax NNX model gets."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from d2l_common.arrays import to_numpy
from d2l_parity.activations import Call, place_of_call
from d2l_parity.dropout_masks import MaskPlan, is_kept
from d2l_torch import DropoutMLPScratch, dropout_layer
from d2l_torch.nn.dropout import DropPath


class SharedDropout:
    """
    Replacement of PyTorch's dropout functions: masks depend on step and number of the call only.

    Parameters
    ----------
    identity : bool
        Whether nothing is dropped, and `calls` only collects what dropout was called with.

    Attributes
    ----------
    calls : list of Call
        In training mode, in their order.
    """

    def __init__(self, identity: bool = False):
        self.identity = identity
        self.step, self.site = 0, 0
        self.calls: list[Call] = []

    def apply(self, model: Any) -> Any:
        """Make each training step of `model` begin a step of the masks; return the model."""
        if isinstance(model, DropoutMLPScratch):
            vars(model)["drop"] = self.drop
        for layer in model.modules():
            if isinstance(layer, DropPath):
                vars(layer)["forward"] = functools.partial(self.drop_examples, layer)
        take_step = model.training_step

        def training_step(batch: Any) -> Any:
            self.site = 0
            result = take_step(batch)
            self.step += 1
            return result

        vars(model)["training_step"] = training_step
        return model

    def drop(
        self, X: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, axes: int = 0
    ) -> Tensor:
        """Return `X`, in training mode with entries dropped; `axes` trailing ones as wholes."""
        if not training or p == 0:
            return X
        if self.identity:
            x = to_numpy(X).copy()
            self.calls.append(Call("dropout", [x], [x], place_of_call(), p))
            self.site += 1
            return X
        index = np.arange(X.numel(), dtype=np.uint32)
        step, site = (np.full(1, n, np.uint32) for n in (self.step, self.site))
        mask = is_kept(index, step, site, p).reshape(X.shape)
        if axes:
            first = (slice(None),) * (X.ndim - axes) + (slice(1),) * axes
            mask = np.broadcast_to(mask[first], X.shape).copy()
        self.site += 1
        return dropout_layer(X, p, mask=torch.from_numpy(mask).to(X.device))

    def drop_channels(
        self, axes: int, X: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        """Return `X`, in training mode with channels dropped, which have `axes` axes."""
        return self.drop(X, p, training, axes=axes)

    def drop_examples(self, layer: DropPath, X: Tensor) -> Tensor:
        """Return `X`, in the layer's training mode with examples dropped."""
        return self.drop(X, layer.drop_prob, layer.training, axes=X.ndim - 1)

    def attention(
        self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Return PyTorch's `scaled_dot_product_attention`, with this dropout of the weights."""
        names = ("attn_mask", "dropout_p", "is_causal")
        options = dict(zip(names, args, strict=False)) | kwargs
        p = options.pop("dropout_p", 0.0)
        if not p or options.pop("enable_gqa", False):
            return _attention(query, key, value, dropout_p=p, **options)
        # The weights are the attention's values of the unit matrix.
        unit = torch.eye(key.shape[-2], dtype=query.dtype, device=query.device)
        unit = unit.expand(*key.shape[:-1], key.shape[-2])
        return self.drop(_attention(query, key, unit, **options), p) @ value


_attention: Any = F.scaled_dot_product_attention


@contextmanager
def shared_masks(plan: MaskPlan) -> Iterator[SharedDropout]:
    """Let the dropout of PyTorch's functional interface drop by a plan."""
    masks = SharedDropout(plan.identity)
    functions: dict[str, Any] = {
        "dropout": masks.drop,
        "scaled_dot_product_attention": masks.attention,
    }
    functions |= {f"dropout{n}d": functools.partial(masks.drop_channels, n) for n in (1, 2, 3)}
    before = {name: getattr(F, name) for name in functions}
    try:
        for name, function in functions.items():
            setattr(F, name, function)
        yield masks
    finally:
        for name, function in before.items():
            setattr(F, name, function)
