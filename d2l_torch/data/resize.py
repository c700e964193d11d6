"""Resizing of images inside the step."""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from d2l_common.data.resize import HALF, PRECISION_BITS, Pass

# On a CPU the int32 pixels of a chunk stay in its caches: 128 images to 224 x 224 take 8 ms, and
# 50 ms at once.
_CHUNK_PIXELS = 16 * 224 * 224


def resize_images(images: Tensor, passes: Sequence[Pass]) -> Tensor:
    """
    Return images, uint8 `(n, h, w)`, resized by `passes`, uint8 `(n, height, width)`.

    Equal to the bit to Pillow's bilinear filter.
    """
    if not passes:
        return images
    size = {axis: images.shape[axis] for axis in (1, 2)}
    size |= {axis: positions.shape[1] for axis, positions, _ in passes}
    chunks = images.split(max(1, _CHUNK_PIXELS // (size[1] * size[2])))
    return torch.cat([reduce(_run, passes, chunk) for chunk in chunks])


def _run(images: Tensor, one_pass: Pass) -> Tensor:
    """Return images, uint8 `(n, h, w)`, after one pass."""
    axis, positions, coefficients = one_pass
    shape = (-1, 1) if axis == 1 else (-1,)
    total = torch.full((), HALF, dtype=torch.int32, device=images.device)
    for position, coefficient in zip(positions, coefficients, strict=True):
        rows, factors = (torch.from_numpy(x).to(images.device) for x in (position, coefficient))
        pixels = images.index_select(axis, rows).int()
        total = pixels.mul_(factors.reshape(shape)).add_(total)
    return total.bitwise_right_shift_(PRECISION_BITS).to(torch.uint8)
