"""The memory that prediction takes, and that training takes (section 5.3.4)."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array


def memory_of_training(fun: Callable[..., Array], params: Any, *inputs: Any) -> tuple[int, int]:
    """
    Return the bytes of intermediate results that prediction and that training keep at once.

    In JAX the compiler says what its programs need: `fun` alone, and with its gradient.

    Parameters
    ----------
    fun : callable
        `fun(params, *inputs)` returns one number.
    params : arrays, or lists, tuples or dicts of them
    inputs : arrays

    Returns
    -------
    prediction, training : int
        Bytes, beside parameters, inputs and results.

    Raises
    ------
    RuntimeError
        If the compiler for this device does not say.
    """
    sizes = []
    for program in (fun, jax.value_and_grad(fun)):
        analysis = jax.jit(program).lower(params, *inputs).compile().memory_analysis()
        if analysis is None:
            raise RuntimeError(f"XLA says nothing of memory on {jax.default_backend()}")
        sizes.append(int(analysis.temp_size_in_bytes))
    return sizes[0], sizes[1]
