"""The repr of a model: a table of its layers."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from d2l_common.descriptions import UNKNOWN, constructor, describe_shapes, table


def overview(model: Any) -> str:
    """Return the class of a model and a table of its layers and their parameters."""
    return table(constructor(model), (row(name, part) for name, part in parts(model)))


def parts(model: Any, prefix: str = "", depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield the parameters and the layers of a model by name; those of `net` one by one."""
    yield from ((f"{prefix}{name}", x) for name, x in model._parameters.items() if x is not None)
    layers = [(name, x) for name, x in model._modules.items() if x is not None]
    for name, layer in layers:
        path = f"{prefix}{name}"
        if depth > 1 and isinstance(layer, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            yield from parts(layer, f"{path}.", depth - 1)
        else:
            yield path, layer


def row(name: str, part: Any) -> tuple[str, str, str, dict[int, int] | None]:
    """Return the name, kind, and the shapes and sizes of parameters, of a part of a model."""
    if not isinstance(part, nn.Module):
        return name, type(part).__name__, str(tuple(part.shape)), sizes_of(part)
    params = dict(part.named_parameters())
    if any(map(is_lazy, params.values())):
        return name, type(part).__name__, UNKNOWN, None
    shapes = {path: tuple(x.shape) for path, x in params.items()}
    return name, type(part).__name__, describe_shapes(shapes), sizes_of(part)


def sizes_of(part: Any) -> dict[int, int]:
    """Return the number of entries of each parameter of a part by `id`."""
    params = part.parameters() if isinstance(part, nn.Module) else [part]
    return {id(x): x.numel() for x in params}
