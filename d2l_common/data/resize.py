"""Resizing of images in NumPy arrays."""

from collections.abc import Sequence

import numpy as np

from d2l_common.checks.arguments import check_count

# Small enough for the cache, large enough to hide Pillow's cost per call.
_CHUNK = 1024


def resize_images(images: np.ndarray, size: int | Sequence[int]) -> np.ndarray:
    """
    Resize greyscale images with Pillow's bilinear filter.

    The result is equal to the bit to resizing each image as torchvision's `Resize` does with a
    Pillow image: antialiased when it shrinks.

    Parameters
    ----------
    images : np.ndarray
        `uint8` of shape `(n, h, w)`.
    size : int or pair of int
        The new height and width, or one number for both.

    Returns
    -------
    np.ndarray
        `uint8` of shape `(n, height, width)`; `images` itself if it already has that size.

    Raises
    ------
    TypeError
        If `size` holds a value that is not an integer.
    ValueError
        If `size` is neither a positive integer nor a pair of them, or if `images` has a different
        type or shape.
    """
    height, width = _check_size(size)
    if images.dtype != np.uint8 or images.ndim != 3 or 0 in images.shape[1:]:
        raise ValueError(
            f"images must be uint8 of shape (n, h, w), got {images.dtype} of shape {images.shape}"
        )
    if images.shape[1:] == (height, width):
        return images
    # The order of the two passes determines the rounding. Pillow 13 runs the cheaper one first for
    # some changes of aspect, older versions never do, so probe the installed version.
    probe = np.random.default_rng(0).integers(0, 256, (8, *images.shape[1:]), np.uint8)
    same = np.array_equal(_resize_stack(probe, height, width), _resize_each(probe, height, width))
    resize = _resize_stack if same else _resize_each
    resized = np.empty((len(images), height, width), np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        resized[chunk] = resize(images[chunk], height, width)
    return resized


def _resize_each(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize each image by itself."""
    return np.stack([_resize(image, height, width) for image in images])


def _resize_stack(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """
    Resize all images in two calls, four times as fast as one call an image.

    Pillow filters along the rows, rounds, and filters along the columns. A stack of images is one
    tall image whose rows are independent; transposed, its columns are rows.
    """
    n, h, w = images.shape
    rows = _resize(images.reshape(n * h, w), n * h, width)
    transposed = rows.reshape(n, h, width).transpose(0, 2, 1).reshape(n * width, h)
    columns = _resize(transposed, n * width, height)
    return columns.reshape(n, width, height).transpose(0, 2, 1)


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize one image of shape `(h, w)`."""
    from PIL import Image

    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _check_size(size: int | Sequence[int]) -> tuple[int, int]:
    """Return `size` as `(height, width)`."""
    if isinstance(size, (Sequence, np.ndarray)) and not isinstance(size, str):
        if len(size) != 2:
            raise ValueError(f"size must be an integer or a pair (height, width), got {size!r}")
        height, width = size
        return check_count("size[0]", height), check_count("size[1]", width)
    return (check_count("size", size),) * 2
