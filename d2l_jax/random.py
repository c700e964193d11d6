"""Sources of randomness for readers who pass none."""

import random
import threading

import jax
from flax import nnx

_seeds = random.Random(0)
_num_keys = 0
_lock = threading.Lock()


def get_key() -> jax.Array:
    """
    Return a new key for `jax.random`, the next of a stream from seed 0 (section 3.2).

    As in the book's JAX edition; pass `rngs=` or `key=` to use a different source.

    Raises
    ------
    RuntimeError
        If called inside a compiled function, where each run would get the same key.
    """
    root = jax.random.key(0)
    if isinstance(root, jax.core.Tracer):
        raise RuntimeError(
            "get_key() must be called outside compiled functions, where it would be the same key "
            "in every run; pass a key to the function, or keep nnx.Rngs on the model"
        )
    global _num_keys
    with _lock:
        number, _num_keys = _num_keys, _num_keys + 1
    return jax.random.fold_in(root, number)


def num_keys() -> int:
    """Return how many keys `get_key` has returned, its place in the stream."""
    return _num_keys


def set_num_keys(number: int) -> None:
    """Set the place in its stream at which `get_key` goes on."""
    global _num_keys
    with _lock:
        _num_keys = number


def get_seed() -> int:
    """Return the next integer of one stream, a seed for other libraries (section 4.4)."""
    return _seeds.randint(0, 10**6)


def default_rngs(rngs: nnx.Rngs | None) -> nnx.Rngs:
    """Return `rngs`, or new streams from `get_key()` if it is None."""
    return nnx.Rngs(get_key()) if rngs is None else rngs
