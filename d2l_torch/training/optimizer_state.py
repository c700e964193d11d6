"""The state of an optimizer of PyTorch, as named arrays and back (section 6.6)."""

from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from d2l_common.checks.optimizers import check_arrays_kept
from d2l_common.training.checkpoints import Snapshot, is_plain
from ..weights import named_tensors

# Which names PyTorch's optimizers give to the arrays that Optax has too.
TRANSLATED: tuple[set[str], ...] = ({"momentum_buffer"}, {"step", "exp_avg", "exp_avg_sq"}, set())


def take_optimizer(model: nn.Module, optimizer: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """
    Return the tensors of an optimizer by name, and what JSON can hold of it.

    The names are those of the parameters and of `optimizer.state`: `net.1.weight.exp_avg`.

    Raises
    ------
    TypeError
        If an optimizer has state that is neither a tensor nor a number.
    """
    if optimizer is None:
        return {}, {"optimizer": None, "lost": []}
    if not hasattr(optimizer, "state_dict"):
        return take_plain(optimizer)
    names, tensors, numbers = parameter_names(model, optimizer), {}, {}
    for param, state in optimizer.state.items():
        for key, value in state.items():
            name = f"{names[id(param)]}.{key}"
            if isinstance(value, Tensor):
                tensors[name] = value
            elif value is not None:
                numbers[name] = check_number(optimizer, key, value)
    tensors |= {f"{names[id(x)]}.average": average for x, average in averages(optimizer)}
    groups = [{k: as_plain(x) for k, x in group.items()} for group in optimizer.param_groups]
    keys = {name.rpartition(".")[2] for name in (*tensors, *numbers)} - {"average"}
    lost = [] if keys in TRANSLATED else [f"the state of {type(optimizer).__name__}"]
    return tensors, {
        "optimizer": type(optimizer).__name__,
        "groups": [
            {k: x for k, x in group.items() if x is None or is_plain(x)} for group in groups
        ],
        "numbers": numbers,
        "lost": lost,
    }


def restore_optimizer(model: nn.Module, optimizer: Any, taken: Snapshot, is_own: bool) -> None:
    """
    Set an optimizer to a snapshot; if the other backend has written it, without hyperparameters.

    Raises
    ------
    ValueError
        If the optimizer is of another class, or keeps other arrays.
    """
    facts, kind = taken.facts, type(optimizer).__name__
    if is_own and facts["optimizer"] != kind:
        raise ValueError(f"the optimizer must be {facts['optimizer']}, got {kind}; change it back")
    if not is_own and facts["lost"]:
        return
    if not hasattr(optimizer, "state_dict"):
        restore_plain(optimizer, taken, is_own)
        return
    names = parameter_names(model, optimizer)
    keys: dict[str, set[str]] = {}
    for name in (*taken.optimizer, *facts.get("numbers", ())):
        param, _, key = name.rpartition(".")
        if key != "average":
            keys.setdefault(param, set()).add(key)
    if not is_own:
        check_keys(optimizer, set().union(*keys.values()))
    state_dict, values = optimizer.state_dict(), {**taken.optimizer, **facts.get("numbers", {})}
    params = [param for group in optimizer.param_groups for param in group["params"]]
    state_dict["state"] = {
        i: {key: as_value(values[f"{name}.{key}"]) for key in keys[name]}
        for i, name in enumerate(names[id(param)] for param in params)
        if name in keys
    }
    for group, saved in zip(
        state_dict["param_groups"], facts["groups"] if is_own else (), strict=is_own
    ):
        group |= {key: like(group.get(key), value) for key, value in saved.items()}
    optimizer.load_state_dict(state_dict)


def restore_average(model: nn.Module, optimizer: Any, taken: Snapshot) -> bool:
    """
    Set the average that an optimizer keeps, if any, to a snapshot's; without one, to the weights.

    Return whether the snapshot has what the optimizer keeps.
    """
    names, found = parameter_names(model, optimizer), True
    for param, average in averages(optimizer):
        saved = taken.optimizer.get(f"{names[id(param)]}.average")
        average.copy_(param.detach() if saved is None else torch.tensor(saved))
        found = found and saved is not None
    return found


def averages(optimizer: Any) -> list[tuple[Tensor, Tensor]]:
    """Return the parameters that an optimizer averages, each with its average."""
    return [
        pair
        for group in getattr(optimizer, "param_groups", ())
        for pair in zip(group["params"], group.get("average", ()), strict="average" in group)
    ]


def parameter_names(model: nn.Module, optimizer: Any) -> dict[int, str]:
    """Return the names of the parameters of an optimizer by their `id`."""
    names = {id(x): name for name, x in named_tensors(model)[0].items()}
    groups = getattr(optimizer, "param_groups", ())
    params = [param for group in groups for param in group["params"]]
    return {id(param): names.get(id(param), f"parameter {i}") for i, param in enumerate(params)}


def check_keys(optimizer: Any, keys: set[str]) -> None:
    """Raise a ValueError unless an optimizer keeps the arrays `keys` for each parameter."""
    group = optimizer.param_groups[0]
    is_adam = isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW)
    wanted = TRANSLATED[1] if is_adam else TRANSLATED[0] if group.get("momentum") else set()
    check_arrays_kept(keys, wanted, type(optimizer).__name__)


def check_number(optimizer: Any, key: str, value: Any) -> Any:
    """Return `value` if it is a number."""
    if not isinstance(value, Real):
        raise TypeError(
            f"the state of {type(optimizer).__name__} must be tensors and numbers to be saved, got "
            f"{type(value).__name__} as {key!r}; leave the optimizer out of the checkpoint"
        )
    return value


def as_plain(value: Any) -> Any:
    """Return a hyperparameter, of which a tensor becomes a number."""
    return value.item() if isinstance(value, Tensor) else value


def as_value(value: Any) -> Any:
    """Return an array as a tensor, a number as it is."""
    return value if isinstance(value, Real) else torch.tensor(value)


def like(old: Any, value: Any) -> Any:
    """Return a hyperparameter that JSON held as its type was: a tuple or a tensor."""
    if isinstance(old, Tensor):
        return torch.as_tensor(value, dtype=old.dtype, device=old.device)
    return tuple(value) if isinstance(old, tuple) else value


# -- an optimizer of a reader's, without `state_dict` ---------------------------------------------


def take_plain(optimizer: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors among the attributes of an optimizer, and its numbers, by name."""
    numbers = {k: x for k, x in vars(optimizer).items() if isinstance(x, bool | int | float)}
    tensors = plain_tensors(optimizer)
    name = type(optimizer).__name__
    lost = [f"the state of {name}"] if tensors else []
    return tensors, {"optimizer": name, "numbers": numbers, "lost": lost}


def restore_plain(optimizer: Any, taken: Snapshot, is_own: bool) -> None:
    """Set the tensors and numbers among the attributes of an optimizer."""
    if not is_own:
        return
    vars(optimizer).update(taken.facts["numbers"])
    with torch.no_grad():
        for name, x in plain_tensors(optimizer).items():
            x.copy_(torch.tensor(taken.optimizer[name]))


def plain_tensors(optimizer: Any) -> dict[str, Tensor]:
    """Return the tensors among the attributes of an optimizer, parameters left out."""
    attributes = {k: x for k, x in vars(optimizer).items() if k != "params"}
    leaves, _ = pytree.tree_flatten_with_path(attributes)
    return {
        pytree.keystr(path): x
        for path, x in leaves
        if isinstance(x, Tensor) and not isinstance(x, nn.Parameter)
    }
