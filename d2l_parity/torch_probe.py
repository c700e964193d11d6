"""Read a PyTorch model: its arrays and layers, outputs and gradients, and the steps of its fit."""

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from d2l_common.arrays import to_numpy
from d2l_common.weights import is_counter
from d2l_parity.activations import Call, leaves_of, numbers, place_of_call
from d2l_parity.layer import Layer
from d2l_parity.models import first_run, loss_of, run_model
from d2l_parity.torch_dropout import shared_masks as shared_masks
from d2l_parity.torch_precision import Narrowed
from d2l_parity.torch_precision import copy_as as copy_as
from d2l_parity.torch_precision import precision as precision

Arrays = dict[str, np.ndarray]


# -- arrays ---------------------------------------------------------------------------------------


def layers(model: nn.Module, whole: set[str] | None = None) -> list[Layer]:
    """Return the layers of `model` that hold arrays, also those in plain attributes."""
    found, owners = [], {}
    for name, module in model.named_modules():
        kind = kind_of(module)
        arrays = own_arrays(module, recurse=kind == "MultiheadAttention")
        groups: dict[str, dict[str, Any]] = {}
        for local, x in arrays.items():
            if id(x) in owners:
                continue
            match = re.fullmatch(r"(.*)(_l\d+(_reverse)?)", local)
            base, suffix = match.group(1, 2) if match and is_recurrent(module) else (local, "")
            groups.setdefault(suffix, {})[base] = x
            owners[id(x)] = name
        for suffix, own in groups.items():
            params = {k: f"{name}.{k}{suffix}".removeprefix(".") for k in own}
            shapes = {k: tuple(x.shape) for k, x in own.items()}
            state = frozenset(k for k, x in own.items() if not isinstance(x, nn.Parameter))
            parts = params, shapes, params, state
            found.append(Layer(name + suffix, name + suffix, name, kind, *parts))
    others = aliases(model, owners)
    return [layer._replace(aliases=frozenset(others.get(layer.module, ()))) for layer in found]


def has_lazy_layers(model: nn.Module) -> bool:
    """Return whether a layer of `model` has no shape yet."""
    return any(map(is_lazy, model.parameters()))


# Modules that hold others, and layers whose arrays are made of others.
WITHOUT_KIND = "torch.nn.modules.container", "torch.nn.utils.parametrize"


def kind_of(module: nn.Module) -> str:
    """Return the class of a layer of PyTorch without dimensions, as `Conv`; "" for others."""
    for kind in type(module).__mro__:
        if kind.__module__.startswith("torch.nn") and kind is not nn.Module:
            name = re.sub(r"^Lazy|^NonDynamicallyQuantizable|\d+d$", "", kind.__name__)
            return "" if kind.__module__ in WITHOUT_KIND else name
    return ""


def is_recurrent(module: nn.Module) -> bool:
    """Return whether the arrays of a layer are numbered by its own layers and directions."""
    return isinstance(module, nn.RNNBase)


def own_arrays(module: nn.Module, recurse: bool = False) -> dict[str, Tensor]:
    """Return parameters, buffers and plain tensors of a module, by local names."""
    held: dict[str, Tensor] = dict(module.named_parameters(recurse=recurse))
    held |= dict(module.named_buffers(recurse=recurse))
    held |= {k: x for k, x in vars(module).items() if isinstance(x, Tensor)}
    return {name: x for name, x in held.items() if not is_counter(name) and x.dtype != torch.bool}


