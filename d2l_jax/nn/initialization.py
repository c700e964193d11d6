"""Initial weights (sections 5.4 and 7.6)."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array

from ..random import default_rngs
from .lazy import Lazy


def init_cnn(module: Any, rngs: Any = None) -> None:
    """
    Draw Xavier weights for a linear or convolutional layer; leave any other (section 7.6.1).

    Weights are uniform within `sqrt(6 / (num_inputs + num_outputs))`, counted over the kernel's
    window. A layer of the library that has no shape yet draws them once it has.

    Parameters
    ----------
    module : nnx.Module
        A layer; `Module.apply_init` calls this function for each.
    rngs : nnx.Rngs
        Draws the weights; from `get_key()` if not given.
    """
    init_kernel(module, rngs, xavier_uniform)


def init_kernel(module: Any, rngs: Any = None, draw: Any = None) -> None:
    """Draw the kernel of a linear or convolutional layer by an initializer of JAX."""
    if isinstance(module, Lazy):
        module.init = partial(init_kernel, draw=draw)
    elif isinstance(module, nnx.Linear | nnx.Conv):
        kernel = module.kernel
        kernel[...] = draw(default_rngs(rngs).params(), kernel.shape, kernel.dtype)


def init_layers(net: nnx.Module, init: Callable[..., None], **arguments: Any) -> None:
    """Call `init(layer, **arguments)` for each layer of `net`."""
    for _, layer in nnx.iter_modules(net):
        init(layer, **arguments)


def xavier_uniform(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return Xavier weights of shape `(*window, num_inputs, num_outputs)`."""
    *window, num_inputs, num_outputs = shape
    bound = math.sqrt(6 / (math.prod(window) * (num_inputs + num_outputs)))
    return uniform(bound)(key, shape, dtype)


def uniform(bound: float) -> Any:
    """
    Return the initializer of the uniform distribution from `-bound` to `bound`.

    NumPy draws the numbers, from JAX's key: XLA would compile a program for each shape, which takes
    seconds for a model of some layers.
    """

    def init(key: Array, shape: tuple[int, ...], dtype: Any = float, **_: Any) -> Array:
        dtype = jax.dtypes.canonicalize_dtype(dtype)

        def draw(words: Any) -> np.ndarray:
            single = np.dtype(dtype).itemsize <= 4
            random = np.random.default_rng(np.asarray(words))
            numbers = random.random(shape, np.float32 if single else np.float64)
            numbers *= 2 * bound
            numbers -= bound
            return numbers.astype(dtype)

        words = jax.random.key_data(key)
        if isinstance(words, jax.core.Tracer):
            result = jax.ShapeDtypeStruct(shape, dtype)
            return jax.pure_callback(draw, result, words, vmap_method="sequential")
        return jax.device_put(draw(words))  # jnp.asarray compiles a program for each shape

    return init
