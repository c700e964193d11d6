"""Image data sets, for classification (section 4.2)."""

from typing import Any

import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.arguments import check_count
from d2l_common.data.digits import load_digits_images
from d2l_common.data.fashion_mnist import LABELS, load_fashion_mnist
from d2l_common.data.images import PIXEL_SCALE, ImageDataBase, read_images
from d2l_common.data.loader import TensorLoader
from d2l_jax.data.module import DataModule


class ImageData(ImageDataBase, DataModule):
    """
    A data module of images: minibatches are floats from 0 to 1 of shape `(n, h, w, 1)`.

    Attributes
    ----------
    train, val : pairs of NumPy arrays
        Images, uint8 of shape `(n, h, w)`, and labels, int32 of shape `(n,)`.
    """

    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]

    def get_dataloader(self, train: bool) -> TensorLoader:
        """Return the loader of the training images, or of the validation images."""
        data = self.train if train else self.val
        return self.get_tensorloader(data, train, transform=to_floats)


class FashionMNIST(ImageData):
    """
    The Fashion-MNIST data set: 60,000 and 10,000 images of clothes, 10 classes (section 4.2).

    It is read from `root`, where it is downloaded to if it is not there.

    Parameters
    ----------
    batch_size : int
    resize : int or pair of int
        Height and width of the images.
    root : str
        The folder of data files.
    seed : int
        Of the order of the training examples.

    Raises
    ------
    OSError
        If the files are not there and cannot be downloaded.
    TypeError, ValueError
        If a file is damaged, or a parameter is no positive integer.
    """

    classes = LABELS

    def __init__(
        self, batch_size: int = 64, resize: Any = (28, 28), root: str = "../data", seed: int = 0
    ):
        super().__init__(root)
        check_count("batch_size", batch_size)
        self.save_hyperparameters()
        self.train, self.val = read_images(lambda: load_fashion_mnist(root), resize)


class Digits(ImageData):
    """
    Scikit-learn's 1,797 images of handwritten digits, which need no download.

    Parameters
    ----------
    batch_size : int
    resize : int or pair of int
        Height and width of the images.
    seed : int
        Of the order of the training examples.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError, ValueError
        If a parameter is no positive integer.
    """

    classes = tuple("0123456789")

    def __init__(self, batch_size: int = 64, resize: Any = (8, 8), seed: int = 0):
        super().__init__()
        check_count("batch_size", batch_size)
        self.save_hyperparameters()
        self.train, self.val = read_images(load_digits_images, resize)


def to_floats(X: Array, y: Array) -> tuple[Array, Array]:
    """Return images `(n, h, w)` as floats from 0 to 1, `(n, h, w, 1)`; labels as they are."""
    return jnp.expand_dims(X, -1).astype(float) * PIXEL_SCALE, y
