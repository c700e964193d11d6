"""Image data sets, for classification (section 4.2)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from d2l_common.checks.arguments import check_count
from d2l_common.data.digits import load_digits_images
from d2l_common.data.fashion_mnist import LABELS, load_fashion_mnist
from d2l_common.data.images import PIXEL_SCALE, ImageDataBase, read_images
from d2l_common.data.loader import TensorLoader
from d2l_torch.data.module import DataModule


class ImageDataset(Dataset):
    """
    Images and labels, one example at a time for PyTorch's own loaders.

    Parameters
    ----------
    images : uint8 array of shape `(n, h, w)`
    labels : integer array of shape `(n,)`

    Attributes
    ----------
    data : uint8 tensor of shape `(n, h, w)`
    targets : int64 tensor of shape `(n,)`
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        self.data = torch.from_numpy(images)
        self.targets = torch.from_numpy(labels).long()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image, floats from 0 to 1 of shape `(1, h, w)`, and its label."""
        X, y = to_floats(self.data[index : index + 1 or None], self.targets[index])
        return X[0], int(y)


class ImageData(ImageDataBase, DataModule):
    """
    A data module of images: minibatches are floats from 0 to 1 of shape `(n, 1, h, w)`.

    Attributes
    ----------
    train, val : ImageDataset
    """

    train: ImageDataset
    val: ImageDataset

    def get_dataloader(self, train: bool) -> TensorLoader:
        """Return the loader of the training images, or of the validation images."""
        data = self.train if train else self.val
        return self.get_tensorloader((data.data, data.targets), train, transform=to_floats)


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
        train, val = read_images(lambda: load_fashion_mnist(root), resize)
        self.train, self.val = ImageDataset(*train), ImageDataset(*val)


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
        train, val = read_images(load_digits_images, resize)
        self.train, self.val = ImageDataset(*train), ImageDataset(*val)


def to_floats(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return images `(n, h, w)` as floats from 0 to 1, `(n, 1, h, w)`; labels as they are."""
    # A copy in any case, so that scaling it in place, without a second one, changes no data.
    pixels = X.unsqueeze(1).to(torch.get_default_dtype(), copy=True)
    return pixels.mul_(PIXEL_SCALE), y
