"""Layers that Flax and PyTorch both ship are compared as they are, with their differences named."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

ROWS, SEQUENCES, IMAGES = batches(8, 6), batches(4, 6, 8), batches(4, 4, 6, 6)


def channels_last(X):
    return jnp.moveaxis(X, 1, -1)


def on_images(width, make_jax, make_torch):
    """Return models of one layer on images, whose pixels are averaged before a linear layer."""
    return (
        port(
            lambda self, X: self.fc(nnx.tanh(self.layer(channels_last(X))).mean((1, 2))),
            layer=make_jax,
            fc=linear(width, 4),
        ),
        original(
            lambda self, X: self.fc(torch.tanh(self.layer(X)).mean((2, 3))),
            layer=make_torch,
            fc=torch_linear(width, 4),
        ),
    )


def on_rows(make_jax, make_torch):
    """Return models of one layer between two linear layers of 8 numbers each."""
    forward = lambda self, X: self.out(self.layer(self.fc(X)).reshape(len(X), 8))  # noqa: E731
    return (
        port(forward, fc=linear(6, 8), layer=make_jax, out=linear(8, 4)),
        original(forward, fc=torch_linear(6, 8), layer=make_torch, out=torch_linear(8, 4)),
    )


def recurrent(cell, layer, zero=True, **options):
    """Return models of a recurrent layer; PyTorch's second bias is 0 if `zero`."""
    theirs = original(
        lambda self, X: self.fc(self.rnn(X)[0][:, -1]),
        rnn=lambda: layer(8, 5, batch_first=True),
        fc=torch_linear(5, 4),
    )
    if zero:
        nn.init.zeros_(theirs.rnn.bias_ih_l0 if layer is nn.LSTM else theirs.rnn.bias_hh_l0)
    ours = port(
        lambda self, X: self.fc(self.rnn(X)[:, -1]),
        rnn=lambda rngs: nnx.RNN(cell(8, 5, rngs=rngs, **options), rngs=rngs),
        fc=linear(5, 4),
    )
    return ours, theirs


def attention(num_heads=2):
    return (
        port(
            lambda self, X: self.fc(self.attention(X).mean(1)),
            attention=lambda rngs: nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs),
            fc=linear(8, 4),
        ),
        original(
            lambda self, X: self.fc(self.attention(X, X, X)[0].mean(1)),
            attention=lambda: nn.MultiheadAttention(8, num_heads, batch_first=True),
            fc=torch_linear(8, 4),
        ),
    )


def upsampled(transpose_kernel, width=6):
    return on_images(
        width,
        lambda rngs: nnx.ConvTranspose(
            4, width, (4, 4), 2, padding=((2, 2), (2, 2)), rngs=rngs,
            transpose_kernel=transpose_kernel,
        ),
        lambda: nn.ConvTranspose2d(4, width, 4, 2, 1),
    )  # fmt: skip


def group_norm(num_groups=2, epsilon=1e-5):
    return on_images(
        4,
        lambda rngs: nnx.GroupNorm(4, num_groups=num_groups, epsilon=epsilon, rngs=rngs),
        lambda: nn.GroupNorm(2, 4),
    )


