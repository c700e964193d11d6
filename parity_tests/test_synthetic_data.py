"""Synthetic data is its formula, the same numbers on both; and defaults are alike."""

import inspect
import math

import numpy as np
import pytest

from d2l_parity import assert_within
from parity_tests.support.backends import BACKENDS, precision

EPS = float(np.finfo(np.float32).eps)


def both_equal(make):
    """Return NumPy's `X` and `y` of one backend, after a look at whether the other has the same."""
    tables = [
        (d2l.numpy(data.X), d2l.numpy(data.y)) for d2l in BACKENDS.values() for data in [make(d2l)]
    ]
    for one, other in zip(*tables, strict=True):
        assert one.dtype == other.dtype == np.float32
        np.testing.assert_array_equal(one, other)
    return tables[0]


def assert_noise(residual, std):
    """Raise unless the numbers are as normal noise: five standard errors of mean and deviation."""
    n = residual.size
    assert abs(residual.mean()) < 5 * std / math.sqrt(n)
    assert abs(residual.std() - std) < 5 * std / math.sqrt(2 * n)


def test_synthetic_regression_data():
    w = [2, -3.4]
    X, y = both_equal(lambda d2l: d2l.SyntheticRegressionData(w=d2l.tensor(w), b=4.2))
    assert X.shape == (2000, 2)
    assert y.shape == (2000, 1)
    assert_noise(X, 1)
    assert_noise(y[:, 0] - X @ w - 4.2, 0.01)


@pytest.mark.slow
def test_synthetic_regression_data_of_a_framework(d2l):
    key = {"key" if d2l is BACKENDS["jax"] else "generator": d2l.get_key()}
    w = np.array([2, -3.4], np.float32)
    data = d2l.SyntheticRegressionData(
        w=d2l.tensor(w), b=4.2, noise=0.5, num_train=1500, num_val=500, **key
    )
    X, y = d2l.numpy(data.X), d2l.numpy(data.y)
    assert X.shape == (2000, 2)
    assert y.shape == (2000, 1)
    noise = y[:, 0] - X @ w - 4.2
    assert_noise(X, 1)
    assert_noise(noise, 0.5)
    # Drawn from the key of the inputs, it would be the first of them again.
    assert abs(np.corrcoef(noise, X.ravel()[:2000])[0, 1]) < 5 / math.sqrt(2000)


def test_high_dimensional_data():
    X, y = both_equal(lambda d2l: d2l.HighDimensionalData(400, 100, 30, batch_size=5))
    assert X.shape == (500, 30)
    assert_noise(X, 1)
    assert_noise(y - X.sum(1, keepdims=True) * 0.01 - 0.05, 0.01)


@pytest.mark.parametrize("num_features", [2, 4, 6])
def test_polynomial_data(num_features):
    coefficients = (5, 1.2, -3.4, 5.6)
    X, y = both_equal(lambda d2l: d2l.PolynomialData(num_features=num_features))
    assert X.shape == (200, num_features)
    x = X[:, 1].astype(np.float64)
    assert_noise(x, 1)
    powers = np.stack([x**i / math.factorial(i) for i in range(6)], axis=1)
    # A rounding of x weighs as many times as the power has factors, and one of the power.
    assert_within(X, powers[:, :num_features], 6 * EPS * np.abs(powers[:, :num_features]))
    assert_noise(y[:, 0] - powers[:, :4] @ coefficients, 0.1)
    X, y = both_equal(
        lambda d2l: d2l.PolynomialData((1, 2), num_features, 3, 4, batch_size=2, noise=0, seed=1)
    )
    assert X.shape == (7, num_features)
    assert_within(y[:, 0], 1 + 2 * X[:, 1].astype(np.float64), EPS * (1 + 4 * np.abs(X[:, 1])))


REGRESSIONS = {
    "synthetic": lambda d2l, n, seed=0: d2l.SyntheticRegressionData(
        d2l.tensor([1.0]), 0, num_train=n, num_val=4, batch_size=3, seed=seed
    ),
    "high-dimensional": lambda d2l, n, seed=0: d2l.HighDimensionalData(n, 4, 2, 3, seed=seed),
    "polynomial": lambda d2l, n, seed=0: d2l.PolynomialData(
        num_train=n, num_val=4, batch_size=3, seed=seed
    ),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_another_seed_gives_other_numbers(name):
    one, other = (
        both_equal(lambda d2l, seed=seed: REGRESSIONS[name](d2l, 7, seed)) for seed in (0, 1)
    )
    assert not np.array_equal(one[1], other[1])


@pytest.mark.parametrize("name", REGRESSIONS)
def test_the_first_rows_are_to_train_on(d2l, name):
    data = REGRESSIONS[name](d2l, 7)
    X, y = d2l.numpy(data.X), d2l.numpy(data.y)
    batches = {train: list(data.get_dataloader(train)) for train in (True, False)}
    assert [len(X) for X, _ in batches[True]] == [3, 3, 1]
    assert [len(X) for X, _ in batches[False]] == [3, 1]
    rows = {
        train: np.concatenate([np.hstack([d2l.numpy(X), d2l.numpy(y)]) for X, y in batches[train]])
        for train in batches
    }
    table = np.hstack([X, y])
    np.testing.assert_array_equal(rows[False], table[7:])
    assert not np.array_equal(rows[True], table[:7])  # shuffled
    np.testing.assert_array_equal(*(np.unique(a, axis=0) for a in (rows[True], table[:7])))


@pytest.mark.parametrize("name", REGRESSIONS)
def test_numbers_have_the_default_float(d2l, name):
    with precision("float64"):
        data = REGRESSIONS[name](d2l, 7)
        X, y = next(iter(data.train_dataloader()))
    for numbers in (data.X, data.y, X, y):
        assert d2l.numpy(numbers).dtype == "float64"


@pytest.mark.slow
def test_a_loader_of_some_examples(d2l):
    data = d2l.DataModule()
    data.batch_size = 2
    tensors = d2l.tensor(np.arange(10.0).reshape(5, 2)), d2l.tensor(np.arange(5))
    for indices, expected in (
        (slice(1, 4), [1, 2, 3]),
        ([4, 0, 4], [4, 0, 4]),
        (slice(0, None), range(5)),
    ):
        loader = data.get_tensorloader(tensors, train=False, indices=indices)
        batches = [(d2l.numpy(X), d2l.numpy(y)) for X, y in loader]
        np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), expected)
        np.testing.assert_array_equal(
            np.concatenate([X for X, _ in batches])[:, 0], 2 * np.array(expected)
        )
    loader = data.get_tensorloader(tensors, False, transform=lambda X, y: (X + 1, y))
    np.testing.assert_array_equal(d2l.numpy(next(iter(loader))[0]), [[1, 2], [3, 4]])


# -- defaults ---------------------------------------------------------------------------------

# The book's JAX cells of linear regression pass the number of inputs first.
DEFAULTS_APART = {("num_inputs", inspect.Parameter.empty, None)}


def test_same_defaults():
    for name in BACKENDS["jax"].__all__:
        functions = [getattr(d2l, name) for d2l in BACKENDS.values()]
        if not all(
            getattr(function, "__module__", "").startswith("d2l_") for function in functions
        ):
            continue
        functions = [f.__init__ if inspect.isclass(f) else f for f in functions]
        jax, torch = (inspect.signature(function).parameters for function in functions)
        for key in jax.keys() & torch.keys():
            one, other = jax[key].default, torch[key].default
            assert one == other or (key, one, other) in DEFAULTS_APART, f"{name}: {key}"
