"""Exponential moving averages of weights (section 7.5 of 2026)."""

from typing import Any, NamedTuple

import jax
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.arguments import check_probability
from d2l_common.checks.optimizers import check_same_weights, no_average
from ..layouts import arrays_of, check_shapes
from ..units import dotted
from ..weights import check_model


class EMA:
    """
    Exponential moving average of a model's weights (section 7.5 of 2026).

    The state that is not trained, such as running averages of normalization, is averaged like the
    parameters; integers, such as counters, are copied. Random streams are left out.

    Parameters
    ----------
    model : nnx.Module
        Its weights are the first averages.
    decay : float
        In [0, 1]. The average extends over about `1 / (1 - decay)` updates.

    Attributes
    ----------
    shadow : dict of arrays
        The averages, in NNX's names (`net.layers.1.kernel`) and layout.

    Raises
    ------
    TypeError, ValueError
        If `model` is not an nnx.Module, `decay` is not a number in [0, 1], or a lazy layer does not
        have its shape yet.
    """

    def __init__(self, model: nnx.Module, decay: float = 0.99):
        check_model(model)
        self.decay = check_probability("decay", decay)
        self.shadow: dict[str, Array] = named_arrays(model)

    def update(self, model: nnx.Module) -> None:
        """
        Set each average to `decay * average + (1 - decay) * weight`.

        Raises
        ------
        ValueError
            If names or shapes of the weights of `model` are not those of the averages.
        """
        weights = named_arrays(model)
        check_same_weights(self.shadow, weights)
        for name, weight in weights.items():
            self.shadow[name] = blend(self.shadow[name], weight, self.decay)

    def copy_to(self, model: nnx.Module) -> None:
        """
        Set the weights of `model` to the averages.

        Raises
        ------
        ValueError
            If names or shapes of the weights of `model` are not those of the averages.
        """
        check_same_weights(self.shadow, named_arrays(model))
        averages = {path: self.shadow[dotted(path)] for path in arrays_of(model)}
        nnx.update(model, nnx.from_flat_state(averages))


class Averaging(NamedTuple):
    """State of an optimizer that averages: that of the optimizer itself, and the averages."""

    optimizer: Any
    average: Any


def averaging(tx: Any, decay: float) -> Any:
    """Return an Optax transformation that also averages the parameters, in its state."""
    inner = optax.with_extra_args_support(tx)

    def init(params: Any) -> Averaging:
        return Averaging(inner.init(params), jax.tree.map(jnp.asarray, params))

    def update(grads: Any, state: Any, params: Any = None, **more: Any) -> tuple[Any, Averaging]:
        updates, optimizer = inner.update(grads, state.optimizer, params, **more)
        # The same sum as the trainer's own: XLA computes it once.
        moved = optax.apply_updates(params, updates)
        average = jax.tree.map(lambda x, y: blend(x, y, decay), state.average, moved)
        return updates, Averaging(optimizer, average)

    return optax.GradientTransformationExtraArgs(init, update)


def average_of(optim: nnx.Optimizer, model: nnx.Module, decay: float) -> EMA:
    """
    Return the average that an optimizer keeps of the parameters, with the state of `model`.

    Raises
    ------
    RuntimeError
        If `optim` keeps no average.
    """
    if not isinstance(optim.opt_state, Averaging):
        raise no_average()
    ema = EMA(model, decay)
    for path, average in nnx.to_flat_state(optim.opt_state.average):
        ema.shadow[dotted(path)] = average[...]
    return ema


def named_arrays(model: nnx.Module) -> dict[str, Array]:
    """Return the parameters and the state of a model without lazy layers by NNX's names."""
    check_shapes(model)
    return {dotted(path): jnp.asarray(x[...]) for path, x in arrays_of(model).items()}


def blend(average: Array, weight: Array, decay: float) -> Array:
    """Return the next average; of integers, which are counters, the new one."""
    if not jnp.issubdtype(weight.dtype, jnp.floating):
        return weight
    return decay * average + (1 - decay) * weight
