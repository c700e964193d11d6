"""Convolutions whose windows do not overlap, and linear layers on flattened patches."""

import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from d2l_parity.patches import with_channels_last
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

IMAGES = batches(3, 3, 4, 4)


@pytest.mark.parametrize("stacked", [False, True])
def test_weights_of_both_shapes_are_one_with_channels_last(stacked):
    X = np.random.default_rng(0).normal(size=(5, 3, 2, 2))
    weight = np.random.default_rng(1).normal(size=(8, 3, 2, 2))
    matrix = with_channels_last(weight[None] if stacked else weight, (8, 12), stacked)
    flat = np.moveaxis(X, 1, -1).reshape(5, 12)
    np.testing.assert_allclose(
        flat @ matrix.reshape(8, 12).T, X.reshape(5, 12) @ weight.reshape(8, 12).T, rtol=1e-12
    )
    back = with_channels_last(matrix, (8, 3, 2, 2), stacked)
    np.testing.assert_array_equal(back.reshape(weight.shape), weight)


def embedding(channels_last, scale=1.0):
    """Return the patch embedding of a vision transformer, of a linear layer in JAX."""

    def call(self, X):
        patches = X.reshape(3, 3, 2, 2, 2, 2).transpose(0, 2, 4, 1, 3, 5)
        if channels_last:
            patches = jnp.moveaxis(patches, 3, -1)
        H = self.embed(patches.reshape(3, 4, 12))
        return self.fc(nnx.relu(scale * H - 0.1).reshape(3, -1))

    return port(call, embed=linear(12, 5), fc=linear(20, 4))


def convolution():
    """Return the same of a convolution in PyTorch."""

    def call(self, X):
        H = self.embed(X).flatten(2).transpose(1, 2)
        return self.fc(torch.relu(H - 0.1).flatten(1))

    return original(call, embed=lambda: nn.Conv2d(3, 5, 2, 2), fc=torch_linear(20, 4))


@pytest.mark.slow
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_linear_layer_on_patches_is_a_convolution(channels_last):
    found = short(embedding(channels_last), convolution(), IMAGES)
    assert found.verdict is Verdict.SAME, found.failures
    assert ("patches" in str(found)) == channels_last


@pytest.mark.slow
def test_a_mistake_behind_patches_is_found():
    found = short(embedding(True, scale=1.1), convolution(), IMAGES)
    assert found.verdict is Verdict.DIFFERENT
    assert "The input of `fc` differs: look between `embed` and it." in found.failures[0]
