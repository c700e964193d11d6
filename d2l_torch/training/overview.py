"""The repr of a model: a table of its layers."""

from collections.abc import Iterator
from math import prod
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from d2l_common.descriptions import constructor, describe_shapes, table


def overview(model: Any) -> str:
    """Return the class of a model and a table of its layers and their parameters."""
    return table(constructor(model), (row(name, part) for name, part in parts(model)))


def parts(model: Any, prefix: str = "", depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield the parameters and the layers of a model by name; those of `net` one by one."""
    yield from ((f"{prefix}{name}", x) for name, x in model._parameters.items() if x is not None)
    for name, layer in model.named_children():
        path = f"{prefix}{name}"
        if depth > 1 and isinstance(layer, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            yield from parts(layer, f"{path}.", depth - 1)
        else:
            yield path, layer


def row(name: str, part: Any) -> tuple[str, str, str, int]:
    """Return the name, kind, shapes of parameters, and their number, of a part of a model."""
    if not isinstance(part, nn.Module):
        return name, type(part).__name__, str(tuple(part.shape)), part.numel()
    params = dict(part.named_parameters())
    if any(map(is_lazy, params.values())):
        return name, type(part).__name__, "unknown before the first minibatch", 0
    shapes = {path: tuple(x.shape) for path, x in params.items()}
    return name, type(part).__name__, describe_shapes(shapes), sum(map(prod, shapes.values()))
