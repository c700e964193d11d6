"""
Special cases of the functions of chapter 7: integers, the frameworks' own layers, ties.

That their values and gradients are true is in test_properties.py, for any numbers.
"""

import jax
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from d2l_parity import assert_within, forward_error_bound
from parity_tests.support.backends import BACKENDS

X = np.arange(9.0, dtype=np.float32).reshape(3, 3)
K = np.arange(4.0, dtype=np.float32).reshape(2, 2)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_the_books_first_example(d2l, dtype):
    Y = d2l.numpy(d2l.corr2d(d2l.tensor(X.astype(dtype)), d2l.tensor(K.astype(dtype))))
    np.testing.assert_array_equal(Y, [[19, 25], [37, 43]])
    assert Y.dtype == dtype


def test_a_sum_that_is_too_large_for_its_type_wraps_around(d2l):
    K = d2l.tensor(np.full((2, 2), 100, np.uint8))
    Y = d2l.numpy(d2l.corr2d(d2l.ones(2, 2, dtype=K.dtype), K))
    np.testing.assert_array_equal(Y, [[400 - 256]])
    assert Y.dtype == np.uint8


def test_channels(d2l):
    images, kernels = d2l.tensor(np.stack([X, X + 1])), d2l.tensor(np.stack([K, K + 1]))
    np.testing.assert_array_equal(
        d2l.numpy(d2l.corr2d_multi_in(images, kernels)), [[56, 72], [104, 120]]
    )
    kernels = d2l.stack([kernels, kernels + 1, kernels + 2])
    Y = d2l.numpy(d2l.corr2d_multi_in_out(images, kernels))
    np.testing.assert_array_equal(
        Y, [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]
    )


def test_the_frameworks_own_convolutions_say_the_same():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((3, 9, 8)).astype(np.float32)
    kernels = rng.standard_normal((4, 3, 3, 2)).astype(np.float32)
    condition = 18 * sums_of_sizes(images, kernels)
    bound = forward_error_bound("matmul", "float32", condition)
    own = {
        "jax": jax.lax.conv(images[None], kernels, (1, 1), "VALID", precision="highest")[0],
        "torch": F.conv2d(torch.tensor(images)[None], torch.tensor(kernels))[0],
    }
    for name, d2l in BACKENDS.items():
        Y = d2l.corr2d_multi_in_out(d2l.tensor(images), d2l.tensor(kernels))
        assert_within(d2l.numpy(Y), d2l.numpy(own[name]), 2 * bound)


def sums_of_sizes(images, kernels):
    """Return the sums of the sizes of the products, in float64."""
    images, kernels = (torch.tensor(np.abs(x), dtype=torch.float64) for x in (images, kernels))
    return F.conv2d(images[None], kernels)[0].numpy()


def test_both_say_the_same_to_the_bit():
    """The order of the sum is the same, and nothing is compiled that could change it."""
    rng = np.random.default_rng(0)
    images, kernels = rng.standard_normal((3, 9, 8)), rng.standard_normal((4, 3, 3, 2))
    results = [
        d2l.numpy(d2l.corr2d_multi_in_out(*(d2l.tensor(x.astype("float32")) for x in pair)))
        for d2l, pair in zip(BACKENDS.values(), [(images, kernels)] * 2, strict=True)
    ]
    np.testing.assert_array_equal(*results)


def test_pooling(d2l):
    image = d2l.tensor(X)
    np.testing.assert_array_equal(d2l.numpy(d2l.pool2d(image, (2, 2))), [[4, 5], [7, 8]])
    np.testing.assert_array_equal(d2l.numpy(d2l.pool2d(image, [2, 2], "avg")), [[2, 3], [5, 6]])
    both = d2l.numpy(d2l.pool2d(d2l.stack([image, -image]), (1, 3)))
    np.testing.assert_array_equal(both, [[[2], [5], [8]], [[0], [-3], [-6]]])
    integers = d2l.numpy(d2l.pool2d(d2l.astype(image, d2l.int32), (3, 3)))
    np.testing.assert_array_equal(integers, [[8]])


def test_equal_largest_numbers_share_the_gradient(d2l):
    gradient = d2l.grad(lambda X: d2l.reduce_sum(d2l.pool2d(X, (2, 2))))(d2l.ones(2, 2))
    np.testing.assert_array_equal(d2l.numpy(gradient), np.full((2, 2), 0.25))
