"""The table of a model's layers (section 7.6)."""

from collections.abc import Iterable, Sequence
from typing import Any

from d2l_common.descriptions import aligned


def layers_of_net(model: Any, kind: type) -> list[Any]:
    """
    Return the layers of `model.net`, in the order of their calls.

    Raises
    ------
    TypeError
        If the model has no `net`, or `net` is not of the class `kind`.
    """
    net: Any = getattr(model, "net", None)
    if not isinstance(net, kind):
        found = type(net).__name__ if net is not None else "none"
        raise TypeError(
            f"layer_summary needs a model whose net is a {kind.__name__} of layers, got {found}"
        )
    layers: Any = getattr(net, "layers", net)
    return list(layers)


def format_summary(rows: Iterable[tuple[str, Sequence[int], int]]) -> str:
    """Return a table of layers, given the name, output shape and number of parameters of each."""
    total, lines = 0, [("layer", "output shape", "parameters")]
    for name, shape, count in rows:
        lines.append((name, str(tuple(shape)), f"{count:,}"))
        total += count
    lines.append(("total", "", f"{total:,}"))
    return aligned(lines)
