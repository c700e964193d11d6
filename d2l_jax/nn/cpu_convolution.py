"""Convolutions in the forms that XLA computes fast on a CPU, with their gradients."""

import math
import operator
from functools import partial
from typing import Any

import jax
from flax import nnx
from jax import Array
from jax import numpy as jnp

# A minibatch is convolved in parts of about so many positions of the kernel, and in at most so
# many parts.
POSITIONS_A_PART, MAX_PARTS = 2**14, 16
# The most positions, and the largest kernel, of which a product of matrices has all pixels.
FEW_POSITIONS, SMALL_KERNEL = 16, 25


def use_in(model: nnx.Module) -> None:
    """Make the `nnx.Conv` layers on images in a copy of a model call `convolve`."""
    for _, layer in nnx.iter_modules(model):
        if isinstance(layer, nnx.Conv) and len(layer.kernel_size) == 2:
            is_xla = layer.conv_general_dilated is jax.lax.conv_general_dilated
            # A subclass may call the function in a way of its own.
            if is_xla and type(layer).__call__ is nnx.Conv.__call__:
                layer.conv_general_dilated = convolve


def convolve(
    inputs: Array,
    kernel: Array,
    strides: Any,
    padding: Any,
    lhs_dilation: Any = (1, 1),
    rhs_dilation: Any = (1, 1),
    feature_group_count: int = 1,
    **kwargs: Any,
) -> Array:
    """
    Return what `lax.conv_general_dilated` returns of images `(n, h, w, channels)`.

    XLA's own convolution is slow on a CPU in four cases, measured for 6 to 512 channels, and up to
    80 times as fast in another form: where each channel has a kernel of its own (form: a sum of
    shifted images), where channels are in groups (one convolution a group), where the kernel is
    1 x 1 or larger than small images (one product of matrices), and for the gradient of a kernel
    that has tens of thousands of positions (some images at a time).
    """
    groups, num_channels = feature_group_count, inputs.shape[-1]
    (num_images, *size), window = inputs.shape[:3], kernel.shape[:2]
    asks_for_more = any(kwargs.get(name) for name in ("preferred_element_type", "out_sharding"))
    is_dilated = {*lhs_dilation, *rhs_dilation} != {1}
    if isinstance(padding, str) and not is_dilated:
        padding = jax.lax.padtype_to_pads(size, window, strides, padding)
    is_odd = is_dilated or asks_for_more or min(map(min, padding)) < 0
    positions = [] if is_odd else output_size(size, window, strides, padding)
    if jax.default_backend() != "cpu" or is_odd or min(positions) < 1:
        kwargs |= {"lhs_dilation": lhs_dilation, "rhs_dilation": rhs_dilation}
        kwargs["feature_group_count"] = groups
        return jax.lax.conv_general_dilated(inputs, kernel, strides, padding, **kwargs)
    if groups == num_channels == kernel.shape[-1] > 1:
        return by_channel(inputs, kernel, strides, padding)
    if groups > 1:
        split = partial(jnp.split, indices_or_sections=groups, axis=-1)
        each = zip(split(inputs), split(kernel), strict=True)
        parts = [convolve(x, k, strides, padding, **kwargs) for x, k in each]
        return jnp.concatenate(parts, axis=-1)
    num_positions = math.prod(positions)
    # XLA computes in loops of its own what is smaller than the kernel, here or in a gradient.
    is_slow = any(map(operator.lt, map(min, size, positions), window))
    is_small = num_positions <= FEW_POSITIONS and math.prod(window) <= SMALL_KERNEL
    if window == (1, 1) or (is_slow and is_small):
        columns = jnp.concatenate(shifted(inputs, window, strides, padding), axis=-1)
        rows = kernel.reshape(-1, kernel.shape[-1])
        return jnp.matmul(columns, rows, precision=kwargs["precision"])
    num_parts = min(math.ceil(num_images * num_positions / POSITIONS_A_PART), num_images, MAX_PARTS)
    if jax.device_count() > 1:  # a minibatch that lies on several devices has its parts
        num_parts = 1
    images = jnp.array_split(inputs, max(1, num_parts))
    parts = [jax.lax.conv_general_dilated(x, kernel, strides, padding, **kwargs) for x in images]
    return jnp.concatenate(parts)


def by_channel(inputs: Array, kernel: Array, strides: Any, padding: Any) -> Array:
    """Return the convolution of each channel with a kernel of its own."""
    # Half precision adds up in float32, as in other convolutions.
    dtype = jnp.promote_types(inputs.dtype, jnp.float32)
    num_rows, (stride, _) = len(kernel), strides
    padded = jnp.pad(inputs.astype(dtype), [(0, 0), padding[0], (0, 0), (0, 0)])
    length = (padded.shape[1] - num_rows) // stride * stride + 1

    @partial(jax.checkpoint, prevent_cse=False)  # else the images of each row would be kept
    def add_row(total: Any, row: Any) -> Any:
        """Add the products with a row of the kernels."""
        i, factors = row
        band = jax.lax.dynamic_slice_in_dim(padded, i, length, axis=1)
        images = shifted(band, (1, kernel.shape[1]), strides, [(0, 0), padding[1]])
        products = [image * factor for image, factor in zip(images, factors, strict=True)]
        return sum(products, start=total), None

    # One row after the other: a sum of 49 products takes XLA three times as long to compile.
    size = output_size(inputs.shape[1:3], kernel.shape, strides, padding)
    start = jnp.zeros((len(inputs), *size, inputs.shape[-1]), dtype)
    rows = jnp.arange(num_rows), kernel[:, :, 0].astype(dtype)
    return jax.lax.scan(add_row, start, rows)[0].astype(inputs.dtype)


def output_size(size: Any, window: Any, strides: Any, padding: Any) -> list[int]:
    """Return height and width of a convolution's outputs."""
    axes = zip(size, padding, window[:2], strides, strict=True)
    return [
        (length + sum(added) - covered) // stride + 1 for length, added, covered, stride in axes
    ]


def shifted(inputs: Array, window: tuple[int, ...], strides: Any, padding: Any) -> list[Array]:
    """Return for each element of a kernel, row by row, the pixels that it is multiplied by."""
    padded = jnp.pad(inputs, [(0, 0), *padding, (0, 0)])
    rows, columns = (
        [slice(i, i + length - covered + 1, stride) for i in range(covered)]
        for length, covered, stride in zip(padded.shape[1:3], window, strides, strict=True)
    )
    return [padded[:, row, column] for row in rows for column in columns]
