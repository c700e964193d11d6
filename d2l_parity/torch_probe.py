"""Read a PyTorch model: its outputs and gradients, its layers, and the steps of its fit."""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

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


class Recording:
    """
    Optimizer that records the gradients and weights of each step, and takes the step.

    Of `every` steps in a row, those of the last one are kept.
    """

    def __init__(self, inner: Any, model: nn.Module, num_steps: int, every: int):
        self.inner, self.every, self.num_done = inner, every, 0
        self.params = dict(model.named_parameters())
        like, num_kept = next(iter(self.params.values())), -(-num_steps // every)
        self.norms = like.new_zeros(num_steps)
        self.gradients = {n: x.new_zeros(num_kept, *x.shape) for n, x in self.params.items()}
        self.weights = {n: x.new_zeros(num_kept, *x.shape) for n, x in self.params.items()}

    def zero_grad(self) -> None:
        """Clear the gradients."""
        self.inner.zero_grad()

    def step(self) -> None:
        """Record gradients and weights, then update the weights."""
        slot, squares = self.num_done // self.every, self.norms.new_zeros(())
        with torch.no_grad():
            for name, param in self.params.items():
                if param.grad is not None:
                    squares += (param.grad**2).sum()
                    self.gradients[name][slot] = param.grad
                self.weights[name][slot] = param
            self.norms[self.num_done] = squares.sqrt()
        self.num_done += 1
        self.inner.step()


recording = Recording  # in JAX it is a function


def recorded(model: Any) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return gradient norms, gradients and weights of the steps of a fit, by name."""
    found = model.trainer.optim
    gradients, weights = (
        {name: to_numpy(kept) for name, kept in each.items()}
        for each in (found.gradients, found.weights)
    )
    return to_numpy(found.norms), gradients, weights
