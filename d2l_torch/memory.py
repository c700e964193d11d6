"""Memory of prediction and of training (section 5.3.4)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree


def memory_of_training(fun: Callable[..., Tensor], params: Any, *inputs: Any) -> tuple[int, int]:
    """
    Return the bytes of intermediate results that prediction and training keep at once.

    In PyTorch these are the results that autograd saves for the backward pass; prediction saves
    none.

    Parameters
    ----------
    fun : callable
        `fun(params, *inputs)` returns one number.
    params : tensors, or lists, tuples or dicts of them
    inputs : tensors

    Returns
    -------
    prediction, training : int
        Bytes, without parameters, inputs and results.
    """
    given = {leaf.untyped_storage().data_ptr() for leaf in pytree.tree_leaves((params, inputs))}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in given:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    sizes = []
    for is_training in (False, True):
        kept.clear()
        # Detached copies share the memory of `params`, but not their gradients.
        leaves = pytree.tree_map(lambda leaf: leaf.detach().requires_grad_(), params)
        with (
            torch.set_grad_enabled(is_training),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            result = fun(leaves, *inputs)  # kept alive, so that its memory is not reused
        sizes.append(sum(kept.values()))
        del result
    return sizes[0], sizes[1]
