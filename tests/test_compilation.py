"""In JAX, a second fit of a fresh model compiles nothing, and traces each program once."""

from collections import Counter

import jax
import numpy as np
import pytest

import d2l_jax as d2l
from d2l_jax.compiled import MAX_PROGRAMS, Program, _programs

TRACE, COMPILE = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/backend_compile_duration",
)


@pytest.fixture
def events():
    """Count what JAX says that it does."""
    counter = Counter()

    def listen(event, duration, **_):
        counter[event] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield counter
    jax.monitoring.unregister_event_duration_listener(listen)


def fit(seed=0, epochs=2, **trainer):
    model = d2l.SoftmaxRegressionScratch(64, 10, lr=0.1)
    data = d2l.Digits(batch_size=100, seed=seed)
    return d2l.Trainer(max_epochs=epochs, **trainer).fit(model, data)


def test_a_second_fit_compiles_nothing(events):
    _programs.clear()
    fit()
    assert events[COMPILE] >= 2  # an epoch of training and one of validation
    events.clear()
    fit(seed=1)  # a fresh model, another seed
    fit(epochs=3)  # another number of epochs
    assert events[COMPILE] == 0


def test_the_body_of_a_step_is_traced_once_for_each_shape():
    calls = Counter()

    class Reader(d2l.SoftmaxRegressionScratch):
        def training_step(self, batch):
            calls[batch[0].shape] += 1
            return super().training_step(batch)

    d2l.Trainer(max_epochs=3).fit(Reader(64, 10, lr=0.1), d2l.Digits(batch_size=100))
    assert calls == {(100, 8, 8, 1): 1, (37, 8, 8, 1): 1}


def test_programs_differ_by_their_constants():
    x = jax.numpy.arange(1000.0)
    results = []
    for shift in (0.0, 1.0):
        constants = np.full(1000, shift, np.float32)
        results.append(Program(lambda x, c=constants: x + c)(x))
    np.testing.assert_array_equal(results[1] - results[0], 1)


def test_programs_differ_by_which_argument_they_use():
    assert Program(lambda a, b: a + 1)(1.0 * np.ones(()), 5.0 * np.ones(())) == 2
    assert Program(lambda a, b: b + 1)(1.0 * np.ones(()), 5.0 * np.ones(())) == 6


def test_programs_that_call_back_are_the_functions_own():
    def program(factor):
        result = jax.ShapeDtypeStruct((), np.float32)
        return Program(lambda x: jax.pure_callback(lambda x: factor * np.asarray(x), result, x))

    x = np.float32(3.0)
    assert program(np.float32(2))(x) == 6
    assert program(np.float32(5))(x) == 15


def test_old_programs_are_forgotten():
    for i in range(MAX_PROGRAMS + 3):
        Program(lambda x, i=i: x + i)(np.float32(1))
    assert len(_programs) == MAX_PROGRAMS


def test_precision_may_change_between_fits():
    single = fit()
    with jax.enable_x64(True):
        model = d2l.SoftmaxRegressionScratch(64, 10, lr=0.1)
        d2l.Trainer(max_epochs=1).fit(model, d2l.Digits(batch_size=100))
        assert d2l.export_weights(model)["W"].dtype == np.float64
    np.testing.assert_array_equal(single.batch_sizes, fit().batch_sizes)
