import numpy as np
import pytest
from PIL import Image

from d2l_common.data import resize as images_module
from d2l_common.data.resize import resize_images


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def resize_one_by_one(images, height, width):
    """Resize each Pillow image as torchvision's Resize does."""
    bilinear = Image.Resampling.BILINEAR
    return np.stack(
        [np.asarray(Image.fromarray(x).resize((width, height), bilinear)) for x in images]
    )


@pytest.mark.parametrize(
    "size",
    [(32, 32), (28, 32), (32, 28), (14, 14), (96, 96), (1, 1), (7, 50), (50, 7), (27, 29), (28, 1)],
)
@pytest.mark.parametrize("shape", [(50, 28, 28), (3, 8, 8), (3, 20, 30)])
def test_equal_to_one_by_one(shape, size):
    images = noise(*shape)
    resized = resize_images(images, size)
    assert resized.shape == (shape[0], *size) and resized.dtype == np.uint8
    assert np.array_equal(resized, resize_one_by_one(images, *size))


def test_many_images(monkeypatch):
    # More than a chunk, and a last, smaller one.
    monkeypatch.setattr(images_module, "_CHUNK", 16)
    images = noise(50, 28, 28)
    assert np.array_equal(resize_images(images, 32), resize_one_by_one(images, 32, 32))


def test_another_order_of_passes_in_pillow(monkeypatch):
    # Were Pillow to change, the one-by-one path gives its result all the same.
    monkeypatch.setattr(
        images_module, "_resize_stack", lambda x, h, w: np.zeros((len(x), h, w), np.uint8)
    )
    images = noise(5, 28, 28)
    assert np.array_equal(resize_images(images, 32), resize_one_by_one(images, 32, 32))


def test_square_sizes_take_the_fast_path(monkeypatch):
    batches = []
    each = images_module._resize_each
    monkeypatch.setattr(
        images_module, "_resize_each", lambda x, h, w: batches.append(len(x)) or each(x, h, w)
    )
    for size in (14, 32, 64):
        resize_images(noise(500, 28, 28), size)
    assert max(batches) <= 8


def test_images_that_are_views():
    images = noise(40, 28, 28)
    for view in (images[::2], images[:, ::-1], images.transpose(0, 2, 1)):
        assert np.array_equal(resize_images(view, 32), resize_one_by_one(view, 32, 32))


def test_same_size_gives_the_same_array():
    images = noise(5, 28, 30)
    assert resize_images(images, (28, 30)) is images
    assert resize_images(images, [28, 30]) is images
    assert resize_images(images[:, :, :28], 28).base is images


def test_an_integer_is_both_sides():
    images = noise(5, 28, 28)
    assert resize_images(images, 32).shape == (5, 32, 32)
    assert np.array_equal(resize_images(images, np.int64(32)), resize_images(images, (32, 32)))


def test_result_is_writable_and_the_images_stay():
    images = noise(5, 28, 28)
    before = images.copy()
    resized = resize_images(images, 32)
    resized[:] = 0
    assert np.array_equal(images, before)


def test_no_images():
    assert resize_images(noise(0, 28, 28), (14, 7)).shape == (0, 14, 7)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "size must be at least 1, got 0"),
        (-3, ValueError, "size must be at least 1, got -3"),
        (2.5, TypeError, "size must be an integer, got 2.5"),
        (True, TypeError, "size must be an integer, got True"),
        ("28", TypeError, "size must be an integer, got '28'"),
        (None, TypeError, "size must be an integer, got None"),
        ((28,), ValueError, r"an integer or a pair \(height, width\), got \(28,\)"),
        ((1, 28, 28), ValueError, r"an integer or a pair \(height, width\)"),
        ((28, 0), ValueError, r"size\[1\] must be at least 1"),
        (("28", 28), TypeError, r"size\[0\] must be an integer"),
    ],
)
def test_wrong_size(size, error, message):
    with pytest.raises(error, match=message):
        resize_images(noise(2, 28, 28), size)


@pytest.mark.parametrize(
    "images", [noise(28, 28), noise(2, 28, 28, 1), noise(2, 0, 28), noise(2, 28, 28) / 255]
)
def test_wrong_images(images):
    with pytest.raises(ValueError, match=r"images must be uint8 of shape \(n, h, w\), got "):
        resize_images(images, 32)
