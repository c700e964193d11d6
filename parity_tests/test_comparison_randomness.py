"""Dropout gets the same masks on both sides, and other randomness has no verdict."""

import re
from functools import partial

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn
from torch.nn import functional as F

from d2l_parity import Verdict
from d2l_parity.activations import Call
from d2l_parity.dropout_masks import NOTHING_DROPPED, MaskPlan, plan_masks
from d2l_parity.jax_dropout import SharedDropout as JaxDropout
from d2l_parity.torch_dropout import SharedDropout as TorchDropout
from d2l_parity.torch_dropout import shared_masks
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

ROWS, SEQUENCES, IMAGES = batches(8, 6), batches(4, 6, 8), batches(4, 3, 6, 6)


def dropout(rate=0.5, **options):
    return lambda rngs: nnx.Dropout(rate, rngs=rngs, **options)


def around_dropout(relu):
    return lambda self, X: self.out(self.drop(relu(self.fc(X))))


def jax_rows(forward=None, drop=dropout):
    """Return a JAX model of two linear layers with `drop` between them."""
    layers = {"drop": drop()} if drop else {}
    forward = forward or around_dropout(nnx.relu)
    return port(forward, fc=linear(6, 8), out=linear(8, 4), **layers)


def torch_rows(forward=None, rate=0.5):
    """Return likewise a model of PyTorch."""
    layers = {"drop": lambda: nn.Dropout(rate)} if rate else {}
    forward = forward or around_dropout(torch.relu)
    return original(forward, fc=torch_linear(6, 8), out=torch_linear(8, 4), **layers)


def functional(self, X):
    return self.out(F.dropout(torch.relu(self.fc(X)), 0.5, self.training))


# -- masks -----------------------------------------------------------------------------------------


def test_masks_are_equal_to_the_bit():
    draws = [JaxDropout(0.3, sites=(0, 1)), TorchDropout()]
    kept = []
    for step in range(2):
        draws[1].step, draws[1].site = step, 0
        for _ in range(2):
            masks = [np.array(draws[0](jnp.ones((300, 70)))) > 0]
            masks.append(draws[1].drop(torch.ones(300, 70), 0.3).numpy() > 0)
            np.testing.assert_array_equal(*masks)
            kept.append(masks[0])
    # Five standard errors of the share of 84,000 that is kept, and of that which repeats.
    assert abs(np.mean(kept) - 0.7) < 5 * np.sqrt(0.21 / 84_000)
    for i in range(1, 4):
        assert abs((kept[0] & kept[i]).mean() - 0.49) < 5 * np.sqrt(0.25 / 21_000)


@pytest.mark.parametrize("change", [(0, 2, 3, 1), (1, 0, 2, 3), (3, 2, 1, 0)])
def test_masks_are_equal_to_the_bit_in_another_layout(change):
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 6))
    turned = np.ascontiguousarray(x.transpose(change))
    ours = [Call("dropout a", [turned], [turned], "")]
    plan = plan_masks(ours, [Call("dropout", [x], [x], "")])
    drop = JaxDropout(0.5, sites=plan.sites["dropout a"], layout=plan.layouts["dropout a"])
    mask = TorchDropout().drop(torch.tensor(x), 0.5).numpy() != 0
    np.testing.assert_array_equal(np.array(drop(jnp.array(turned))) != 0, mask.transpose(change))


def test_the_plan_numbers_the_calls_of_each_layer():
    x = np.ones((2, 3))
    calls = [Call(f"dropout {name}", [x * i], [x], "") for i, name in enumerate("bab", 1)]
    plan = plan_masks(calls, [call._replace(name="dropout") for call in calls])
    assert plan.sites == {"dropout b": (0, 2), "dropout a": (1,)}
    assert all(plan.layouts.values())
    other = plan_masks(calls, [call._replace(inputs=[x + np.arange(3)]) for call in calls])
    assert not any(other.layouts.values())  # no layout explains other numbers


def test_nothing_is_dropped_in_a_pass_without_dropout():
    X = torch.ones(3, 4)
    with shared_masks(NOTHING_DROPPED) as masks:
        assert torch.equal(F.dropout(X, 0.5), X)
        F.dropout(X, 0.3, training=False)
        assert [call.rate for call in masks.calls] == [0.5]
    assert JaxDropout(0.5, sites=())(jnp.ones(3)).tolist() == [1, 1, 1]


def test_channels_are_dropped_as_wholes():
    with shared_masks(MaskPlan({}, {})):
        kept = F.dropout2d(torch.ones(16, 8, 5, 5), 0.5).numpy() > 0
    assert (kept == kept[:, :, :1, :1]).all()
    assert 0.3 < kept.mean() < 0.7
    drop = JaxDropout(0.5, broadcast_dims=(1, 2))
    kept = np.array(drop(jnp.ones((16, 5, 5, 8)))) > 0
    assert (kept == kept[:, :1, :1]).all()


