"""
Every operation and every gradient, on numbers that Hypothesis draws, against the truth.

Both backends are within a bound of the truth, and so within twice of it of each other.
"""

from dataclasses import replace

import jax
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from parity_tests.support import truth_training
from parity_tests.support.backends import BACKENDS, precision
from parity_tests.support.draws import FEW, Draw, Source
from parity_tests.support.operations import GRADIENTS, VALUES
from parity_tests.support.truth import HAS_EXTENDED, assert_true

EMPTY, SMALL = FEW[0], FEW[2]
DTYPES = [
    "float32",
    pytest.param(
        "float64",
        marks=pytest.mark.skipif(not HAS_EXTENDED, reason="`long double` is no wider than float64"),
    ),
]


def for_all_draws(operation):
    """Return the decorator that calls a function with many draws for an operation."""
    draws = st.builds(
        Draw,
        seed=st.integers(0, 2**32 - 1),
        shape=st.sampled_from(operation.shapes),
        scale=st.sampled_from(operation.scales),
        kind=st.sampled_from(operation.kinds),
    )
    # The same each time; a seed does not shrink to anything simpler.
    phases = [Phase.explicit, Phase.generate]
    always = settings(derandomize=True, deadline=None, max_examples=25, phases=phases)
    return lambda holds: always(given(draw=draws)(holds))


def check(operation, call, backend, dtype, draw):
    """Raise unless `call` gives the truth for `draw`."""
    arrays = operation.arrays(Source(draw, dtype))
    results = call(*(BACKENDS[backend].tensor(array) for array in arrays))
    assert_true(operation, results, arrays, dtype, f"{backend}, {draw}:")


def calls(operation, eager_shapes):
    """Return a function of a backend and a shape that returns how to call an operation."""

    def call(backend):
        return lambda *args: operation.call(BACKENDS[backend], *args)

    # Without `jit`, which test_transformations.py compares, a new shape costs five times as much.
    compiled = jax.jit(call("jax"))

    def choose(backend, shape):
        return compiled if backend == "jax" and shape not in eager_shapes else call(backend)

    return choose


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", VALUES)
def test_values(name, dtype):
    operation = VALUES[name]
    choose = calls(operation, eager_shapes=(EMPTY, SMALL))

    @for_all_draws(operation)
    def holds(draw):
        for backend in BACKENDS:
            check(operation, choose(backend, draw.shape), backend, dtype, draw)

    with precision(dtype):
        holds()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name, dtype):
    operation = GRADIENTS[name]
    choose = calls(operation, eager_shapes=())

    @for_all_draws(operation)
    def holds(draw):
        for backend in BACKENDS:
            check(operation, choose(backend, draw.shape), backend, dtype, draw)

    with precision(dtype):
        holds()


def clip_with_epsilon(d2l, grads):
    norm = sum(d2l.reduce_sum(grad**2) for grad in grads) ** 0.5
    scale = truth_training.LIMIT / (norm + 1e-6)
    return tuple(grad * min(float(scale), 1) for grad in grads)


# What people write instead, and what it is meant to be.
FAULTS = {
    "no largest logit subtracted": (
        "softmax",
        lambda d2l, X: d2l.exp(X) / d2l.reduce_sum(d2l.exp(X), -1, keepdims=True),
    ),
    "softmax over the examples": (
        "softmax",
        lambda d2l, X: d2l.transpose(d2l.softmax(d2l.transpose(X))),
    ),
    "the log of a softmax": (
        "softmax_cross_entropy of each",
        lambda d2l, X, y: d2l.cross_entropy(d2l.softmax(X), y, averaged=False),
    ),
    "a log that is never infinite": (
        "cross_entropy of each",
        lambda d2l, P, y: d2l.cross_entropy(P + 1e-7, y, averaged=False),
    ),
    "a sum for a mean": (
        "cross_entropy",
        lambda d2l, P, y: d2l.reduce_sum(d2l.cross_entropy(P, y, averaged=False)),
    ),
    "the last of equals": (
        "accuracy of each",
        lambda d2l, X, y: d2l.astype(
            len(X[0]) - 1 - d2l.argmax(d2l.stack([*X.T][::-1]), 0) == y, d2l.float32
        ),
    ),
    "a lost half": ("squared_loss", lambda d2l, y_hat, y: (y_hat - y) ** 2),
    "n - 1 for n": (
        "reduce_mean over rows",
        lambda d2l, x: d2l.reduce_sum(x, 0) / (len(x) - 1),
    ),
    "a small number added to the norm": (
        "clip_gradients",
        lambda d2l, *grads: clip_with_epsilon(d2l, grads),
    ),
    "a difference of powers": ("sinh", lambda d2l, x: (d2l.exp(x) - d2l.exp(-x)) / 2),
    "a quotient of powers": (
        "tanh",
        lambda d2l, x: (d2l.exp(x) - d2l.exp(-x)) / (d2l.exp(x) + d2l.exp(-x)),
    ),
    "a log of 0": ("entropy", lambda d2l, p: -d2l.reduce_sum(p * d2l.log(p), -1)),
}


@pytest.mark.slow
@pytest.mark.skipif(not HAS_EXTENDED, reason="`long double` is no wider than float64")
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_seen(d2l, fault):
    name, call = FAULTS[fault]
    operation = replace(VALUES[name], shapes=(SMALL,))
    backend = d2l.__name__.removeprefix("d2l_")

    @for_all_draws(operation)
    def holds(draw):
        check(operation, lambda *args: call(d2l, *args), backend, "float64", draw)

    with precision("float64"), pytest.raises(AssertionError, match="apart"):
        holds()
