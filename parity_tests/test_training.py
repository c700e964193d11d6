"""Whole training runs, from equal weights on equal batches, stay as close as design promises."""

import numpy as np
import pytest

from d2l_parity import RUNS
from parity_tests.support.cases import (
    CASES,
    Case,
    digits_600,
    dropout,
    images_60000,
    mlp,
    softmax_regression,
)


def assert_same_run(comparison, clipped=False):
    """Raise unless all that was recorded is within the bounds; return the JAX history."""
    assert not comparison.failures(), comparison.failures()
    jax, torch = comparison.jax, comparison.torch
    assert jax.history.labels() == torch.history.labels()
    np.testing.assert_array_equal(jax.history.batch_sizes, torch.history.batch_sizes)
    assert len(jax.history.train_loss) == len(jax.gradient_norms) == len(torch.gradient_norms)
    for ours, theirs in (
        (jax.final_weights, torch.final_weights),
        (jax.weights, torch.weights),
        (jax.gradients, torch.gradients),
    ):
        assert {name: (x.shape, x.dtype) for name, x in ours.items()} == {
            name: (x.shape, np.dtype(comparison.dtype)) for name, x in theirs.items()
        }
    return jax.history


def check_float32(comparison, case):
    """Judge a float32 run: of a model without ReLU by its weights, too."""
    gaps = comparison.largest()
    if case.has_relu:
        history = comparison.torch.history
        first_epoch = comparison.loss_gap[: len(history.train_loss) // len(history.seconds)]
        assert first_epoch.max() <= RUNS["float32, first epoch of ReLUs"].loss
    else:
        # Stricter than `failures`, which would let chaos excuse a gap.
        for label in ("training loss", "validation loss", "gradient norm"):
            assert gaps[label] <= RUNS["float32"].loss, label
        assert gaps["weights"] <= RUNS["float32"].weights


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_runs_agree(name, dtype):
    case = CASES[name]
    chaotic = case.has_relu and dtype == "float32"
    comparison = case.compare(dtype, epochs=5, nudges=3 if chaotic else 0)
    history = assert_same_run(comparison)
    if dtype == "float32":
        check_float32(comparison, case)
    assert history.epoch_train_loss[-1] < 0.8 * history.epoch_train_loss[0]  # it did learn


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_clipped_runs_agree(name):
    case = CASES[name]
    free = case.compare("float64", epochs=2)
    largest = np.median(free.torch.gradient_norms) / 2
    clipped = case.compare("float64", epochs=2, clip=float(largest))
    assert_same_run(clipped)
    norms = clipped.jax.gradient_norms
    assert norms.max() <= largest * (1 + 1e-12)  # scaled to the limit, which is rounded
    assert (norms > 0.999 * largest).sum() >= len(norms) / 4  # the limit was reached
    assert free.jax.history.train_loss[-1] != clipped.jax.history.train_loss[-1]


SEED_CASES = {
    "softmax regression": Case(softmax_regression(lr=0.5, pixels=64), digits_600),
    "MLP": Case(mlp(16, lr=0.3, pixels=64), digits_600, "he", has_relu=True),
    "dropout": Case(CASES["dropout"].make_model, digits_600, "he", has_relu=True),
    "weight decay": CASES["weight decay"],
    "linear regression scratch": CASES["linear regression scratch"],
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", SEED_CASES)
def test_a_hundred_runs_agree(name, seed):
    """Other weights, data and orders of the examples: 20 each of five models."""
    case = SEED_CASES[name]
    assert_same_run(case.compare("float64", epochs=3, seed=seed))


# At such a learning rate small differences grow.
CHAOTIC_CASES = {
    "MLP": Case(mlp(32, lr=2, pixels=64), digits_600, "he", has_relu=True),
    "dropout": Case(dropout("DropoutMLP", lr=1), digits_600, "he", has_relu=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAOTIC_CASES)
def test_float32_runs_with_relus_part_no_further_than_one_ulp_takes_them(name):
    """Over many seeds the gap between the backends is that of one ulp within a backend."""
    case = CHAOTIC_CASES[name]
    comparisons = [case.compare("float32", 20, seed=seed, nudges=3) for seed in range(8)]
    for comparison in comparisons:
        check_float32(comparison, case)
    gaps = np.array([each.loss_gap.max() for each in comparisons])
    opened = np.array([each.one_ulp_gaps.max(axis=1) for each in comparisons])
    assert opened.max() > 1e-5  # it is chaos, and not rounding alone
    # Geometric means: in chaos gaps of equal causes differ by factors, not by summands. The
    # losses of equal weights are rounded by themselves, too: 4 eps.
    geometric = [np.exp(np.log(x).mean()) for x in (gaps, opened)]
    assert geometric[0] <= geometric[1] + 4 * np.finfo(np.float32).eps


FULL_SIZE = {
    "softmax regression": Case(softmax_regression(lr=0.1, pixels=784), images_60000),
    "MLP": Case(mlp(256, lr=0.1, pixels=784), images_60000, "he", has_relu=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FULL_SIZE)
def test_full_size_runs_agree(name, dtype):
    case = FULL_SIZE[name]
    chaotic = case.has_relu and dtype == "float32"
    comparison = case.compare(dtype, epochs=10, nudges=int(chaotic))
    history = assert_same_run(comparison)
    if dtype == "float32":
        check_float32(comparison, case)
    assert len(history.train_loss) == 10 * 235
    assert history.val_acc[-1] > 0.4  # shifted as they are, a linear model gets half of them
