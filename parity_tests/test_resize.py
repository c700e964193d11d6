"""Images resized inside the step: equal to the bit to Pillow's, on both backends."""

import importlib

import jax
import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from d2l_common.data.resize import resize_passes
from parity_tests.support.backends import BACKENDS
from parity_tests.support.cases import digits_600

# Height and width before and after: grown, shrunk, both; odd, not square; to and from one pixel.
SIZES = [
    ((8, 8), (28, 28)), ((8, 8), (9, 7)), ((28, 28), (96, 96)), ((28, 28), (14, 14)),
    ((28, 28), (27, 29)), ((28, 28), (29, 1)), ((20, 31), (33, 64)), ((31, 20), (61, 20)),
    ((5, 5), (1, 1)), ((1, 3), (4, 5)),
]  # fmt: skip
# Pillow 13 begins with the columns here, older versions with the rows.
COLUMNS_FIRST = [((28, 28), (7, 50)), ((28, 28), (14, 27)), ((31, 20), (9, 13))]
like_pillow_13 = pytest.mark.skipif(
    int(PIL.__version__.partition(".")[0]) < 13, reason="Pillow is older than 13"
)


def resize_with_pillow(images, size):
    """Resize each image as torchvision's `Resize` does."""
    height, width = size
    return np.stack(
        [Image.fromarray(x).resize((width, height), Image.Resampling.BILINEAR) for x in images]
    )


def resize_with(d2l, images, size):
    """Resize images, uint8 `(n, h, w)`, with a backend."""
    passes = resize_passes(images.shape[1:], size)
    module = importlib.import_module(f"{d2l.__name__}.data.resize")
    if d2l is BACKENDS["torch"]:
        return module.resize_images(torch.from_numpy(images), passes).numpy()
    return np.asarray(jax.jit(lambda X: module.resize_images(X, passes))(images))


def check_resized(d2l, cases=SIZES):
    """Noise, which has every kind of neighbours, is resized to the bit as by Pillow."""
    for old, new in cases:
        images = np.random.default_rng(0).integers(0, 256, (20, *old), np.uint8)
        resized = resize_with(d2l, images, new)
        assert resized.dtype == np.uint8
        np.testing.assert_array_equal(resized, resize_with_pillow(images, new), f"{old} to {new}")


@like_pillow_13
def test_equal_to_pillow(d2l):
    check_resized(d2l)


@like_pillow_13
def test_equal_to_pillow_columns_first(d2l):
    check_resized(d2l, COLUMNS_FIRST)


def test_bright_images_stay_in_range(d2l):
    images = np.full((1, 28, 28), 255, np.uint8)
    for size in (5, 27, 96):
        assert (resize_with(d2l, images, (size, size)) == 255).all()


@pytest.mark.slow
def test_minibatches_are_resized_and_what_is_stored_is_not(d2l):
    data, small = d2l.Digits(batch_size=20, resize=(12, 9)), d2l.Digits(batch_size=20)
    X, y = next(iter(data.val_dataloader()))
    raw, labels = next(iter(small.val_dataloader()))
    stored = data.val[0] if d2l is BACKENDS["jax"] else data.val.data
    assert tuple(stored.shape) == (360, 8, 8)
    images = np.rint(d2l.numpy(raw).reshape(20, 8, 8) * 255).astype(np.uint8)
    expected = resize_with_pillow(images, (12, 9)) * np.float32(1 / 255)
    np.testing.assert_array_equal(d2l.numpy(X).reshape(20, 12, 9), expected)
    np.testing.assert_array_equal(d2l.numpy(y), d2l.numpy(labels))
    assert data.visualize([X, y])[0].images[0].get_array().shape == (12, 9)


def test_an_example_of_torchs_data_set_is_resized():
    d2l = BACKENDS["torch"]
    data = d2l.Digits(batch_size=4, resize=16)
    X, y = next(iter(data.val_dataloader()))
    for i in (0, 3):
        image, label = data.val[i]
        assert image.shape == (1, 16, 16) and label == y[i]
        np.testing.assert_array_equal(image, X[i])
    assert data.val[-1][0].shape == (1, 16, 16)


def test_a_part_of_the_data(d2l):
    """Readers train on a part: the 2026 edition's recipes replace `self.train` in `__init__`."""
    data, rows = d2l.Digits(batch_size=3, resize=10), np.array([5, 0, 7])
    whole = next(iter(d2l.Digits(batch_size=360, resize=10).val_dataloader()))
    if d2l is BACKENDS["torch"]:
        data.val = torch.utils.data.Subset(data.val, torch.tensor(rows))
    else:
        data.val = (data.val[0][rows], data.val[1][rows])
    [part] = data.val_dataloader()
    for found, expected in zip(part, whole, strict=True):
        np.testing.assert_array_equal(d2l.numpy(found), d2l.numpy(expected)[rows])


def test_a_size_changed_later_counts_from_the_next_loader(d2l):
    data = d2l.Digits(batch_size=4)
    data.resize = 11
    assert d2l.numpy(next(iter(data.val_dataloader()))[0]).size == 4 * 11**2


@pytest.mark.slow
@like_pillow_13
def test_a_fit_on_resized_images_is_one_on_images_stored_resized(d2l):
    """The step resizes; streamed, too."""
    runs = []
    for stored, room in ((True, None), (False, None), (False, 10_000)):
        data = digits_600(d2l, seed=0)
        data.resize = (6, 10)
        if stored:
            for name in ("train", "val"):
                part = getattr(data, name)
                pair = part if isinstance(part, tuple) else (part.data, part.targets)
                images, labels = map(np.asarray, pair)
                part = data.dataset(resize_with_pillow(images, (6, 10)), labels)
                setattr(data, name, part)

        class Trainer(d2l.Trainer):
            def room_for_data(self, room=room):
                return super().room_for_data() if room is None else room

        model = d2l.SoftmaxRegressionScratch(60, 10, lr=0.1)
        d2l.import_weights(model, {"W": np.zeros((60, 10)), "b": np.zeros(10)})
        runs.append(Trainer(max_epochs=1).fit(model, data).train_loss)
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])
