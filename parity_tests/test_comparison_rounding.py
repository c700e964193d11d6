"""Rounding errors in gradients that are exactly 0 do not count as differences, and hide none."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from d2l_parity.rounding import only_rounding
from parity_tests.support.ports import BatchNorm, linear, original, port, torch_linear
from parity_tests.test_comparison import BOTH, TorchMLP, batches, report


class TorchNorm(nn.Module):
    """A model whose first bias, which is 0, stands before a batch normalization."""

    def __init__(self):
        super().__init__()
        self.fc1, self.norm = nn.Linear(64, 12), nn.BatchNorm1d(12)
        self.fc2 = nn.Linear(12, 10)
        nn.init.zeros_(self.fc1.bias)

    def forward(self, X):
        return self.fc2(torch.relu(self.norm(self.fc1(X))))


class FlaxNorm(nnx.Module):
    """Its port, in which the first bias can have a gradient that it should not have."""

    def __init__(self, mistake=0.0, in_training_only=False):
        rngs = nnx.Rngs(0)
        self.hidden = nnx.Linear(64, 12, rngs=rngs)
        self.norm = BatchNorm(12, rngs=rngs)
        self.output = nnx.Linear(12, 10, rngs=rngs)
        self.mistake, self.in_training_only = mistake, in_training_only

    def __call__(self, X):
        H = self.norm(self.hidden(X))
        if not (self.in_training_only and self.norm.use_running_average):
            extra = self.mistake * self.hidden.bias[...]
            H = H + extra - jax.lax.stop_gradient(extra)
        return self.output(nnx.relu(H))


def exceeded(found):
    return set().union(*(each.exceeded() for each in found.comparisons.values()))


@pytest.mark.slow
def test_a_bias_before_a_batch_normalization():
    found = report(FlaxNorm(), TorchNorm(), epochs=2, dtypes=BOTH)
    assert found.verdict is Verdict.SAME, found.failures
    for dtype, bound in (("float32", 1e-4), ("float64", 1e-12)):
        largest = found.comparisons[dtype].largest()
        assert max(largest["gradients"], largest["weights"]) < bound
    assert list(found.only_rounding) == ["fc1.bias"]
    assert "The gradient of `fc1.bias` (`hidden.bias` in JAX) is zero up to rounding" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [1.0, 1e-6])
def test_a_gradient_that_such_a_bias_should_not_have(mistake):
    found = report(FlaxNorm(mistake), TorchNorm())
    assert "look at `fc1.bias` (`hidden.bias` in JAX) itself" in found.failures[0]
    assert "weights" in exceeded(found)
    assert found.comparisons["float64"].largest()["gradients"] >= 1
    assert not found.only_rounding


@pytest.mark.slow
def test_a_gradient_that_such_a_bias_should_not_have_in_training():
    found = report(FlaxNorm(1e-6, in_training_only=True), TorchNorm())
    assert "weights" in exceeded(found)
    assert not found.only_rounding


@pytest.mark.slow
def test_constant_weights_have_gradients_that_cancel():
    """The errors of all classes meet equal weights, and add up to 0."""
    weights = {name: np.full(x.shape, 0.1) for name, x in TorchMLP().named_parameters()}
    found = report(weights=weights, data=batches(n=1), dtypes=BOTH)
    assert found.agree, found.failures
    assert "fc2.weight" in found.only_rounding


class TorchFaint(nn.Module):
    """A model whose first layer has a gradient that is small, and is not a rounding error."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 10), nn.Linear(64, 10)

    def forward(self, X):
        return 1e-13 * self.fc1(X) + self.fc2(X)


class FlaxFaint(nnx.Module):
    """Its port, whose first layer's gradient is `factor` times what it should be."""

    def __init__(self, factor=1):
        rngs = nnx.Rngs(0)
        self.fc1, self.fc2 = nnx.Linear(64, 10, rngs=rngs), nnx.Linear(64, 10, rngs=rngs)
        self.factor = factor

    def __call__(self, X):
        faint = self.factor * 1e-13 * self.fc1(X)
        return faint + jax.lax.stop_gradient(1e-13 * self.fc1(X) - faint) + self.fc2(X)


@pytest.mark.slow
def test_a_small_gradient_is_not_taken_for_rounding():
    found = report(FlaxFaint(), TorchFaint(), dtypes=BOTH)
    assert found.agree, found.failures
    assert not found.only_rounding
    found = report(FlaxFaint(factor=2), TorchFaint())
    assert "the gradients differ, from `fc1." in found.failures[0]


