"""The repr of a model: a table of its layers."""

from collections.abc import Iterator
from math import prod
from typing import Any

from flax import nnx

from d2l_common.descriptions import UNKNOWN, constructor, describe_shapes, table
from ..nn.lazy import Lazy, lazy_layers


def overview(model: Any) -> str:
    """Return the class of a model and a table of its layers and their parameters."""
    return table(constructor(model), (row(name, part) for name, part in parts(model)))


def parts(model: Any, prefix: str = "", depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield the parameters and the layers of a model by name; those of `net` one by one."""
    children = children_of(model)
    yield from ((f"{prefix}{name}", x) for name, x in children if isinstance(x, nnx.Param))
    for name, layer in children:
        path = f"{prefix}{name}"
        if depth > 1 and isinstance(layer, nnx.Sequential | nnx.List | nnx.Dict | list | tuple):
            yield from parts(layer, f"{path}.", depth - 1)
        elif isinstance(layer, nnx.Module) or (prefix and callable(layer)):
            if not isinstance(layer, nnx.Variable):
                yield path, layer


def children_of(node: Any) -> list[tuple[str, Any]]:
    """Return the attributes of a module, or the layers of a sequence, by name."""
    node = getattr(node, "layers", node) if isinstance(node, nnx.Sequential) else node
    if isinstance(node, nnx.List | list | tuple):
        return [(str(i), layer) for i, layer in enumerate(node)]
    return [(name, x) for name, x in vars(node).items() if not name.startswith("_")]


def row(name: str, part: Any) -> tuple[str, str, str, dict[int, int] | None]:
    """Return the name, kind, and the shapes and sizes of parameters, of a part of a model."""
    if isinstance(part, nnx.Param):
        return name, type(part).__name__, str(part.shape), sizes_of(part)
    if not isinstance(part, nnx.Module):
        return name, layer_name(part), "", {}
    if lazy_layers(part):
        kind = layer_name(part.make) if isinstance(part, Lazy) else type(part).__name__
        return name, kind, UNKNOWN, None
    params = nnx.to_flat_state(nnx.state(part, nnx.Param))
    shapes = {
        ".".join(str(key) for key in path if key != "layers"): tuple(x.shape)
        for path, x in sorted(params, key=lambda pair: -len(pair[1].shape))  # biases last
    }
    return name, type(part).__name__, describe_shapes(shapes), sizes_of(part)


def layer_name(layer: Any) -> str:
    """Return the name of a layer's class, or of a function."""
    layer = getattr(layer, "func", layer)  # of a partial
    return getattr(layer, "__name__", type(layer).__name__).strip("<>")


def sizes_of(part: Any) -> dict[int, int]:
    """Return the number of entries of each parameter of a part by `id`; none for a function."""
    if isinstance(part, nnx.Param):
        return {id(part): prod(part.shape)}
    nodes = nnx.iter_graph(part) if isinstance(part, nnx.Module) else ()
    return {id(x): prod(x.shape) for _, x in nodes if isinstance(x, nnx.Param)}
