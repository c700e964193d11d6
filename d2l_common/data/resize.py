"""Images as arrays: resizing."""

from collections.abc import Sequence

import numpy as np

from d2l_common.checks.arguments import check_count

# Small enough for the cache, large enough that Pillow's cost per call does not show.
_CHUNK = 1024


def resize_images(images: np.ndarray, size: int | Sequence[int]) -> np.ndarray:
    """
    Resize greyscale images with Pillow's bilinear filter.

    The result is equal, to the bit, to resizing one image after the other, which is what
    torchvision's `Resize` does to a Pillow image: antialiased when it shrinks.

    Parameters
    ----------
    images : np.ndarray
        `uint8` of shape `(n, h, w)`.
    size : int or pair of int
        The new height and width; one number for both.

    Returns
    -------
    np.ndarray
        `uint8` of shape `(n, height, width)`; `images` itself if it has that size already.

    Raises
    ------
    TypeError
        If `size` holds anything but integers.
    ValueError
        If `size` is neither a positive integer nor a pair of them, or if `images` has another
        type or shape.
    """
    height, width = _check_size(size)
    if images.dtype != np.uint8 or images.ndim != 3 or 0 in images.shape[1:]:
        raise ValueError(
            f"images must be uint8 of shape (n, h, w), not {images.dtype} of shape {images.shape}"
        )
    if images.shape[1:] == (height, width):
        return images
    # Which pass comes first decides how the result rounds. Pillow 13 takes the cheaper one first
    # for some changes of aspect, older versions never do: ask the one at hand.
    probe = np.random.default_rng(0).integers(0, 256, (8, *images.shape[1:]), np.uint8)
    same = np.array_equal(_resize_stack(probe, height, width), _resize_each(probe, height, width))
    resize = _resize_stack if same else _resize_each
    resized = np.empty((len(images), height, width), np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        resized[chunk] = resize(images[chunk], height, width)
    return resized


def _resize_each(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize one image after the other."""
    return np.stack([_resize(image, height, width) for image in images])


def _resize_stack(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """
    Resize all images in two calls, four times as fast as one call an image.

    Pillow filters along the rows, rounds, then along the columns. A stack of images is one tall
    image whose rows do not know of each other; turned over, its columns are rows.
    """
    n, h, w = images.shape
    rows = _resize(images.reshape(n * h, w), n * h, width)
    turned = rows.reshape(n, h, width).transpose(0, 2, 1).reshape(n * width, h)
    columns = _resize(turned, n * width, height)
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
            raise ValueError(f"size must be an integer or a pair (height, width), not {size!r}")
        height, width = size
        return check_count("size[0]", height), check_count("size[1]", width)
    return (check_count("size", size),) * 2
