"""Image data sets, for classification (section 4.2)."""

from functools import partial
from typing import Any

from jax import Array
from jax import numpy as jnp

from d2l_common.data.images import (
    PIXEL_SCALE,
    DigitsBase,
    FashionMNISTBase,
    ImageDataBase,
    MNISTSampleBase,
)
from d2l_common.data.loader import TensorLoader
from .module import DataModule
from .resize import resize_images


class ImageData(ImageDataBase, DataModule):
    """
    A data module of images: minibatches are floats from 0 to 1 of shape `(n, h, w, 1)`.

    Attributes
    ----------
    train, val : pairs of NumPy arrays
        Images at their own size, uint8 of shape `(n, h, w)`, and labels, int32 of shape `(n,)`.
    """

    def get_dataloader(self, train: bool) -> TensorLoader:
        """Return the loader of the training images, or of the validation images."""
        images, labels = self.train if train else self.val
        transform = partial(to_model, passes=self.passes(images))
        return self.get_tensorloader((images, labels), train, transform=transform)


class FashionMNIST(FashionMNISTBase, ImageData):  # noqa: D101
    __doc__ = FashionMNISTBase.__doc__


class Digits(DigitsBase, ImageData):  # noqa: D101
    __doc__ = DigitsBase.__doc__


class MNISTSample(MNISTSampleBase, ImageData):  # noqa: D101
    __doc__ = MNISTSampleBase.__doc__


def to_model(X: Array, y: Array, passes: Any) -> tuple[Array, Array]:
    """Return stored images resized, as floats from 0 to 1, and labels unchanged."""
    return to_floats(resize_images(X, passes), y)


def to_floats(X: Array, y: Array) -> tuple[Array, Array]:
    """Return images `(n, h, w)` as floats from 0 to 1, `(n, h, w, 1)`, and labels unchanged."""
    return jnp.expand_dims(X, -1).astype(float) * PIXEL_SCALE, y
