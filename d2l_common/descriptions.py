"""Short texts for the prompt: the repr of an object, and the names that Tab completes."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from d2l_common.arrays import describe

UNKNOWN = "unknown before the first minibatch"  # the shapes of a layer
MAX_ITEMS = 6  # of a sequence that is shown
RANDOM = ("rngs", "generator")  # sources of randomness, which say nothing


class Described:
    """
    Mixin of objects that describe themselves by their hyperparameters.

    Attributes
    ----------
    machinery : tuple of str
        Public names that the library needs and a user does not: `dir` leaves them out, with those
        of the base classes.
    """

    machinery: tuple[str, ...] = ("machinery", "summary")

    def summary(self) -> str:
        """Return what the repr adds to the hyperparameters; by default nothing."""
        return ""

    def __repr__(self) -> str:
        """Return the hyperparameters that differ from their defaults, and a summary."""
        return ": ".join(filter(None, [constructor(self), self.summary()]))

    def __dir__(self) -> list[str]:
        """Return the names that a user needs."""
        hidden = {name for kind in type(self).__mro__ for name in vars(kind).get("machinery", ())}
        names = [name for name in super().__dir__() if name not in hidden]
        return [x for x in names if not x.startswith("_") or x.startswith("__")]


def constructor(x: Any) -> str:
    """Return `Name(a=1)`, with the hyperparameters of `x` that differ from their defaults."""
    usual = defaults(type(x))
    names = [name for name in x._hparam_names if name not in RANDOM]
    values = ((name, getattr(x, name, None)) for name in names)
    shown = [(k, short(v)) for k, v in values if k not in usual or short(usual[k]) != short(v)]
    return f"{type(x).__name__}({', '.join(f'{name}={text}' for name, text in shown)})"


def defaults(kind: type) -> dict[str, Any]:
    """Return the default values of the parameters of a class and its base classes."""
    found: dict[str, Any] = {}
    for owner in reversed(kind.__mro__):
        if inspect.isfunction(init := vars(owner).get("__init__")):
            for name, parameter in inspect.signature(init).parameters.items():
                if parameter.default is not inspect.Parameter.empty:
                    found[name] = parameter.default
    return found


def short(x: Any) -> str:
    """Return a short text for a value: numbers as they are, arrays by type and shape."""
    if x is None or isinstance(x, bool | int | float | str):
        return repr(x)
    if isinstance(x, list | tuple) and len(x) <= MAX_ITEMS:
        items = ", ".join(map(short, x)) + ("," if len(x) == 1 and isinstance(x, tuple) else "")
        return f"[{items}]" if isinstance(x, list) else f"({items})"
    if isinstance(getattr(x, "shape", None), tuple):
        return describe(x)
    return getattr(x, "__name__", type(x).__name__)


def table(title: str, rows: Iterable[tuple[str, str, str, dict[int, int] | None]]) -> str:
    """
    Return a table of the parts of a model below a title.

    Parameters
    ----------
    title : str
    rows : tuples (name, kind, shapes, sizes)
        `sizes` holds the number of entries of each parameter by its `id`, so that the total counts
        a parameter of two parts once; None if they are unknown.
    """
    rows = list(rows)
    lines = [("name", "layer", "parameters", "number")]
    lines += [(name, kind, shapes, count(sizes)) for name, kind, shapes, sizes in rows]
    lines.append(("total", "", "", count(union(sizes for *_, sizes in rows))))
    return f"{title}\n{aligned(lines)}"


def union(parts: Iterable[dict[int, int] | None]) -> dict[int, int] | None:
    """Return the sizes of the parameters of several parts; None if some are unknown."""
    total: dict[int, int] = {}
    for sizes in parts:
        if sizes is None:
            return None
        total |= sizes
    return total


def count(sizes: dict[int, int] | None) -> str:
    """Return the number of entries of parameters as a text."""
    return "unknown" if sizes is None else f"{sum(sizes.values()):,}"


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as a text with columns, the last one aligned at the right."""
    *widths, last = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for *cells, number in lines:
        padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
        texts.append("  ".join([*padded, f"{number:>{last}}"]))
    return "\n".join(texts)


def describe_shapes(shapes: dict[str, tuple[int, ...]]) -> str:
    """Return the shapes of a layer's parameters by name, or how many there are."""
    if len(shapes) > 2:
        return f"{len(shapes)} tensors"
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
