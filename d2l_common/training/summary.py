"""The table of a model's layers (section 7.6)."""

from collections.abc import Sequence
from typing import Any

from d2l_common.descriptions import aligned, count, union


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


def format_summary(rows: Sequence[tuple[str, Sequence[int], dict[int, int]]]) -> str:
    """
    Return a table of layers.

    Parameters
    ----------
    rows : tuples (name, output shape, sizes)
        `sizes` holds the number of entries of each parameter of the layer by its `id`.
    """
    lines = [("layer", "output shape", "parameters")]
    lines += [(name, str(tuple(shape)), count(sizes)) for name, shape, sizes in rows]
    lines.append(("total", "", count(union(sizes for *_, sizes in rows))))
    return aligned(lines)
