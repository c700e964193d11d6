"""Resizing of images inside the step."""

from collections.abc import Iterable

import torch
from torch import Tensor

from d2l_common.data.resize import HALF, PRECISION_BITS, Pass

# On a CPU the int32 pixels of so few images stay in its caches: 128 images to 224 x 224 take 8 ms,
# 50 ms at once.
_CHUNK = 16


def resize_images(images: Tensor, passes: Iterable[Pass]) -> Tensor:
    """
    Return images, uint8 `(n, h, w)`, resized by `passes`, uint8 `(n, height, width)`.

    Equal to the bit to Pillow's bilinear filter.
    """
    for one_pass in passes:
        images = torch.cat([_run(chunk, one_pass) for chunk in images.split(_CHUNK)])
    return images


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
