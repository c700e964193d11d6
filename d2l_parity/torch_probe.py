"""Read a PyTorch model: its outputs and gradients, its layers, and the steps of its fit."""

import copy
import functools
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from d2l_common.arrays import to_numpy

Values = dict[str, tuple[np.ndarray, np.ndarray]]


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Make `dtype`, "float32" or "float64", the default float type, also of products on a GPU."""
    before = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    torch.set_default_dtype(getattr(torch, dtype))
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_default_dtype(before[0])
        torch.set_float32_matmul_precision(before[1])


def copy_as(model: nn.Module, dtype: str) -> Any:
    """Return a copy of `model` whose parameters and other state have the float type `dtype`."""
    return copy.deepcopy(model).to(getattr(torch, dtype))


def predict(model: Any, batches: Iterable[Any]) -> np.ndarray:
    """Return the outputs of `model` in evaluation mode for all minibatches, concatenated."""
    model.eval()
    with torch.no_grad():
        return np.concatenate([to_numpy(model(*batch[:-1])) for batch in batches])


def forward(model: Any, *inputs: Any) -> tuple[np.ndarray, Values]:
    """
    Return the output of `model` in evaluation mode, and `{name: (input, output)}` of its layers.

    The layers are those that have parameters, in the order of their first calls, which count.
    """
    model, values = copy.deepcopy(model).eval(), Values()
    for name in dict.fromkeys(name.rpartition(".")[0] for name, _ in model.named_parameters()):
        if name:  # not the model itself
            _add_hook(model.get_submodule(name), name, values)
    with torch.no_grad():
        return to_numpy(model(*inputs)), values


def _add_hook(layer: nn.Module, name: str, values: Values) -> None:
    """Make `layer` record its input and output in `values` when it is called."""

    def hook(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        # Copies: an in-place ReLU would change the recorded values.
        values.setdefault(name, (to_numpy(inputs[0]).copy(), to_numpy(output).copy()))

    layer.register_forward_hook(hook)


def value_and_gradients(model: Any, batch: Any) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of a minibatch in evaluation mode, and its gradients by name."""
    model = copy.deepcopy(model).eval()
    model.zero_grad()
    value = model.loss(model(*batch[:-1]), batch[-1])
    value.backward()
    return value.item(), {
        name: to_numpy(torch.zeros_like(param) if param.grad is None else param.grad)
        for name, param in model.named_parameters()
    }


class Record(NamedTuple):
    """Record of an optimizer: a buffer for each quantity."""

    norms: Tensor
    gradients: dict[str, Tensor]
    weights: dict[str, Tensor]


def recording(optimizer: Any, model: Any, num_steps: int, every: int) -> Any:
    """
    Return `optimizer`, whose steps now record the gradients and weights of the parameters.

    Of `every` steps in a row, those of the last one are kept.
    """
    if not hasattr(optimizer, "step"):
        return optimizer  # the Trainer raises
    take_step, count, params = optimizer.step, itertools.count(), dict(model.named_parameters())
    num_kept = -(-num_steps // every)
    record = Record(
        next(iter(params.values())).new_zeros(num_steps),
        {name: param.new_zeros(num_kept, *param.shape) for name, param in params.items()},
        {name: param.new_zeros(num_kept, *param.shape) for name, param in params.items()},
    )

    @functools.wraps(take_step)
    def step(*args: Any) -> Any:
        i, squares = next(count), record.norms.new_zeros(())
        with torch.no_grad():
            for name, param in params.items():
                if param.grad is not None:
                    squares += (param.grad**2).sum()
                    record.gradients[name][i // every] = param.grad
                record.weights[name][i // every] = param
            record.norms[i] = squares.sqrt()
        return take_step(*args)

    optimizer.step, optimizer.record = step, record
    return optimizer


def recorded(model: Any) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return gradient norms, gradients and weights of the steps of a fit, by name."""
    norms, *both = model.trainer.optim.record
    gradients, weights = ({name: to_numpy(kept) for name, kept in each.items()} for each in both)
    return to_numpy(norms), gradients, weights
