import sys

import numpy as np
import pytest

from d2l_common.data.digits import load_digits_images


def test_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    (train_images, train_labels), (val_images, val_labels) = load_digits_images()
    assert train_images.shape == (1437, 8, 8) and train_labels.shape == (1437,)
    assert val_images.shape == (360, 8, 8) and val_labels.shape == (360,)
    assert {a.dtype for a in (train_images, train_labels, val_images, val_labels)} == {
        np.dtype(np.uint8)
    }

    images = np.concatenate([train_images, val_images])
    source = datasets.load_digits()
    # 0 to 16 became 0 to 255: half a step of rounding at most, and one value to one value.
    assert np.abs(images / 255 - source.images / 16).max() <= 0.5 / 255
    assert images.min() == 0 and images.max() == 255 and len(np.unique(images)) == 17
    assert np.array_equal(np.concatenate([train_labels, val_labels]), source.target)


def test_every_digit_is_in_both_parts():
    pytest.importorskip("sklearn.datasets")
    (_, train_labels), (_, val_labels) = load_digits_images()
    assert np.bincount(train_labels, minlength=10).min() >= 140
    assert np.bincount(val_labels, minlength=10).min() >= 33


def test_two_calls_share_nothing():
    pytest.importorskip("sklearn.datasets")
    (first, _), _ = load_digits_images()
    first[:] = 0
    (second, _), _ = load_digits_images()
    assert second.any()


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install 'd2l-twins\[data\]'"):
        load_digits_images()
