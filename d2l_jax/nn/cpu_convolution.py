"""Convolutions in the forms that XLA computes fast on a CPU, with their gradients."""

import math
from functools import partial
from typing import Any

import jax
from jax import Array
from jax import numpy as jnp

# A minibatch is convolved in parts of about so many positions of the kernel, and in at most so
# many parts.
POSITIONS_A_PART, MAX_PARTS = 2**14, 16


def convolve(
    inputs: Array,
    kernel: Array,
    strides: Any,
    padding: Any,
    feature_group_count: int = 1,
    **kwargs: Any,
) -> Array:
    """
    Return what `lax.conv_general_dilated` returns of images `(n, h, w, channels)`.

    XLA's own convolution is slow on a CPU in four cases, measured for 6 to 512 channels, and up to
    80 times as fast in another form: where each channel has a kernel of its own (form: a sum of
    shifted images), where channels are in groups (one convolution a group), where the kernel is
    1 x 1 or larger than the images (one product of matrices), and for the gradient of a kernel
    that has tens of thousands of positions (some images at a time).
    """
    # A minibatch that lies on several devices is left in its parts.
    if jax.default_backend() != "cpu" or jax.local_device_count() > 1:
        kwargs["feature_group_count"] = feature_group_count
        return jax.lax.conv_general_dilated(inputs, kernel, strides, padding, **kwargs)
    (num_images, *size, num_channels), window = inputs.shape, kernel.shape[:2]
    if feature_group_count == num_channels == kernel.shape[-1] > 1:
        return by_channel(inputs, kernel, strides, padding)
    if feature_group_count > 1:
        split = partial(jnp.split, indices_or_sections=feature_group_count, axis=-1)
        groups = zip(split(inputs), split(kernel), strict=True)
        parts = [convolve(x, k, strides, padding, **kwargs) for x, k in groups]
        return jnp.concatenate(parts, axis=-1)
    positions = [
        (length + sum(added) - covered) // stride + 1
        for length, added, covered, stride in zip(size, padding, window, strides, strict=True)
    ]
    smaller = any(
        min(lengths) < covered for *lengths, covered in zip(size, positions, window, strict=True)
    )
    if window == (1, 1) or smaller:
        columns = jnp.concatenate(shifted(inputs, window, strides, padding), axis=-1)
        rows = kernel.reshape(-1, kernel.shape[-1])
        return jnp.matmul(columns, rows, precision=kwargs["precision"])
    num_parts = math.ceil(num_images * math.prod(positions) / POSITIONS_A_PART)
    images = jnp.array_split(inputs, max(1, min(num_parts, num_images, MAX_PARTS)))
    parts = [jax.lax.conv_general_dilated(x, kernel, strides, padding, **kwargs) for x in images]
    return jnp.concatenate(parts)


def by_channel(inputs: Array, kernel: Array, strides: Any, padding: Any) -> Array:
    """Return the convolution of each channel with a kernel of its own."""
    # Half precision adds up in float32, as in other convolutions.
    dtype = jnp.promote_types(inputs.dtype, jnp.float32)
    images = shifted(inputs.astype(dtype), kernel.shape[:2], strides, padding)
    factors = kernel.astype(dtype).reshape(-1, kernel.shape[-1])
    products = [image * factor for image, factor in zip(images, factors, strict=True)]
    return sum(products[1:], start=products[0]).astype(inputs.dtype)


def shifted(inputs: Array, window: tuple[int, ...], strides: Any, padding: Any) -> list[Array]:
    """Return for each element of a kernel, row by row, the pixels that it is multiplied by."""
    padded = jnp.pad(inputs, [(0, 0), *padding, (0, 0)])
    rows, columns = (
        [slice(i, i + length - covered + 1, stride) for i in range(covered)]
        for length, covered, stride in zip(padded.shape[1:3], window, strides, strict=True)
    )
    return [padded[:, row, column] for row in rows for column in columns]
