"""Saving and loading of training runs (section 6.6)."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from d2l_common.training import checkpoints
from d2l_common.training.checkpoints import NO_AVERAGE, Backend, Snapshot
from .. import random
from ..weights import check_model, checked_tensors, import_weights
from .optimizer_state import (
    restore_average,
    restore_optimizer,
    take_optimizer,
)


def save_checkpoint(
    path: str | os.PathLike[str], model: nn.Module, optimizer: Any, step: int, cfg: Any = None
) -> None:
    """
    Write weights, optimizer, random streams, step and configuration to a folder (section 6.6).

    It is complete or not there: an earlier checkpoint in the folder is deleted at the end. The
    format is that of `Trainer(checkpoint=...)`: safetensors, in PyTorch's names and layout, and
    JSON. Either backend reads it, except for random streams and what only one framework has.

    Parameters
    ----------
    path : path of a folder
        Created if it does not exist; it may have any suffix.
    model : torch.nn.Module
    optimizer : torch.optim.Optimizer, or None
    step : int
        The number of steps taken.
    cfg : dataclass or dict, optional
        Of what JSON can hold: what the code needs to build the model again.

    Raises
    ------
    TypeError, ValueError
        If `path` is not a path, `model` is not an nn.Module or has a lazy layer without a shape,
        `optimizer` is not an optimizer or has state that is neither a tensor nor a number, `step`
        is not an integer of at least 0, or JSON cannot hold `cfg`.
    OSError
        If nothing can be written to the folder, or `path` is a file.
    """
    checkpoints.save(BACKEND, path, model, optimizer, step, cfg)


def load_checkpoint(
    path: str | os.PathLike[str], model: nn.Module, optimizer: Any = None
) -> dict[str, Any]:
    """
    Set model, optimizer and random streams to the last good checkpoint in a folder (section 6.6).

    Parameters
    ----------
    path : path of a folder
        Of either backend's `save_checkpoint` or `Trainer(checkpoint=...)`.
    model : torch.nn.Module
        Changed in place.
    optimizer : torch.optim.Optimizer, optional
        Likewise, its hyperparameters included; of the class that was saved.

    Returns
    -------
    dict
        `model` and `optimizer`, arrays by name; `step`; `cfg`, a dict or None.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If all of them are damaged, one is of a newer format, or it does not fit.

    Warns
    -----
    UserWarning
        If the other backend has written it: names what is not carried on.
    """
    return checkpoints.load(BACKEND, path, model, optimizer)


class TorchBackend(Backend):
    """PyTorch's part of checkpoints; see `Backend`."""

    name = "PyTorch"
    versions = MappingProxyType({"torch": str(torch.__version__)})
    streams = random

    def take(self, model: Any, optimizer: Any, owners: Mapping[str, Any]) -> Snapshot:
        """Return the numbers of a model, an optimizer or None, and of random streams."""
        weights = checked_tensors(model)
        own = {f"model/{name}": x for name, x in other_tensors(model, weights).items()}
        for name, generator in generators(model, owners).items():
            own[f"random/{name}"] = generator.get_state()
        for i, state in enumerate(gpu_states()):
            own[f"random/gpu:{i}"] = state
        moments, facts = take_optimizer(model, optimizer)
        return Snapshot(weights, moments, own, facts)

    def restore(
        self, model: Any, optimizer: Any, owners: Mapping[str, Any], taken: Snapshot, is_own: bool
    ) -> list[str]:
        """Set them to a snapshot of either backend; return what in it is missing."""
        missing = []
        import_weights(model, taken.weights)
        if optimizer is not None:
            restore_optimizer(model, optimizer, taken, is_own)
            missing += [] if restore_average(model, optimizer, taken) else [NO_AVERAGE]
        if not is_own:
            return missing
        own = {name: torch.tensor(array) for name, array in taken.own.items()}
        for name, value in own.items():
            if name.startswith("model/"):
                set_tensor(model, name.removeprefix("model/"), value)
        for name, generator in generators(model, owners).items():
            if f"random/{name}" in own:
                generator.set_state(own[f"random/{name}"])
        for i in range(len(gpu_states())):
            if f"random/gpu:{i}" in own:
                torch.cuda.set_rng_state(own[f"random/gpu:{i}"], i)
        return missing

    def modules(self, model: Any) -> dict[str, Any]:
        """Return a model and its modules by name, `model.net.0` and the like."""
        return dict(model.named_modules(prefix="model"))

    def check(self, model: Any, optimizer: Any) -> None:
        """Raise a TypeError unless these are a model, and an optimizer or None."""
        check_model(model)
        if optimizer is not None and not hasattr(optimizer, "zero_grad"):
            raise TypeError(
                f"optimizer must be a torch.optim.Optimizer or None, got {type(optimizer).__name__}"
                "; pass it after the model"
            )

    def serialize(self, arrays: dict[str, Any]) -> bytes:
        """Return arrays as the contents of a safetensors file."""
        return safetensors.torch.save({name: as_saved(x) for name, x in arrays.items()})


BACKEND = TorchBackend()


def as_saved(x: Any) -> Tensor:
    """Return a copy of an array or tensor on the host."""
    return torch.as_tensor(x).detach().cpu().contiguous().clone()


def other_tensors(model: nn.Module, weights: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return by path the tensors of a model that are not among its weights: all other buffers."""
    found = {f"{path}.{name}": x for path, m in model.named_modules() for name, x in plain(m)}
    for path, module in model.named_modules():
        found |= {f"{path}.{name}": x for name, x in module._buffers.items() if x is not None}
    return {name: x for name, x in found.items() if name.removeprefix(".") not in weights}


def plain(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Return the tensors that are plain attributes of a module, by name."""
    return [(name, x) for name, x in vars(module).items() if type(x) is Tensor]


def set_tensor(model: nn.Module, path: str, value: Tensor) -> None:
    """Set a buffer, or a tensor that is a plain attribute, to a value."""
    place, _, name = path.rpartition(".")
    module = model.get_submodule(place.removeprefix("."))
    old = getattr(module, name, None)
    if isinstance(old, Tensor) and old.shape == value.shape:
        value = value.to(old.device, old.dtype)
    setattr(module, name, value)


def generators(model: nn.Module, owners: Mapping[str, Any]) -> dict[str, torch.Generator]:
    """Return by name the generators of a model and of `owners`, and the global one."""
    found = {"cpu": torch.default_generator}
    for place, owner in [*owners.items(), *BACKEND.modules(model).items()]:
        for name, value in getattr(owner, "__dict__", {}).items():
            if isinstance(value, torch.Generator):
                found[f"{place}.{name}"] = value
    return found


def gpu_states() -> list[Tensor]:
    """Return the states of the random streams of all GPUs."""
    return torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
