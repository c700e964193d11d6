"""Compile a program once in the life of the process; know whether what it says has changed."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax

# A compiled program of these models takes some hundred kilobytes.
MAX_PROGRAMS = 64
_programs: OrderedDict[Any, Any] = OrderedDict()

# Attributes that are compared by what they say; others are the same only if they are one object.
CONTAINERS = (tuple, list, dict)
PLAIN = (int, float, str, *CONTAINERS)


class Program:
    """
    A pure function, compiled for each shape of its arguments that comes along.

    Plain `jax.jit` would either compile anew for every new model or, kept across models, run
    code that the reader has redefined since. So the function is traced anew with each `Program`
    (a tenth of a second), and what it lowers to decides: the same text, constants included, is
    the same program, which is compiled already.

    Parameters
    ----------
    function : callable
        A pure function of pytrees of arrays.
    """

    def __init__(self, function: Callable[..., Any]):
        self._function = function
        # Unused arguments stay: the text would not tell which of them were dropped.
        self._jitted = jax.jit(function, keep_unused=True)
        self._for_shapes: dict[Any, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        """Return `function(*arguments)`."""
        if getattr(jax.config, "jax_disable_jit", False):
            return self._function(*arguments)
        if any(getattr(jax.config, flag, False) for flag in ("jax_debug_nans", "jax_debug_infs")):
            return self._jitted(*arguments)  # which looks for the line when there is one
        leaves, treedef = jax.tree.flatten(arguments)
        shapes = (treedef, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
        compiled = self._for_shapes.get(shapes)
        if compiled is None:
            devices = {str(getattr(leaf, "sharding", "")) for leaf in leaves}
            compiled = compile_once(self._jitted.lower(*arguments), devices)
            self._for_shapes[shapes] = compiled
        return compiled(*arguments)


def compile_once(lowered: jax.stages.Lowered, devices: Iterable[str] = ()) -> Any:
    """Return `lowered.compile()`, from the programs that were compiled before if it is there."""
    text = lowered.as_text()
    if "callback" in text or getattr(jax.config, "jax_use_simplified_jaxpr_constants", False):
        return lowered.compile()  # the text would not tell which function, or which constants
    digest = hashlib.sha256(text.encode()).digest()  # constants can make a text long
    key = (digest, lowered.in_tree, lowered.out_tree, tuple(sorted(devices)))
    if key not in _programs:
        _programs[key] = lowered.compile()
        while len(_programs) > MAX_PROGRAMS:
            _programs.popitem(last=False)
    _programs.move_to_end(key)
    return _programs[key]


def contents(modules: Iterable[Any]) -> list[Any]:
    """Return names and values of the attributes of modules: plain values as text."""
    found: list[Any] = []
    for module in modules:
        for name, value in vars(module).items():
            found += [name, repr(value) if isinstance(value, PLAIN) else value]
            if isinstance(value, CONTAINERS):
                found.append(value)  # whose text may leave out what is long
    return found


def differ(before: Sequence[Any], now: Sequence[Any]) -> bool:
    """Return whether two lists have other texts, or other objects."""
    # Arrays and modules by identity: a changed one is another object, and most have no `==`.
    return len(before) != len(now) or any(
        a != b if isinstance(a, str) and isinstance(b, str) else a is not b
        for a, b in zip(before, now, strict=True)
    )
