"""Where random numbers come from when a reader names no source."""

import itertools
import random
import threading

import jax
from flax import nnx

_seeds = random.Random(0)
_count = itertools.count()
_lock = threading.Lock()


def get_key() -> jax.Array:
    """
    Return a new key for `jax.random`: the next of one stream a process, which begins at seed 0.

    As in the book's JAX edition; give `rngs=` or `key=` to name your own source instead.

    Raises
    ------
    RuntimeError
        Inside a function that JAX compiles: each of its runs would get the same key.
    """
    root = jax.random.key(0)
    if isinstance(root, jax.core.Tracer):
        raise RuntimeError(
            "get_key() inside a compiled function would be the same key in every run: "
            "pass a key to the function, or keep nnx.Rngs on the model"
        )
    with _lock:
        number = next(_count)
    return jax.random.fold_in(root, number)


def get_seed() -> int:
    """Return a new integer seed, for generators of other libraries: the next of one stream."""
    return _seeds.randint(0, 10**6)


def default_rngs(rngs: nnx.Rngs | None) -> nnx.Rngs:
    """Return `rngs`, or streams that begin at `get_key()` if it is None."""
    return nnx.Rngs(get_key()) if rngs is None else rngs