def test_what_is_nothing_but_rounding():
    def gradients(small):
        return [{"a": np.ones((2, 3)), "b": np.full((2, 3), small)}] * 2

    assert list(only_rounding(gradients(1e-7), gradients(1e-16))) == ["b"]
    assert not only_rounding(gradients(1e-16), gradients(1e-16))  # it does not grow
    assert not only_rounding(gradients(1e-3), gradients(1e-11))  # it is too large
    assert not only_rounding(gradients(np.nan), gradients(np.nan))
    assert not only_rounding(gradients(0), gradients(0))


# -- chaos within the forward pass -----------------------------------------------------------------


def logistic_maps(iterations, rate=4.0, scale=1.0):
    """Return models that iterate a logistic map, which doubles a rounding each time."""

    def forward(activation, loop):
        return lambda self, X: self.fc2(loop(activation(self.fc1(X))))

    def torch_loop(Z):
        for _ in range(iterations):
            Z = 4 * Z * (1 - Z)
        return Z

    step = lambda _, Z: rate * Z * (1 - Z)  # noqa: E731
    theirs = original(
        forward(torch.sigmoid, torch_loop), fc1=torch_linear(64, 12), fc2=torch_linear(12, 10)
    )
    ours = port(
        forward(
            lambda Z: nnx.sigmoid(scale * Z), lambda Z: jax.lax.fori_loop(0, iterations, step, Z)
        ),
        fc1=linear(64, 12),
        fc2=linear(12, 10),
    )
    return ours, theirs


@pytest.mark.slow
@pytest.mark.parametrize("iterations", [35, 80])
def test_a_forward_pass_that_is_chaotic_gives_no_verdict(iterations):
    found = report(*logistic_maps(iterations), lr=1e-4)
    assert found.verdict is Verdict.UNDECIDED, found.failures
    assert found.failures[0].startswith("The forward pass is chaotic even in float64: one ulp in")


@pytest.mark.slow
def test_a_mistake_before_the_chaos_is_found():
    ours, theirs = logistic_maps(60)
    call = type(ours).__call__
    type(ours).__call__ = lambda self, X: call(self, 1.001 * X)
    found = report(ours, theirs, lr=1e-4)
    assert found.verdict is Verdict.DIFFERENT
    assert "The input of `fc1` differs: look before it." in found.failures[0]


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [1.0, 1.01])
def test_a_mask_that_is_compared_with_0_stays(mistake):
    """One ulp more than 0 would be another mask."""

    def torch_forward(self, X):
        scores = (X @ X.T).masked_fill(self.mask[: len(X), : len(X)] == 0, float("-inf"))
        return self.fc(torch.softmax(scores / 64, -1) @ X)

    def jax_forward(self, X):
        scores = jnp.where(self.mask[: len(X), : len(X)] == 0, -jnp.inf, X @ X.T)
        return self.fc(mistake * (nnx.softmax(scores / 64, -1) @ X))

    mask = np.tril(np.ones((100, 100), np.float32))
    theirs = original(torch_forward, fc=torch_linear(64, 10))
    theirs.register_buffer("mask", torch.tensor(mask))
    ours = port(jax_forward, fc=linear(64, 10), mask=lambda rngs: nnx.Variable(jnp.asarray(mask)))
    found = report(ours, theirs, nudges=1)
    assert found.verdict is (Verdict.SAME if mistake == 1 else Verdict.DIFFERENT)


@pytest.mark.slow
def test_a_mistake_before_a_head_that_begins_at_0_is_found():
    theirs = original(lambda self, X: self.fc(X), fc=torch_linear(64, 10))
    nn.init.zeros_(theirs.fc.weight), nn.init.zeros_(theirs.fc.bias)
    found = report(port(lambda self, X: self.fc(1.5 * X), fc=linear(64, 10)), theirs)
    assert "The input of `fc` differs: look before it." in found.failures[0]


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [{"rate": 3.99}, {"scale": 1.001}])
def test_a_mistake_that_is_larger_than_the_chaos_is_found(mistake):
    found = report(*logistic_maps(20, **mistake), lr=1e-4)
    assert found.verdict is Verdict.DIFFERENT
    assert "The input of `fc2` differs: look between `fc1` and it." in found.failures[0]
