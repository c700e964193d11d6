"""The framework-free half of image data: reading, labels, looking at a minibatch."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.data.resize import resize_images
from d2l_common.plotting.pictures import show_images

Part = tuple[np.ndarray, np.ndarray]

# A multiplication, because XLA makes one of a division by a constant, which rounds otherwise:
# so the pixels of both backends are the same to the bit.
PIXEL_SCALE = 1 / 255


class ImageDataBase:
    """
    What the image data modules of both backends do alike (section 4.2).

    A subclass names its `classes`.
    """

    classes: Sequence[str]

    def text_labels(self, indices: Iterable[Any]) -> list[str]:
        """
        Return the names of classes (section 4.2.1).

        Parameters
        ----------
        indices : integers, or a tensor of them

        Raises
        ------
        ValueError
            If there is no such class.
        """
        numbers = [int(i) for i in to_numpy(indices)]
        for number in numbers:
            if not 0 <= number < len(self.classes):
                raise ValueError(f"there is no class {number}, only 0 to {len(self.classes) - 1}")
        return [self.classes[number] for number in numbers]

    def visualize(
        self, batch: Any, nrows: int = 1, ncols: int = 8, labels: Sequence[str] | None = None
    ) -> Any:
        """
        Draw the first images of a minibatch, with their labels as titles (section 4.2.3).

        Parameters
        ----------
        batch : pair of images and labels
        nrows, ncols : int
        labels : list of str
            The titles, if not the names of the classes.

        Returns
        -------
        array of matplotlib axes, of shape `(nrows * ncols,)`
        """
        X, y = batch
        shown = nrows * ncols
        titles = labels if labels else self.text_labels(y[:shown])
        return show_images(X[:shown], nrows, ncols, titles=titles)


def read_images(load: Callable[[], tuple[Part, Part]], resize: Any) -> tuple[Part, Part]:
    """
    Return training and validation data: images as uint8 `(n, h, w)`, labels as int32 `(n,)`.

    Parameters
    ----------
    load : callable
        Returns `(images, labels), (images, labels)`.
    resize : int or pair of int
        The height and width that the images shall have.
    """
    train, val = [
        (resize_images(images, resize), labels.astype(np.int32)) for images, labels in load()
    ]
    return train, val
