"""Fully connected layers with the initial weights that both backends share."""

import math
from functools import partial
from typing import Any

import jax
from flax import nnx
from jax import Array

from d2l_common.checks.arguments import check_count
from d2l_common.checks.tensors import check_floating, check_last_axis
from ..conversion import default_float
from ..functional import is_floating
from ..random import default_rngs
from .initialization import uniform
from .lazy import Lazy

FEW_OUTPUTS = 16


class Linear(nnx.Linear):
    """A fully connected layer that checks its input."""

    def __call__(self, inputs: Array, out_sharding: Any = None) -> Array:
        """Return `X W + b`: floating-point `(..., num_inputs)` to `(..., num_outputs)`."""
        check_floating("X", is_floating(inputs), inputs.dtype)
        check_last_axis(self.in_features, inputs.shape)
        return super().__call__(inputs, out_sharding=out_sharding)


def linear(
    num_inputs: int | None, num_outputs: int, sigma: float | None = None, rngs: Any = None
) -> Any:
    """
    Return a fully connected layer, `(n, num_inputs)` to `(n, num_outputs)`.

    Parameters
    ----------
    num_inputs : int
        None to infer it from the first minibatch.
    num_outputs : int
    sigma : float
        Standard deviation of normal weights, with biases of 0; if not given, weights and biases
        are uniform within `1 / sqrt(num_inputs)`.
    rngs : nnx.Rngs
        Draws them; from `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `num_inputs` or `num_outputs` is not a positive integer.
    """
    check_count("num_outputs", num_outputs)
    if num_inputs is None:
        return Lazy(partial(linear, num_outputs=num_outputs, sigma=sigma), rngs)
    check_count("num_inputs", num_inputs)
    if sigma is None:
        # PyTorch's distribution; NNX's is wider, with biases of 0.
        kernel_init = bias_init = uniform(1 / math.sqrt(num_inputs))
    else:
        kernel_init, bias_init = nnx.initializers.normal(sigma), nnx.initializers.zeros
    return Linear(
        num_inputs,
        num_outputs,
        kernel_init=kernel_init,
        bias_init=bias_init,
        param_dtype=default_float(),
        dot_general=dot_transposed if num_outputs <= FEW_OUTPUTS else jax.lax.dot_general,
        rngs=default_rngs(rngs),
    )


def dot_transposed(X: Array, W: Array, *args: Any, **kwargs: Any) -> Array:
    """
    Return `lax.dot_general(X, W)`, for weights `(num_inputs, num_outputs)` with few outputs.

    The gradient of the transposed weights is g^T X, which XLA computes on a CPU in a fraction of
    the time of X^T g if g has few columns. Without the barrier XLA would undo the transposition.
    """
    return jax.lax.dot_general(X, jax.lax.optimization_barrier(W.T).T, *args, **kwargs)


def flatten(X: Array) -> Array:
    """
    Return each example of a minibatch as a vector: `(n, ...)` to `(n, num_inputs)`.

    Images `(n, h, w, channels)` are flattened in PyTorch's order, channels first, so that the
    weights of the next layer are the same on both backends.
    """
    if X.ndim == 4:
        X = X.transpose(0, 3, 1, 2)
    return X.reshape(X.shape[0], math.prod(X.shape[1:]))  # -1 is unknown for no examples
