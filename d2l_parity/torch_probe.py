"""What a comparison with the other framework sees of a model and of its training."""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from d2l_common.arrays import to_numpy
from d2l_parity.torch_dropout import share_dropout
from d2l_torch.training.module import Module

__all__ = [
    "Wrapped",
    "copy_as",
    "layer_values",
    "parameter_paths",
    "precision",
    "predict",
    "share_dropout",
    "value_and_gradients",
    "watch",
    "watched",
]


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
    """Return a copy of `model` whose parameters and other numbers have the float type `dtype`."""
    return copy.deepcopy(model).to(getattr(torch, dtype))


class Wrapped(Module):
    """
    A reader's own module as a model: with a loss, trained by minibatch SGD.

    Parameters
    ----------
    net : torch.nn.Module
    loss_function : callable
        `loss_function(y_hat, y)` returns one number.
    lr : float
        The learning rate.
    """

    loss_function: Any

    def __init__(self, net: nn.Module, loss_function: Callable[..., Tensor], lr: float):
        super().__init__()
        self.save_hyperparameters()

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the loss of predictions against targets."""
        return self.loss_function(y_hat, y)


class Watched:
    """An optimizer that is watched: it does its steps, and keeps what it was given for each."""

    def __init__(self, inner: Any, model: nn.Module, num_steps: int, every: int):
        self.inner, self.every, self.num_seen = inner, every, 0
        self.params = dict(model.named_parameters())
        room = {n: (-(-num_steps // every), *param.shape) for n, param in self.params.items()}
        like = next(iter(self.params.values()))
        self.norms = like.new_zeros(num_steps)
        self.gradients = {name: like.new_zeros(shape) for name, shape in room.items()}
        self.weights = {name: like.new_zeros(shape) for name, shape in room.items()}

    def zero_grad(self) -> None:
        """Clear the gradients."""
        self.inner.zero_grad()

    def step(self) -> None:
        """Keep gradients and weights, then update the weights."""
        slot, squares = self.num_seen // self.every, self.norms.new_zeros(())
        with torch.no_grad():
            for name, param in self.params.items():
                if param.grad is not None:
                    squares += (param.grad**2).sum()
                    self.gradients[name][slot] = param.grad
                self.weights[name][slot] = param
            self.norms[self.num_seen] = squares.sqrt()
        self.num_seen += 1
        self.inner.step()


def watch(model: Any, num_steps: int, every: int = 1) -> None:
    """
    Keep what the optimizer of `model` sees in a fit, for `watched`.

    Parameters
    ----------
    model : Module
    num_steps : int
        How many steps the fit will take.
    every : int
        Of so many steps in a row, gradients and weights of the last one are kept.
    """
    configure = model.configure_optimizers
    model.configure_optimizers = lambda: Watched(configure(), model, num_steps, every)


def watched(model: Any) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """
    Return what was seen in the fit of a model that was given to `watch`.

    Returns
    -------
    norms : array of shape `(num_steps,)`
        Of the gradient of all parameters together.
    gradients, weights : dict of arrays of shape `(num_kept, ...)`
        By PyTorch's names and in its layout; weights as they were before the step.
    """
    seen = model.trainer.optim
    gradients, weights = (
        {name: to_numpy(kept) for name, kept in each.items()}
        for each in (seen.gradients, seen.weights)
    )
    return to_numpy(seen.norms), gradients, weights


def predict(model: Any, batches: Iterable[Any]) -> np.ndarray:
    """Return the outputs of `model` in evaluation mode for minibatches, one after the other."""
    forward = evaluating(model)
    with torch.no_grad():
        return np.concatenate([to_numpy(forward(*batch[:-1])) for batch in batches])


def layer_values(model: Any, *inputs: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """
    Return what goes into and what comes out of each layer that has parameters.

    Parameters
    ----------
    model : torch.nn.Module
    inputs : tensors
        Of a minibatch.

    Returns
    -------
    list of (name, input, output)
        In the order of the calls.
    """
    model = evaluating(copy.deepcopy(model))
    seen: list[tuple[str, np.ndarray, np.ndarray]] = []
    for name, layer in layers_with_parameters(model).items():
        if layer is not model:
            _listen(layer, name, seen)
    with torch.no_grad():
        model(*inputs)
    return seen


def _listen(layer: nn.Module, name: str, seen: list[Any]) -> None:
    def hear(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        # Copies: an in-place ReLU would change what was seen.
        seen.append((name, *(to_numpy(tensor).copy() for tensor in (inputs[0], output))))

    layer.register_forward_hook(hear)


def layers_with_parameters(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules that hold parameters themselves, by name."""
    modules = dict(model.named_modules())
    owners = dict.fromkeys(name.rpartition(".")[0] for name, _ in model.named_parameters())
    return {name: modules[name] for name in owners}


def parameter_paths(model: nn.Module) -> dict[str, str]:
    """Return the place of each parameter in `model`, as `hidden.weight`, which is its name."""
    return {name: name for name, _ in model.named_parameters()}


def value_and_gradients(model: Any, batch: Any) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of a minibatch in evaluation mode, and its gradients by name."""
    model = evaluating(copy.deepcopy(model))
    model.zero_grad()
    value = model.loss(model(*batch[:-1]), batch[-1])
    value.backward()
    return value.item(), {
        name: to_numpy(torch.zeros_like(param) if param.grad is None else param.grad)
        for name, param in model.named_parameters()
    }


def evaluating(model: Any) -> Any:
    """Return `model` in evaluation mode."""
    return model.eval()
