"""Where random numbers come from when a reader names no source."""

import random

import jax
from flax import nnx

_seeds = random.Random(0)
_keys: list[
    jax.Array
] = []  # the last key given out; empty until the first, so that importing is free


def get_key() -> jax.Array:
    """
    Return a new key for `jax.random`: the next of one stream a process, which begins at seed 0.

    As in the book's JAX edition; give `rngs=` or `key=` to name your own source instead.
    """
    key = _keys.pop() if _keys else jax.random.key(0)
    key, subkey = jax.random.split(key)
    _keys.append(key)
    return subkey


def get_seed() -> int:
    """Return a new integer seed, for generators of other libraries: the next of one stream."""
    return _seeds.randint(0, 10**6)


def default_rngs(rngs: nnx.Rngs | None) -> nnx.Rngs:
    """Return `rngs`, or streams that begin at `get_key()` if it is None."""
    return nnx.Rngs(get_key()) if rngs is None else rngs
