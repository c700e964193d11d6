"""The memory that prediction takes, and that training takes (section 5.3.4)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree


def memory_of_training(fun: Callable[..., Tensor], params: Any, *inputs: Any) -> tuple[int, int]:
    """
    Return the bytes of intermediate results that prediction and that training keep at once.

    In PyTorch autograd says which results it keeps for the way back; prediction keeps none.

    Parameters
    ----------
    fun : callable
        `fun(params, *inputs)` returns one number.
    params : tensors, or lists, tuples or dicts of them
    inputs : tensors

    Returns
    -------
    prediction, training : int
        Bytes, beside parameters, inputs and results.
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
        # Detached copies share their memory with what was given, but not its gradients.
        leaves = pytree.tree_map(lambda leaf: leaf.detach().requires_grad_(), params)
        with (
            torch.set_grad_enabled(is_training),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            result = fun(leaves, *inputs)  # kept alive, so that no memory is used twice
        sizes.append(sum(kept.values()))
        del result
    return sizes[0], sizes[1]
