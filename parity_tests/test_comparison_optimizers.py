"""A difference of the optimizers has a cause, and gradients of only rounding do not count."""

import numpy as np
import optax
import pytest
import torch
from flax import nnx
from torch import nn

from d2l_parity import Verdict
from d2l_parity.causes import explain_update, ratio
from parity_tests.support.ports import BatchNorm, batches, linear, original, port, torch_linear
from parity_tests.support.ports import short as compare_shortly

ROWS = batches(8, 6, n=3)


def models():
    return (
        port(lambda self, X: self.out(nnx.tanh(self.fc(X))), fc=linear(6, 8), out=linear(8, 4)),
        original(
            lambda self, X: self.out(torch.tanh(self.fc(X))),
            fc=torch_linear(6, 8),
            out=torch_linear(8, 4),
        ),
    )


def short(*optimizers, **options):
    """Return the report of two models trained by `optimizers`, JAX's and PyTorch's."""
    return compare_shortly(*models(), ROWS, optimizer=optimizers, **options)


def sgd(lr=0.1, **options):
    return lambda params: torch.optim.SGD(params, lr, **options)


def adam(lr=1e-2, **options):
    return lambda params: torch.optim.Adam(params, lr, **options)


# -- causes ----------------------------------------------------------------------------------------

MINE = np.arange(1.0, 7).reshape(2, 3)
WEIGHTS = np.array([[1.0, -2, 3], [0, 5, 1]])


@pytest.mark.parametrize(
    ("theirs", "before", "words"),
    [
        (0 * MINE, None, "it stays as it is in PyTorch and moves in JAX: is it frozen in PyTorch"),
        (
            2 * MINE,
            None,
            "it moves 0.5 times as far in JAX: look at the learning rate, at clipping and",
        ),
        (MINE / 1.00002, None, "it moves 1.00002 times as far in JAX: look at clipping (PyTorch's"),
        (MINE - 0.003 * WEIGHTS, None, "differ by 0.003 times the weights: look at the weight dec"),
        (MINE + 0.9 * WEIGHTS, WEIGHTS, "differ by 0.9 times the last update: look at the moment"),
        (np.sign(MINE) * MINE**2, None, "look at the optimizers' settings: betas, eps, mom"),
    ],
)
def test_an_update_is_explained(theirs, before, words):
    assert words in explain_update(MINE, theirs, WEIGHTS, before)


def test_a_ratio_is_of_multiples_only():
    assert ratio(MINE, 4 * MINE) == pytest.approx(0.25)
    assert ratio(-MINE, MINE) == pytest.approx(-1)
    assert ratio(MINE, 0 * MINE) is None
    assert ratio(MINE, MINE + WEIGHTS) is None
    assert ratio(MINE, MINE + 1e-3 * WEIGHTS) is None


# -- models ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizers",
    [
        (optax.adam(1e-2), adam()),
        (optax.sgd(0.1, momentum=0.9, nesterov=True), sgd(momentum=0.9, nesterov=True)),
        (
            optax.adamw(1e-2, weight_decay=0.1),
            lambda params: torch.optim.AdamW(params, 1e-2, weight_decay=0.1),
        ),
        [optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)), sgd(weight_decay=0.1)],
    ],
)
def test_equal_optimizers_agree(optimizers):
    found = short(*optimizers, epochs=2)
    assert found.verdict is Verdict.SAME, found.failures
    kind = type(optimizers[1](models()[1].parameters())).__name__
    assert f"by the given optimizers, {kind} in PyTorch, in float64" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizers", "step", "words"),
    [
        ((optax.sgd(0.1), sgd(0.05)), 0, "it moves 2 times as far in JAX: look at the learning"),
        (
            (optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)), sgd()),
            0,
            "they differ by 0.01 times the weights: look at the weight decay.",
        ),
        (
            (optax.sgd(0.1), sgd(momentum=0.9)),
            1,
            "they differ by 0.9 times the last update: look at the momentum.",
        ),
        (
            (optax.adam(1e-2, b1=0.8), adam()),
            1,
            "look at the optimizers' settings: betas, eps, momentum, and whether the weight "
            "decay is part of the gradient.",
        ),
        (
            (optax.adam(1e-2, eps=1e-4), adam()),
            0,
            "look at the optimizers' settings: betas, eps, momentum, and whether the weight "
            "decay is part of the gradient.",
        ),
        (
            (optax.set_to_zero(), sgd()),
            0,
            "nothing moves in JAX, and it does in PyTorch: is the learning rate 0 there, as that",
        ),
    ],
)
def test_the_first_different_update_has_a_cause(optimizers, step, words):
    found = short(*optimizers)
    assert found.verdict is Verdict.DIFFERENT
    start = f"The gradients are the same up to step {step}, where the optimizers update `"
    assert found.failures[0].startswith(start)
    assert words in found.failures[0]
    assert not found.first.first_difference()


@pytest.mark.slow
def test_steps_that_are_not_all_recorded_have_no_first_update(monkeypatch):
    monkeypatch.setattr("d2l_parity.runs.MAX_KEPT_BYTES", 1)
    found = short(optax.sgd(0.1), sgd(0.05))
    assert found.failures[0].startswith("The first minibatch is the same forward and backward: lo")
    for recorded in (found.comparisons["float64"].jax, found.comparisons["float64"].torch):
        assert {len(x) for x in recorded.gradients.values()} == {1}
        assert recorded.weights == {}  # those of the first step are equal
    found = compare_shortly(*models(), ROWS[:1], optimizer=(optax.sgd(0.1), sgd(0.05)))
    assert "look at the learning rate" in found.failures[0]


@pytest.mark.slow
def test_adam_takes_whole_steps_along_gradients_of_only_rounding():
    """A bias before a batch normalization; the running mean of what it is added to differs."""
    ours = port(
        lambda self, X: self.out(nnx.tanh(self.norm(self.fc(X)))),
        fc=linear(6, 8),
        norm=lambda rngs: BatchNorm(8, rngs=rngs),
        out=linear(8, 4),
    )
    theirs = original(
        lambda self, X: self.out(torch.tanh(self.norm(self.fc(X)))),
        fc=torch_linear(6, 8),
        norm=lambda: nn.BatchNorm1d(8),
        out=torch_linear(8, 4),
    )
    optimizers, both = (optax.adam(1e-2), adam()), ("float32", "float64")
    found = compare_shortly(ours, theirs, ROWS, optimizer=optimizers, dtypes=both, nudges=1)
    assert found.verdict is Verdict.SAME, found.failures
    assert list(found.only_rounding) == ["fc.bias"]
    each = found.comparisons["float32"]
    moves = [
        run.final_weights["fc.bias"] - run.weights["fc.bias"][0] for run in (each.jax, each.torch)
    ]
    assert min(np.linalg.norm(move) for move in moves) > 1e-3
    assert np.linalg.norm(moves[0] - moves[1]) > 1e-3


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (optax.sgd(0.1), "got function for JAX"),
        ((optax.sgd(0.1),), "got tuple"),
        ((sgd(), optax.sgd(0.1)), "got function for JAX"),
        ((optax.sgd(0.1), torch.optim.SGD(models()[1].parameters(), 0.1)), "got SGD for PyTorch"),
        ("adam", "got str"),
    ],
)
def test_a_wrong_optimizer_is_said(optimizer, words):
    with pytest.raises(TypeError) as caught:
        compare_shortly(*models(), ROWS, optimizer=optimizer)
    assert str(caught.value).startswith("optimizer must be a pair: an Optax transformation, and a")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
