"""Memory of prediction and of training (section 5.3.4)."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array


def memory_of_training(fun: Callable[..., Array], params: Any, *inputs: Any) -> tuple[int, int]:
    """
    Return the bytes of intermediate results that prediction and training keep at once.

    In JAX these are the compiler's figures for the programs of `fun` and of its gradient.

    Parameters
    ----------
    fun : callable
        `fun(params, *inputs)` returns one number.
    params : arrays, or lists, tuples or dicts of them
    inputs : arrays

    Returns
    -------
    prediction, training : int
        Bytes, without parameters, inputs and results.

    Raises
    ------
    RuntimeError
        If the compiler for this device does not report them.
    """
    sizes = []
    for program in (fun, jax.value_and_grad(fun)):
        analysis = jax.jit(program).lower(params, *inputs).compile().memory_analysis()
        if analysis is None:
            raise RuntimeError(f"XLA does not report memory on {jax.default_backend()}; use a CPU")
        sizes.append(int(analysis.temp_size_in_bytes))
    return sizes[0], sizes[1]
