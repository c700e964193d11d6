import numpy as np
import pytest

from d2l_common.data.resize import PRECISION_BITS, resize_passes

SIZES = [((28, 28), (224, 224)), ((28, 28), (7, 50)), ((20, 30), (19, 1)), ((3, 3), (2, 4))]


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_passes_take_pixels_that_exist_and_sum_in_int32(old, new):
    for axis, positions, coefficients in resize_passes(old, new):
        assert positions.dtype == coefficients.dtype == np.int32
        assert positions.shape == coefficients.shape == (len(positions), new[axis - 1])
        assert positions.min() >= 0 and positions.max() < old[axis - 1]
        assert coefficients.min() >= 0 and coefficients.any(axis=1).all()
        # Each coefficient is rounded, by half a unit at most.
        sums = coefficients.sum(axis=0, dtype=np.int64)
        assert np.abs(sums - (1 << PRECISION_BITS)).max() <= len(positions) / 2


def test_the_order_of_passes():
    axes = {
        (14, 28): [1], (28, 14): [2], (28, 28): [], (32, 32): [2, 1], (14, 14): [2, 1],
        (14, 56): [1, 2], (32, 14): [2, 1], (24, 26): [2, 1], (23, 26): [1, 2],
    }  # fmt: skip
    for size, expected in axes.items():
        assert [one_pass.axis for one_pass in resize_passes((28, 28), size)] == expected, size


def test_no_size_is_the_images_own():
    assert resize_passes((28, 28), None) == ()


def test_a_size_of_any_kind():
    expected = resize_passes((28, 28), (32, 32))
    for size in (32, np.int64(32), [32, 32], np.array([32, 32])):
        for one, other in zip(resize_passes((28, 28), size), expected, strict=True):
            np.testing.assert_array_equal(one.coefficients, other.coefficients)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "resize must be at least 1, got 0"),
        (-3, ValueError, "resize must be at least 1, got -3"),
        (2.5, TypeError, "resize must be an integer, got 2.5"),
        (True, TypeError, "resize must be an integer, got True"),
        ("28", TypeError, "resize must be an integer, got '28'"),
        ((28,), ValueError, r"resize must be an integer or a pair of integers, got \(28,\)"),
        ((1, 28, 28), ValueError, "resize must be an integer or a pair of integers"),
        ((28, 0), ValueError, "resize must be at least 1, got 0"),
        (("28", 28), TypeError, "resize must be an integer, got '28'"),
    ],
)
def test_wrong_size(size, error, message):
    with pytest.raises(error, match=message):
        resize_passes((28, 28), size)
