"""Resizing of images inside the step."""

from collections.abc import Sequence
from functools import reduce

from jax import Array
from jax import numpy as jnp

from d2l_common.data.resize import HALF, PRECISION_BITS, Pass


def resize_images(images: Array, passes: Sequence[Pass]) -> Array:
    """
    Return images, uint8 `(n, h, w)`, resized by `passes`, uint8 `(n, height, width)`.

    Equal to the bit to Pillow's bilinear filter, eager and compiled.
    """
    return reduce(_run, passes, images)


def _run(images: Array, one_pass: Pass) -> Array:
    """Return images, uint8 `(n, h, w)`, after one pass."""
    axis, positions, coefficients = one_pass
    shape = (-1, 1) if axis == 1 else (-1,)
    total = jnp.int32(HALF)
    for position, coefficient in zip(positions, coefficients, strict=True):
        pixels = jnp.take(images, position, axis, mode="clip").astype(jnp.int32)
        total = total + pixels * coefficient.reshape(shape)
    return (total >> PRECISION_BITS).astype(jnp.uint8)