def test_the_masks_of_attention_are_those_of_its_weights():
    rng = np.random.default_rng(0)
    query, key, value = (torch.tensor(rng.normal(size=(2, 3, 5, 4))) for _ in range(3))
    causal = torch.full((5, 5), -torch.inf, dtype=torch.float64).triu(1)
    with shared_masks(MaskPlan({}, {})):
        found = F.scaled_dot_product_attention(query, key, value, dropout_p=0.5, is_causal=True)
    weights = torch.softmax(query @ key.transpose(-1, -2) / 2 + causal, -1)
    wanted = TorchDropout().drop(weights, 0.5) @ value
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


# -- models with dropout ---------------------------------------------------------------------------


def with_channels(**options):
    """Return a JAX model whose dropout is after a convolution, with channels last."""
    return port(
        lambda self, X: self.fc(
            self.drop(nnx.relu(self.conv(jnp.moveaxis(X, 1, -1)))).mean((1, 2))
        ),
        conv=lambda rngs: nnx.Conv(3, 4, (3, 3), padding=1, rngs=rngs),
        fc=linear(4, 4),
        drop=dropout(**options),
    )


def torch_with_channels(make_drop):
    return original(
        lambda self, X: self.fc(self.drop(torch.relu(self.conv(X))).mean((2, 3))),
        conv=lambda: nn.Conv2d(3, 4, 3, padding=1),
        fc=torch_linear(4, 4),
        drop=make_drop,
    )


def attention(rate):
    """Return models of one head of attention, whose weights are dropped."""

    def call_jax(self, X):
        q, k, v = jnp.split(self.qkv(X), 3, -1)
        weights = self.drop(nnx.softmax(q @ k.swapaxes(1, 2) / 8**0.5))
        return self.fc((weights @ v).mean(1))

    def call_torch(self, X):
        p = rate if self.training else 0.0
        H = F.scaled_dot_product_attention(*self.qkv(X).chunk(3, -1), dropout_p=p)
        return self.fc(H.mean(1))

    return (
        port(call_jax, qkv=linear(8, 24), fc=linear(8, 4), drop=dropout()),
        original(call_torch, qkv=torch_linear(8, 24), fc=torch_linear(8, 4)),
    )


def heads(rate=0.5, torch_rate=0.5, *, broadcast=False, need_weights=False):
    """Return models of the frameworks' own layers of attention, with their own dropout."""

    def call_torch(self, X):
        return self.fc(self.attention(X, X, X, need_weights=need_weights)[0].mean(1))

    return (
        port(
            lambda self, X: self.fc(self.attention(X).mean(1)),
            attention=lambda rngs: nnx.MultiHeadAttention(
                2, 8, dropout_rate=rate, broadcast_dropout=broadcast, decode=False, rngs=rngs
            ),
            fc=linear(8, 4),
        ),
        original(
            call_torch,
            attention=lambda: nn.MultiheadAttention(8, 2, dropout=torch_rate, batch_first=True),
            fc=torch_linear(8, 4),
        ),
    )


def twice(relu, first, second):
    def forward(self, X):
        H = getattr(self, first)(relu(self.fc1(X)))
        return self.out(getattr(self, second)(relu(self.fc2(H))))

    return forward


