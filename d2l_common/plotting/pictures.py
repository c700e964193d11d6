"""
The book's grids of images and of heatmaps (sections 4.2 and 11.1).

They draw with `matplotlib.pyplot`, which is imported at the first call.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.plotting.curves import use_svg_display


def show_images(
    imgs: Any,
    num_rows: int,
    num_cols: int,
    titles: Sequence[str] | None = None,
    scale: float = 1.5,
) -> np.ndarray:
    """
    Show images in a grid, and return its axes, shape `(num_rows * num_cols,)` (section 4.2.3).

    Images with one channel are shown in gray, each from its darkest to its brightest value. (The
    book uses matplotlib's default colours, violet to yellow.) Images beyond the size of the grid
    are omitted, and axes without an image are hidden.

    Parameters
    ----------
    imgs : sequence of images, or array of shape (n, ...)
        Each image has shape `(h, w)`, `(h, w, c)` or `(c, h, w)` with 1, 3 or 4 channels. Colours
        are floats from 0 to 1 or integers from 0 to 255.
    num_rows, num_cols : int
        The size of the grid.
    titles : sequence of str, optional
        A title for each image.
    scale : float
        Width and height of one image in inches.

    Raises
    ------
    ValueError
        If an image has another shape, or `titles` are fewer than the images shown.
    """
    from matplotlib import pyplot as plt

    # Convert the batch at once: slicing an array on a device costs a conversion for each image.
    images = to_numpy(imgs) if hasattr(imgs, "ndim") else imgs
    shown = [
        _image_pixels(i, to_numpy(image))
        for i, image in enumerate(itertools.islice(images, num_rows * num_cols))
    ]
    texts = _check_titles(titles, len(shown), "images")
    size = (num_cols * scale, num_rows * scale)
    _, grid = plt.subplots(num_rows, num_cols, figsize=size, squeeze=False, layout="constrained")
    axes = grid.flatten()
    for ax, image, text in zip(axes, shown, texts, strict=False):
        ax.imshow(image, cmap="gray")
        ax.set_title(text)
        ax.xaxis.set_visible(False)
        ax.yaxis.set_visible(False)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    return axes


def _image_pixels(i: int, image: np.ndarray) -> np.ndarray:
    """Return image `i` as matplotlib takes it: `(h, w)`, or `(h, w, c)` with 3 or 4 channels."""
    if image.ndim == 2:
        return image
    if image.ndim == 3 and image.shape[0] == 1:
        return image[0]
    if image.ndim == 3 and image.shape[-1] == 1:
        return image[..., 0]
    # If both ends could be the channels, take the last axis.
    if image.ndim == 3 and image.shape[-1] in (3, 4):
        return image
    if image.ndim == 3 and image.shape[0] in (3, 4):
        return np.moveaxis(image, 0, -1)
    raise ValueError(
        f"image {i} must have shape (h, w), or (h, w, c) or (c, h, w) with 1, 3 or 4 channels, "
        f"got {image.shape}"
    )


def _check_titles(titles: Sequence[str] | None, count: int, what: str) -> Sequence[str]:
    """Return a title, empty if `titles` is None or empty, for each of `count` images or columns."""
    if titles is None or not len(titles):
        return [""] * count
    if len(titles) < count:
        raise ValueError(f"titles must name each of the {count} {what}, got {len(titles)}")
    return titles


def show_heatmaps(
    matrices: Any,
    xlabel: str,
    ylabel: str,
    titles: Sequence[str] | None = None,
    figsize: tuple[float, float] = (2.5, 2.5),
    cmap: str = "Reds",
) -> None:
    """
    Show a grid of matrices as colours (section 11.1.1).

    All matrices share one range of colours, so that the colour bar is valid for each of them. (The
    book scales each matrix by itself, and its bar is valid for the last one only.)

    Parameters
    ----------
    matrices : array or nested sequence, shape (num_rows, num_cols, h, w)
        The matrices, by row and column of the grid.
    xlabel, ylabel : str
        The names of the axes.
    titles : sequence of str, optional
        A title for each column of the grid.
    figsize : pair of float
        Width and height of the figure in inches.
    cmap : str
        The name of a colormap of matplotlib.

    Raises
    ------
    ValueError
        If `matrices` does not have four axes, or `titles` are fewer than the columns.
    """
    from matplotlib import pyplot as plt
    from matplotlib.colors import Normalize

    values = np.ma.masked_invalid(to_numpy(matrices))
    if values.ndim != 4:
        raise ValueError(f"matrices must have shape (num_rows, num_cols, h, w), got {values.shape}")
    num_rows, num_cols = values.shape[:2]
    texts = _check_titles(titles, num_cols, "columns")
    norm = Normalize()
    norm.autoscale(values)
    use_svg_display()
    shared: Any = {"sharex": True, "sharey": True, "squeeze": False, "layout": "constrained"}
    figure, axes = plt.subplots(num_rows, num_cols, figsize=figsize, **shared)
    for (i, j), ax in np.ndenumerate(axes):
        mappable = ax.imshow(values[i, j], cmap=cmap, norm=norm)
        ax.set_title(texts[j])
        for axis in (ax.xaxis, ax.yaxis):
            # Ticks at whole rows and columns, not at 2.5.
            axis.get_major_locator().set_params(integer=True)
        if i == num_rows - 1:
            ax.set_xlabel(xlabel)
        if j == 0:
            ax.set_ylabel(ylabel)
    figure.colorbar(mappable, ax=axes, shrink=0.6)
