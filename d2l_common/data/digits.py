"""Scikit-learn's 8x8 handwritten digits, a data set that needs no network."""

import numpy as np

# The data set's order is cut at 80 %: that needs no random generator, and the last 360 hold each
# digit 33 to 37 times. Neighbours appear to be by one writer, so a shuffled split would test on
# writers seen in training: logistic regression is right on 97.5 % then, on 90 % here.
_NUM_TRAIN = 1437


def load_digits_images() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
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
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "Digits requires scikit-learn; run pip install 'd2l-twins[data]'"
        ) from error
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    return (images[:_NUM_TRAIN], labels[:_NUM_TRAIN]), (images[_NUM_TRAIN:], labels[_NUM_TRAIN:])
