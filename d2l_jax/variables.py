"""The variables of Flax NNX and the arrays in them."""

from typing import Any

import jax
from flax import nnx


def is_variable(x: Any) -> bool:
    """Return whether `x` is a variable of NNX."""
    return isinstance(x, nnx.Variable)


def raw_value(x: Any) -> Any:
    """Return what a variable holds, or anything else as it is."""
    return x.get_raw_value() if is_variable(x) else x


def move_variables(node: Any, gpus: list[Any]) -> None:
    """Move the variables of a model or of an optimizer to the first of `gpus`, if there is one."""
    if gpus:
        nnx.update(node, jax.device_put(nnx.state(node), gpus[0]))