def aliases(model: nn.Module, owners: Mapping[int, str]) -> dict[str, set[str]]:
    """Return the further names of layers that share their arrays, by their first names."""
    found: dict[str, set[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        for x in own_arrays(module).values():
            if owners.get(id(x), name) != name:
                found.setdefault(owners[id(x)], set()).add(name)
    return found


def trained(model: nn.Module, layers: Iterable[Layer]) -> set[str]:
    """Return the names of the parameters that require a gradient."""
    return {name for name, param in model.named_parameters() if param.requires_grad}


def types(model: nn.Module) -> dict[str, str]:
    """Return the types of the parameters by name, such as "float32"; "" without numbers."""
    return {
        name: "" if x.is_meta else str(x.dtype).removeprefix("torch.")
        for name, x in model.named_parameters()
    }


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return all arrays of `model` by name."""
    return {
        f"{name}.{local}".removeprefix("."): x
        for name, module in reversed(list(model.named_modules(remove_duplicate=False)))
        for local, x in own_arrays(module).items()
    }


def read(model: nn.Module, whole: set[str] | None = None) -> Arrays:
    """Return parameters and state of `model` by name."""
    return {name: to_numpy(x).copy() for name, x in tensors(model).items()}


def write(model: nn.Module, arrays: Mapping[str, np.ndarray], whole: set[str]) -> None:
    """Set the arrays of `model` that are given."""
    with torch.no_grad():
        for name, x in tensors(model).items():
            if name in arrays:
                x.copy_(torch.tensor(arrays[name]))


# -- one minibatch --------------------------------------------------------------------------------


def observe(
    make_model: Callable[[], Any], batch: Any, train: bool, seed: int = 0
) -> tuple[list[np.ndarray], float, list[Call], Any]:
    """
    Run a minibatch forward; return outputs, loss, the calls of the layers, and the model after it.

    The arguments are those of the same function for JAX; PyTorch's own random numbers differ from
    call to call anyway.
    """
    model, calls = make_model(), []  # type: ignore[var-annotated]
    model.train(train)
    inner = inner_of(model)
    names = {name for layer in layers(inner) for name in (layer.module, *layer.aliases)}
    for name in names - {""}:  # "" is the model itself
        hook = functools.partial(_record, name, calls)
        inner.get_submodule(name).register_forward_hook(hook, with_kwargs=True)
    with torch.no_grad():
        output = first_run(model, batch, train, "PyTorch")
        loss = loss_of(model, output, batch)
    return _numbers(output), float(loss), calls, model


def _record(
    name: str, calls: list[Call], layer: nn.Module, args: Any, kwargs: Any, output: Any
) -> None:
    calls.append(Call(name, _numbers((args, kwargs)), _numbers(output), place_of_call()))


def _numbers(tree: Any) -> list[np.ndarray]:
    """Return the arrays of numbers in a pytree of PyTorch; copies, since they may be changed."""
    leaves = [x for x in leaves_of(tree) if isinstance(x, Tensor)]
    return numbers([to_numpy(x).copy() for x in leaves])


def gradients(model: Any, batch: Any, train: bool, whole: set[str]) -> Arrays:
    """Return the gradients of the loss of a minibatch by name."""
    model.train(train)
    model.zero_grad()
    loss_of(model, run_model(model, batch, train), batch).backward()
    return {
        name: to_numpy(torch.zeros_like(param) if param.grad is None else param.grad)
        for name, param in inner_of(model).named_parameters()
    }


def less_precise(model: Any, batch: Any, train: bool) -> list[str]:
    """Return where the loss of a minibatch is computed in less than float64."""
    model.train(train)
    with torch.no_grad(), Narrowed() as mode:
        loss_of(model, run_model(model, batch, train), batch)
    return list(mode.found)


def inner_of(model: Any) -> Any:
    """Return the user's module in a model of the comparison."""
    return model.net if hasattr(model, "run") else model


def predict(model: Any, batches: Iterable[Any]) -> list[list[np.ndarray]]:
    """Return the outputs of `model` in evaluation mode for each minibatch."""
    model.eval()
    device = next(model.parameters()).device
    with torch.no_grad():
        return [
            _numbers(run_model(model, tuple(x.to(device) for x in batch), train=False))
            for batch in batches
        ]


# -- the steps of a fit ---------------------------------------------------------------------------


class Record(NamedTuple):
    """Record of an optimizer: a buffer for each quantity."""

    norms: Tensor
    gradients: dict[str, Tensor]
    weights: dict[str, Tensor]


def recording(
    optimizer: Any,
    model: Any,
    num_steps: int,
    every: int,
    has_weights: bool,
    names: set[str],
    whole: set[str],
) -> Any:
    """
    Return `optimizer`, whose steps now record the gradients and weights of the parameters.

    Of `every` steps in a row, those of the first one are kept, of the weights if `has_weights`.
    The norms are those of the gradients of the parameters in `names`.
    """
    if not hasattr(optimizer, "step"):
        return optimizer  # the Trainer raises
    params = dict(inner_of(model).named_parameters())
    take_step, count = optimizer.step, itertools.count()
    num_kept = -(-num_steps // every)

    def buffers() -> dict[str, Tensor]:
        return {name: param.new_zeros(num_kept, *param.shape) for name, param in params.items()}

    norms = next(iter(params.values())).new_zeros(num_steps)
    record = Record(norms, buffers(), buffers() if has_weights else {})

    @functools.wraps(take_step)
    def step(*args: Any) -> Any:
        i, squares = next(count), record.norms.new_zeros(())
        with torch.no_grad():
            for name, param in params.items():
                if param.grad is not None:
                    if name in names:
                        squares += (param.grad**2).sum()
                    if i % every == 0:
                        record.gradients[name][i // every] = param.grad
                if i % every == 0 and has_weights:
                    record.weights[name][i // every] = param
            record.norms[i] = squares.sqrt()
        return take_step(*args)

    optimizer.step, optimizer.record = step, record
    return optimizer


def recorded(model: Any, whole: set[str]) -> tuple[np.ndarray, Arrays, Arrays]:
    """Return gradient norms, gradients and weights of the steps of a fit, by name."""
    norms, *both = model.trainer.optim.record
    gradients, weights = ({name: to_numpy(kept) for name, kept in each.items()} for each in both)
    return to_numpy(norms), gradients, weights
