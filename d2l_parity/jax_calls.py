"""Record the calls of the layers of a Flax NNX model."""

from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array
from jax import numpy as jnp
from jax.interpreters.partial_eval import DynamicJaxprTracer

from d2l_common.arrays import to_numpy
from d2l_jax.layouts import units
from d2l_jax.training.compilation import setting
from d2l_jax.units import dotted
from d2l_parity.activations import Call, leaves_of, numbers, place_of_call
from d2l_parity.jax_dropout import SharedDropout, dropout_name


def add_hooks(module: nnx.Module, calls: list[Call]) -> None:
    """Make the layers of `module` that hold arrays, and dropout, record their calls."""
    modules = dict(nnx.iter_modules(module))
    hooked = {unit.place: unit.name for unit in units(module)}
    hooked |= {unit.place: unit.name for unit in units(module, set())}
    for place, each in modules.items():
        if isinstance(each, SharedDropout):
            hooked[place] = dropout_name(dotted(place))
    for place, name in hooked.items():
        if place:  # not the module itself
            hook(modules[place], name, calls)


def hook(layer: Any, name: str, calls: list[Call]) -> None:
    """Make `layer` append its calls to `calls`."""
    kind: Any = type(layer)

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = kind.__call__(self, *args, **kwargs)
        where, rate, done = place_of_call(), 0.0, []  # type: ignore[var-annotated]
        is_dropout = isinstance(self, SharedDropout)
        if is_dropout:
            if not self.drops(*args[1:], **without(kwargs, "rngs")):
                return output
            rate = args[1] if args[1:] else self.rate

        def record(*values: Any) -> None:
            inputs, outputs = map(numbers_in, values)
            if not (is_dropout and done):  # a gradient within the model runs one call twice
                calls.append(Call(name, inputs, outputs, where, rate))
            done.append(True)

        arrays = arrays_in((args, kwargs)), arrays_in(output)
        if is_staged(*arrays):
            jax.debug.callback(record, *arrays, ordered=True)
        else:
            record(*arrays)
        return output

    # Python looks up `__call__` on the class, so the layer gets a class of its own.
    members = {"__call__": __call__, "__module__": kind.__module__}
    object.__setattr__(layer, "__class__", type(kind)(kind.__name__, (kind,), members))


def without(kwargs: dict[str, Any], name: str) -> dict[str, Any]:
    """Return `kwargs` without one of them."""
    return {key: value for key, value in kwargs.items() if key != name}


def is_staged(*arrays: Any) -> bool:
    """Return whether `jax.checkpoint` traces, so that values come later, though uncompiled."""
    leaves = jax.tree.leaves(arrays)
    return setting("jax_disable_jit") and any(isinstance(x, DynamicJaxprTracer) for x in leaves)


def arrays_in(tree: Any) -> list[Any]:
    """Return the arrays in a pytree, without keys of random numbers."""
    leaves = [x for x in leaves_of(tree) if isinstance(x, Array | np.ndarray)]
    return [x for x in leaves if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key)]


def numbers_in(tree: Any) -> list[np.ndarray] | None:
    """Return the arrays of numbers in a pytree; None if one has no value yet."""
    leaves = arrays_in(tree)
    if any(isinstance(x, jax.core.Tracer) for x in leaves):
        return None
    return numbers([to_numpy(x) for x in leaves])