EQUAL = {
    "MultiHeadAttention": (attention, SEQUENCES),
    "GroupNorm": (group_norm, IMAGES),
    "ConvTranspose, square": (lambda: upsampled(transpose_kernel=True, width=4), IMAGES),
    "ConvTranspose, its kernel not transposed": (
        lambda: upsampled(transpose_kernel=False),
        IMAGES,
    ),
    "LinearGeneral": (
        lambda: on_rows(lambda rngs: nnx.LinearGeneral(8, (2, 4), rngs=rngs), torch_linear(8, 8)),
        ROWS,
    ),
    "PReLU": (lambda: on_rows(lambda rngs: nnx.PReLU(0.25), nn.PReLU), ROWS),
    "RMSNorm": (
        lambda: on_rows(
            lambda rngs: nnx.RMSNorm(8, epsilon=1e-6, rngs=rngs), lambda: nn.RMSNorm(8, eps=1e-6)
        ),
        ROWS,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUAL)
def test_stock_layers_agree(name):
    make_models, data = EQUAL[name]
    found = short(*make_models(), data)
    assert found.verdict is Verdict.SAME, found.failures
    assert all(layer.output <= 1e-10 for layer in found.first.layers if layer.name)
    names = {full for layer in found.first.layers for full in layer.gradients}
    assert names == set(found.comparisons["float64"].torch.final_weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "data", "words"),
    [
        (group_norm(num_groups=4), IMAGES, "`layer` returns a different output for the same in"),
        (group_norm(epsilon=1e-6), IMAGES, "`layer` returns a different output for the same in"),
        (attention(num_heads=4), SEQUENCES, "`attention` returns a different output for the sa"),
        (
            on_rows(lambda rngs: nnx.LayerNorm(8, rngs=rngs), lambda: nn.LayerNorm(8)),
            ROWS,
            "`layer` returns a different output for the same input. JAX calls it at test_comparis",
        ),
    ],
)
def test_other_options_of_a_stock_layer_are_a_difference(models, data, words):
    found = short(*models, data)
    assert found.verdict is Verdict.DIFFERENT
    assert found.failures[0].startswith(words)


# -- recurrent layers ------------------------------------------------------------------------------

RECURRENT = {
    "LSTM": (nnx.OptimizedLSTMCell, nn.LSTM, "bias_ih_l0"),
    "GRU": (nnx.GRUCell, nn.GRU, "bias_hh_l0"),
    "RNN": (nnx.SimpleCell, nn.RNN, "bias_hh_l0"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_layers_differ_in_their_biases_alone(kind):
    """PyTorch adds two biases where NNX has one, which therefore learns half as fast."""
    cell, layer, absent = RECURRENT[kind]
    found = short(*recurrent(cell, layer), SEQUENCES)
    assert found.verdict is Verdict.DIFFERENT
    reason = (
        "its part for the new gate is inside the product with the reset gate"
        if kind == "GRU"
        else "JAX has the sum of both, which learns twice as fast in PyTorch"
    )
    assert found.failures[0] == (
        f"PyTorch's {kind} has two biases where NNX has one: `rnn.{absent}` has no counterpart in "
        f"JAX and starts at 0 here; {reason}."
    )
    assert max(found.first.output, found.first.loss) < 1e-12
    gradients = next(layer for layer in found.first.layers if layer.name == "rnn").gradients
    assert {name for name, gap in gradients.items() if gap > 1e-10} == {f"rnn.{absent}"}


@pytest.mark.slow
def test_a_recurrent_layer_with_a_frozen_second_bias_agrees():
    cell, layer, absent = RECURRENT["RNN"]
    ours, theirs = recurrent(cell, layer)
    getattr(theirs.rnn, absent).requires_grad_(False)
    found = short(ours, theirs, SEQUENCES)
    assert found.verdict is Verdict.SAME, found.failures


@pytest.mark.slow
def test_the_sum_of_two_biases_is_carried_over():
    models = recurrent(nnx.OptimizedLSTMCell, nn.LSTM, zero=False)
    total = (models[1].rnn.bias_ih_l0 + models[1].rnn.bias_hh_l0).detach().numpy()
    found = short(*models, SEQUENCES)
    assert max(found.first.output, found.first.loss) < 1e-12
    weights = found.comparisons["float64"].torch.weights
    np.testing.assert_allclose(
        weights["rnn.bias_ih_l0"][0] + weights["rnn.bias_hh_l0"][0], total, rtol=1e-6, atol=1e-7
    )
    assert "PyTorch's LSTM has two biases where NNX has one" in found.failures[0]


@pytest.mark.slow
def test_a_mistake_in_a_recurrent_layer_is_found_before_its_biases():
    models = recurrent(nnx.SimpleCell, nn.RNN, activation_fn=jax.nn.relu)
    found = short(*models, SEQUENCES)
    assert found.failures[0].startswith("`rnn` returns a different output for the same input.")
