"""Activations in other layouts are the same, and a mistake in their order is a difference."""

import numpy as np
import pytest
import torch
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import numpy as jnp
from torch import nn

from d2l_parity.activations import Call, find_layout, gap_of_arrays, gap_of_calls
from d2l_parity.tolerances import SAME_LAYER
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

IMAGES = batches(4, 3, 6, 6)
SEQUENCES = batches(4, 6, 8)

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


def assert_found(one, other):
    """Assert that `other` has a layout in which it is `one`, to the bit; return the layout."""
    layout, gap = find_layout(one, other, SAME_LAYER)
    assert gap == 0
    np.testing.assert_array_equal(layout.apply(other), one)
    return layout


# -- the search for a layout -----------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1])
def test_a_layout_is_that_of_jax_too(axis):
    one, other = numbers(2, 3, 4).transpose(1, 2, 0).reshape(12, 2), numbers(2, 3, 4)
    pair = (one, other)[:: 1 - 2 * axis]
    layout = assert_found(*pair)
    np.testing.assert_array_equal(layout.apply(jnp.array(pair[1])), np.float32(pair[0]))


@settings(max_examples=25, deadline=None)
@given(shape=shapes, data=st.data())
def test_a_transposed_array_is_found(shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    x = numbers(*shape)
    assert_found(x.transpose(order), x)


@settings(max_examples=25, deadline=None)
@given(shape=shapes, data=st.data())
def test_an_array_with_joined_axes_is_found_both_ways(shape, data):
    """As `(n * l, d)` for `(l, n, d)`: transposed and reshaped, or reshaped and transposed."""
    order = data.draw(st.permutations(range(len(shape))))
    at = data.draw(st.integers(0, len(shape) - 1))
    x = numbers(*shape)
    turned = x.transpose(order)
    joined = turned.reshape(*turned.shape[:at], -1, *turned.shape[at + 2 :])
    assert_found(joined, x)
    assert_found(x, joined)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (numbers(2, 3), numbers(2, 4)),
        (numbers(0), numbers(3)),
    ],
)
def test_arrays_of_other_sizes_have_no_layout(one, other):
    assert find_layout(one, other, SAME_LAYER) == (None, float("inf"))


def test_the_same_numbers_in_another_order_are_not_a_layout():
    """Flattened with channels first or last: no transposition leads from one to the other."""
    x = numbers(4, 3, 5, 5)
    first, last = x.reshape(4, -1), x.transpose(0, 2, 3, 1).reshape(4, -1)
    assert find_layout(first, last, SAME_LAYER)[1] > 0.1
    assert find_layout(first, np.sort(x.ravel()).reshape(first.shape), SAME_LAYER)[1] > 0.1
    rolled = np.roll(x, 1, axis=2)
    assert find_layout(x, rolled, SAME_LAYER)[1] > 0.1


def test_the_gap_is_that_of_the_closest_layout():
    x = numbers(4, 3, 5)
    gap = find_layout(x + 1e-6, x.transpose(2, 0, 1), SAME_LAYER)[1]
    assert 1e-7 < gap < 1e-5


def test_a_nan_is_in_no_layout_a_number():
    x = numbers(2, 3)
    bad = np.where(x == x.max(), np.nan, x)
    assert find_layout(bad, x, SAME_LAYER)[1] == float("inf")


def test_arrays_of_a_call_are_found_among_those_of_the_other():
    x, h, c = numbers(3, 2), numbers(3, 4), 2 * numbers(3, 4)
    assert gap_of_arrays([x, h], [x, h]) == 0
    assert gap_of_arrays([h], [x, c, h]) == 0  # one framework returns the state, too
    assert gap_of_arrays([h, c], [c, h]) == 0  # as a carry (c, h) and a state (h, c)
    assert gap_of_arrays([x, 2 * h], [x, h]) > 0.1
    assert np.isnan(gap_of_arrays([], [x]))


def test_calls_are_compared_one_by_one_or_stacked():
    x = numbers(5, 3, 2)
    each, joined = [Call("a", [row], [row], "") for row in x], [Call("b", [x], [x], "")]
    assert gap_of_calls(each, each, "inputs") == 0
    assert gap_of_calls(each, each[::-1], "inputs") == 0  # called in another order
    assert gap_of_calls(each, [*each[1:], Call("a", [2 * x[0]], [], "")], "inputs") > 0.1
    assert gap_of_calls(each, joined, "outputs") == 0  # step by step, and all steps at once
    assert np.isnan(gap_of_calls(each, each[:2], "inputs"))
    assert np.isnan(gap_of_calls([], each, "inputs"))
    assert np.isnan(gap_of_calls([Call("a", None, None, "")], joined, "inputs"))


