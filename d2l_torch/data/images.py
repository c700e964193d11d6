"""Image data sets, for classification (section 4.2)."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from d2l_common.data.images import (
    PIXEL_SCALE,
    DigitsBase,
    FashionMNISTBase,
    ImageDataBase,
    MNISTSampleBase,
)
from d2l_common.data.loader import TensorLoader
from d2l_common.data.resize import Pass
from .module import DataModule
from .resize import resize_images


class ImageDataset(Dataset):
    """
    Images and labels, one example at a time for PyTorch's loaders.

    Parameters
    ----------
    images : uint8 array of shape `(n, h, w)`
    labels : integer array of shape `(n,)`
    passes : tuple of Pass
        Resize an image when it is taken.

    Attributes
    ----------
    data : uint8 tensor of shape `(n, h, w)`, the images at their own size
    targets : int64 tensor of shape `(n,)`
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, passes: tuple[Pass, ...] = ()):
        self.data = torch.from_numpy(images)
        self.targets = torch.from_numpy(labels).long()
        self.passes = passes

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image, floats from 0 to 1 of shape `(1, h, w)`, and its label."""
        image = resize_images(self.data[index : index + 1 or None], self.passes)
        X, y = to_floats(image, self.targets[index])
        return X[0], int(y)


class ImageData(ImageDataBase, DataModule):
    """
    A data module of images: minibatches are floats from 0 to 1 of shape `(n, 1, h, w)`.

    Attributes
    ----------
    train, val : ImageDataset
    """

    def dataset(self, images: np.ndarray, labels: np.ndarray) -> ImageDataset:
        """Return images, uint8 `(n, h, w)`, and labels, int32 `(n,)`, as they are kept."""
        return ImageDataset(images, labels, self.passes(images))

    def get_dataloader(self, train: bool) -> TensorLoader:
        """Return the loader of the training images, or of the validation images."""
        images, labels = stored(self.train if train else self.val)
        transform = partial(to_model, passes=self.passes(images))
        return self.get_tensorloader((images, labels), train, transform=transform)


class FashionMNIST(FashionMNISTBase, ImageData):  # noqa: D101
    __doc__ = FashionMNISTBase.__doc__


class Digits(DigitsBase, ImageData):  # noqa: D101
    __doc__ = DigitsBase.__doc__


class MNISTSample(MNISTSampleBase, ImageData):  # noqa: D101
    __doc__ = MNISTSampleBase.__doc__


def stored(data: Dataset) -> tuple[Tensor, Tensor]:
    """Return the images and labels that an `ImageDataset`, or a `Subset` of one, stores."""
    if isinstance(data, Subset):
        images, labels = stored(data.dataset)
        return images[data.indices], labels[data.indices]
    assert isinstance(data, ImageDataset)
    return data.data, data.targets


def to_model(X: Tensor, y: Tensor, passes: Any) -> tuple[Tensor, Tensor]:
    """Return stored images resized, as floats from 0 to 1, and labels unchanged."""
    return to_floats(resize_images(X, passes), y)


def to_floats(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return images `(n, h, w)` as floats from 0 to 1, `(n, 1, h, w)`, and labels unchanged."""
    # Always a copy, so that scaling it in place neither changes the data nor makes a second one.
    pixels = X.unsqueeze(1).to(torch.get_default_dtype(), copy=True)
    return pixels.mul_(PIXEL_SCALE), y
