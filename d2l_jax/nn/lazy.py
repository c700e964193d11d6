"""Layers that learn their number of inputs from the first minibatch."""

from functools import partial
from typing import Any

import jax
from flax import nnx
from flax.errors import TraceContextError

from ..random import default_rngs


class Lazy(nnx.Module):
    """
    A layer whose number of inputs is not known yet; its first call turns it into the layer.

    Parameters
    ----------
    make : functools.partial
        `make(num_inputs, rngs=rngs)` returns the layer.
    rngs : nnx.Rngs
        A key is drawn from it now, so that the weights do not depend on the order of calls.

    Attributes
    ----------
    init : callable or None
        `init(layer, rngs=rngs)` is called once the layer is made.
    """

    def __init__(self, make: partial[Any], rngs: Any = None):
        self.make: Any = make
        self.init: Any = None
        self.key = default_rngs(rngs).params()

    @property
    def groups(self) -> int:
        """The number of groups of inputs that do not mix."""
        return self.make.keywords.get("groups", 1)

    def __call__(self, X: Any) -> Any:
        """Become the layer for inputs like `X`, and return its outputs."""
        try:
            self.become(X.shape[-1])
        except TraceContextError:
            raise RuntimeError(
                "a layer learns its number of inputs from its first call, which must be outside "
                "compiled and differentiated functions; call the model on a minibatch first"
            ) from None
        return self(X)

    def become(self, num_inputs: int) -> None:
        """Become the layer for `num_inputs` inputs."""
        make, self.make = self.make, None  # NNX raises if JAX traces a function around the model
        rngs = nnx.Rngs(params=self.key)
        layer: Any = make(num_inputs, rngs=rngs)
        if self.init is not None:
            self.init(layer, rngs=rngs)
        layer.num_inputs = num_inputs
        vars(self).clear()
        vars(self).update(vars(layer))
        object.__setattr__(self, "__class__", type(layer))


def lazy_layers(model: nnx.Module) -> dict[Any, Lazy]:
    """Return the layers of `model` whose number of inputs is not known yet, by path."""
    return {path: x for path, x in nnx.iter_modules(model) if isinstance(x, Lazy)}


def learn_shapes(model: nnx.Module, *inputs: Any) -> None:
    """Give the layers of `model` their numbers of inputs, from a minibatch; compute nothing."""
    layers = lazy_layers(model)
    if not layers:
        return
    learned = {}
    graphdef, state = nnx.split(model)

    def run(state: Any, *inputs: Any) -> None:
        copy = nnx.merge(graphdef, state, copy=True)
        copy.eval()
        copies = lazy_layers(copy)
        copy(*inputs)
        learned.update({path: getattr(x, "num_inputs", None) for path, x in copies.items()})

    jax.eval_shape(run, state, *inputs)
    for path, num_inputs in learned.items():
        if num_inputs is not None:  # the model may not use a layer
            layers[path].become(num_inputs)