def in_two_places(first, second):
    """Return models that call dropout twice, in JAX by two names whose order says nothing."""
    drops = {"drop1": lambda: nn.Dropout(0.5), "drop2": lambda: nn.Dropout(0.2)}
    rates = dict(zip((first, second), (0.5, 0.2), strict=False))
    ours = port(
        twice(nnx.relu, first, second), fc1=linear(6, 8), fc2=linear(8, 8), out=linear(8, 4),
        **{name: dropout(rate) for name, rate in rates.items()},
    )  # fmt: skip
    theirs = original(
        twice(torch.relu, "drop1", "drop2"), fc1=torch_linear(6, 8), fc2=torch_linear(8, 8),
        out=torch_linear(8, 4), **drops,
    )  # fmt: skip
    return ours, theirs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "data"),
    [
        pytest.param((jax_rows(), torch_rows()), ROWS, id="layers"),
        pytest.param((jax_rows(), torch_rows(functional, rate=0)), ROWS, id="F.dropout"),
        pytest.param(
            (jax_rows(lambda s, X: s.out(s.drop(nnx.relu(s.fc(X)), rngs=None))), torch_rows()),
            ROWS,
            id="rngs=None",
        ),
        pytest.param(
            (jax_rows(lambda s, X: s.out(s.drop(nnx.relu(s.fc(X)), deterministic=None))),
             torch_rows()),
            ROWS,
            id="deterministic=None",
        ),
        pytest.param(in_two_places("b", "a"), ROWS, id="two layers"),
        pytest.param(
            (with_channels(), torch_with_channels(lambda: nn.Dropout(0.5))), IMAGES, id="images"
        ),
        pytest.param(
            (with_channels(broadcast_dims=(1, 2)), torch_with_channels(lambda: nn.Dropout2d(0.5))),
            IMAGES,
            id="Dropout2d",
        ),
        pytest.param(attention(0.5), SEQUENCES, id="attention"),
        pytest.param(heads(), SEQUENCES, id="layers of attention"),
        pytest.param(heads(need_weights=True), SEQUENCES, id="weights of attention"),
    ],
)  # fmt: skip
def test_dropout_is_shared(models, data):
    found = short(*models, data[:1], lr=1e-4, epochs=2)
    assert found.verdict is Verdict.SAME, found.failures
    assert found.first.train_output <= found.first.tolerance < 1e-9
    first, second = found.comparisons["float64"].torch.history.train_loss
    assert abs(first - second) > 1e-3  # by other masks: the steps are too small


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "data", "words"),
    [
        (
            (jax_rows(drop=partial(dropout, 0.1)), torch_rows(functional, rate=0)),
            ROWS,
            r"^In training mode: .*Dropout has the rate 0.1 in JAX \(test_comparison_randomness.py:"
            r"\d+\) and 0.5 in PyTorch \(test_comparison_randomness.py:\d+\)",
        ),
        (
            (jax_rows(lambda s, X: s.out(nnx.relu(s.fc(X))), drop=None), torch_rows()),
            ROWS,
            r"^In training mode: The input of `out` differs: look between `fc` and it.*"
            r"A step calls dropout never in JAX and once in PyTorch \(test_comparison_rand",
        ),
        (
            (jax_rows(), torch_rows(lambda s, X: s.out(torch.relu(s.fc(X))), rate=0)),
            ROWS,
            r"A step calls dropout once in JAX \(test_comparison_randomness.py:\d+\) and never in",
        ),
        (
            (jax_rows(drop=partial(dropout, broadcast_dims=(0,))), torch_rows()),
            ROWS,
            "^In training mode: The input of `out` differs: look between `fc` and it",
        ),
        (
            (with_channels(), torch_with_channels(lambda: nn.Dropout2d(0.5))),
            IMAGES,
            "^In training mode: The input of `fc` differs: look between `conv` and it",
        ),
    ],
)
def test_other_dropout_is_a_difference_in_training_mode(models, data, words):
    found = short(*models, data)
    assert found.verdict is Verdict.DIFFERENT
    assert re.search(words, found.failures[0]), found.failures[0]


# -- other randomness ------------------------------------------------------------------------------


class Noise(nnx.Module):
    """Layer that adds noise in training mode."""

    def __init__(self, rngs):
        self.rngs, self.deterministic = rngs, False

    def set_view(self, deterministic=None):
        self.deterministic = self.deterministic if deterministic is None else deterministic

    def __call__(self, X):
        if self.deterministic:
            return X
        return X + 0.1 * jax.random.normal(self.rngs.noise(), X.shape, X.dtype)


def noisy_torch(self, X):
    H = torch.relu(self.fc(X))
    return self.out(H + 0.1 * torch.randn_like(H) if self.training else H)


def quiet(relu):
    return lambda self, X: self.out(relu(self.fc(X)))


@pytest.mark.slow
@pytest.mark.parametrize("lr", [0.1, 0.0])
def test_randomness_of_pytorch_has_no_verdict(lr):
    """Neither have runs in which it moves nothing."""
    models = jax_rows(quiet(nnx.relu), drop=None), torch_rows(noisy_torch, rate=0)
    found = short(*models, ROWS, lr=lr)
    assert found.verdict is Verdict.UNDECIDED
    assert found.failures[0].startswith(
        "PyTorch draws random numbers between `fc` and `out`, called at test_comparison_random"
    )
    assert "use nnx.Dropout and nn.Dropout, which get the same masks" in found.failures[1]
    assert found.exit_code == 2 and not found.agree
    assert "**No verdict.**" in str(found)


@pytest.mark.slow
def test_randomness_of_jax_has_no_verdict():
    ours = jax_rows(drop=lambda: lambda rngs: Noise(rngs.fork()))
    found = short(ours, torch_rows(quiet(torch.relu), rate=0), ROWS)
    assert found.verdict is Verdict.UNDECIDED, found.failures
    assert found.failures[0].startswith("JAX draws random numbers between `fc` and `out`, called")


@pytest.mark.slow
def test_a_mistake_is_found_beside_randomness():
    """In evaluation mode nothing is random."""
    models = jax_rows(quiet(nnx.tanh), drop=None), torch_rows(noisy_torch, rate=0)
    found = short(*models, ROWS)
    assert found.verdict is Verdict.DIFFERENT
    assert found.failures[0].startswith("The input of `out` differs: look between `fc` and it.")