# -- models ----------------------------------------------------------------------------------------


def conv1d(pool):
    """Return a JAX model with the convolution of a sequence, and that in PyTorch."""
    ours = port(
        lambda self, X: self.fc(pool(nnx.relu(self.conv(X)))),
        conv=lambda rngs: nnx.Conv(8, 6, 3, padding=1, rngs=rngs),
        fc=linear(6, 4),
    )
    theirs = original(
        lambda self, X: self.fc(torch.relu(self.conv(X.transpose(1, 2))).mean(2)),
        conv=lambda: nn.Conv1d(8, 6, 3, padding=1),
        fc=torch_linear(6, 4),
    )
    return ours, theirs


def projected(call_jax, call_torch):
    """Return models of two linear layers, of 8 to 5 and to 4 numbers."""
    return (
        port(call_jax, proj=linear(8, 5), fc=linear(5, 4)),
        original(call_torch, proj=torch_linear(8, 5), fc=torch_linear(5, 4)),
    )


def images(call_jax, call_torch, **parameter):
    """Return models of a convolution and a linear layer, on images with channels first."""
    ours, theirs = {}, {}
    for name, shape in parameter.items():
        ours[name] = lambda rngs, shape=shape: nnx.Param(jnp.full(shape, 0.5))
        theirs[name] = lambda shape=shape: nn.Parameter(torch.full(shape, 0.5))
    return (
        port(call_jax, conv=lambda rngs: nnx.Conv(3, 4, (3, 3), padding=1, rngs=rngs),
             fc=linear(4 * 36, 4), **ours),
        original(call_torch, conv=lambda: nn.Conv2d(3, 4, 3, padding=1),
                 fc=torch_linear(4 * 36, 4), **theirs),
    )  # fmt: skip


def channels_last(X):
    return jnp.moveaxis(X, 1, -1)


def channels_first(X):
    return jnp.moveaxis(X, -1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "data"),
    [
        pytest.param(conv1d(lambda H: H.mean(1)), SEQUENCES, id="Conv1d"),
        pytest.param(
            projected(
                lambda self, X: self.fc(nnx.relu(self.proj(X)).mean(1)),
                lambda self, X: self.fc(torch.relu(self.proj(X.transpose(0, 1))).mean(0)),
            ),
            SEQUENCES,
            id="sequence first in PyTorch",
        ),
        pytest.param(
            projected(
                lambda self, X: self.fc(nnx.relu(self.proj(X)).mean(1)),
                lambda self, X: self.fc(
                    torch.relu(self.proj(X.reshape(-1, 8))).view(4, 6, 5).mean(1)
                ),
            ),
            SEQUENCES,
            id="joined axes",
        ),
        pytest.param(
            images(
                lambda self, X: self.fc(channels_first(self.conv(channels_last(X))).reshape(4, -1)),
                lambda self, X: self.fc(self.conv(X).flatten(1)),
            ),
            IMAGES,
            id="flattened with channels first",
        ),
        pytest.param(
            images(
                lambda self, X: self.fc(
                    channels_first(self.conv(channels_last(X) * self.scale[...])).reshape(4, -1)
                ),
                lambda self, X: self.fc(self.conv(X * self.scale[:, None, None]).flatten(1)),
                scale=(3,),
            ),
            IMAGES,
            id="a parameter of the model itself",
        ),
    ],
)
def test_another_layout_is_the_same(models, data):
    found = short(*models, data)
    assert found.agree, found.failures
    layers = [layer for layer in found.first.layers if layer.name]
    assert layers and all(layer.output <= SAME_LAYER for layer in layers)


@pytest.mark.slow
def test_channels_that_are_flattened_in_another_order_are_a_difference():
    models = images(
        lambda self, X: self.fc(self.conv(channels_last(X)).reshape(4, -1)),
        lambda self, X: self.fc(self.conv(X).flatten(1)),
    )
    found = short(*models, IMAGES)
    assert not found.agree
    assert found.failures[0].startswith("The input of `fc` differs: look between `conv` and it.")


@pytest.mark.slow
def test_a_mistake_after_a_layer_in_another_layout_is_placed_after_it():
    found = short(*conv1d(lambda H: H.max(1)), SEQUENCES)
    assert found.failures[0].startswith("The input of `fc` differs: look between `conv` and it.")
