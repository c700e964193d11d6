"""Compilation: in JAX once for all fits that are alike, in PyTorch if asked to."""

import copy
import os
import shutil
from collections import Counter

import jax
import numpy as np
import pytest
from flax import nnx

import d2l_jax
import d2l_torch
from d2l_jax.training import steps

REQUEST = "/jax/compilation_cache/compile_requests_use_cache"
MISS = "/jax/compilation_cache/cache_misses"  # of a program that has to be compiled


@pytest.fixture
def events():
    """Count the events that JAX reports."""
    counter = Counter()

    def listen(event, **_):
        counter[event] += 1

    jax.monitoring.register_event_listener(listen)
    yield counter
    jax.monitoring.unregister_event_listener(listen)


def fit(seed=0, epochs=2, **trainer):
    model = d2l_jax.SoftmaxRegressionScratch(64, 10, lr=0.1)
    data = d2l_jax.Digits(batch_size=100, seed=seed)
    return d2l_jax.Trainer(max_epochs=epochs, **trainer).fit(model, data)


@pytest.mark.slow
def test_a_second_fit_compiles_nothing(events):
    fit()
    events.clear()
    fit(seed=1)  # a fresh model, another seed
    fit(epochs=3)  # another number of epochs
    assert events[MISS] == 0


@pytest.mark.slow
def test_the_second_epoch_on_a_device_of_choice_compiles_nothing(events, monkeypatch):
    """Arrays that were put on a device are not, for JAX, those that it has put there itself."""
    trainer = d2l_jax.Trainer
    monkeypatch.setattr(trainer, "choose_gpus", lambda self: jax.devices("cpu")[:1])

    def requests(epochs):
        events.clear()
        model = d2l_jax.MLP(num_outputs=10, num_hiddens=16, lr=0.1, num_inputs=64)
        trainer(max_epochs=epochs, num_gpus=1).fit(model, d2l_jax.Digits(batch_size=100))
        return events[REQUEST]

    requests(epochs=1)  # what is compiled once a process
    assert requests(epochs=3) == requests(epochs=1) > 0


@pytest.mark.slow
def test_another_learning_rate_compiles_nothing_and_counts(events):
    def change_of_weights(lr):
        model = d2l_jax.MLP(num_outputs=10, num_hiddens=16, lr=lr, num_inputs=64)
        zero = {name: 0 * x for name, x in d2l_jax.export_weights(model).items()}
        d2l_jax.import_weights(model, zero)
        data = d2l_jax.Digits(batch_size=2000)  # one step
        d2l_jax.Trainer(max_epochs=1).fit(model, data)
        return d2l_jax.export_weights(model)["net.3.bias"]

    change = change_of_weights(0.5)
    events.clear()
    np.testing.assert_array_equal(change_of_weights(0.25), change / 2)
    assert events[MISS] == 0


def test_a_learning_rate_that_a_loss_reads_is_the_models():
    class Reader(d2l_jax.LinearRegression):
        def loss(self, y_hat, y):
            assert isinstance(self.lr, float)
            return self.lr * super().loss(y_hat, y)

    losses = {}
    for lr in (0.25, 0.125):
        model = Reader(num_inputs=2, lr=lr)
        d2l_jax.import_weights(model, {"net.weight": np.ones((1, 2)), "net.bias": np.zeros(1)})
        losses[lr] = d2l_jax.Trainer(max_epochs=1).fit(model, table(d2l_jax)).train_loss[0]
    assert losses[0.25] == 2 * losses[0.125]


def test_the_body_of_a_step_is_traced_once_for_each_shape():
    calls = Counter()

    class Reader(d2l_jax.SoftmaxRegressionScratch):
        def training_step(self, batch):
            calls[batch[0].shape] += 1
            return super().training_step(batch)

    d2l_jax.Trainer(max_epochs=3).fit(Reader(64, 10, lr=0.1), d2l_jax.Digits(batch_size=100))
    assert calls == {(100, 8, 8, 1): 1, (37, 8, 8, 1): 1}


def test_an_epoch_after_the_first_traces_nothing():
    """A plot, a prepare_batch and a step of the reader's are traced once a fit, too."""
    calls = Counter()

    class Reader(d2l_jax.SoftmaxRegressionScratch):
        def plot(self, key, value, train):
            calls["plot", train] += 1
            super().plot(key, value, train)

    class Trainer(d2l_jax.Trainer):
        def prepare_batch(self, batch):
            calls["prepare_batch"] += isinstance(batch[0], jax.core.Tracer)
            return batch

    Trainer(max_epochs=3).fit(Reader(64, 10, lr=0.1), d2l_jax.Digits(batch_size=100))
    # Two shapes in training; loss and accuracy of two in validation.
    assert calls == {("plot", True): 2, ("plot", False): 4, "prepare_batch": 4}


class Convolutional(d2l_jax.Classifier):
    """A small convolutional network, as a reader writes it."""

    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters()
        rngs = nnx.Rngs(0)
        self.conv = nnx.Conv(1, 2, (3, 3), rngs=rngs)
        self.output = nnx.Linear(2 * 64, 10, rngs=rngs)

    def forward(self, X):
        return self.output(nnx.relu(self.conv(X)).reshape(len(X), -1))


@pytest.mark.slow
def test_a_convolution_stays_out_of_the_scan_on_a_cpu(monkeypatch):
    runs = {}
    for in_scan in (False, True):
        lengths = []
        original = steps.CompiledSteps._advance

        def advance(self, *args, lengths=lengths, original=original):
            record = original(self, *args)
            lengths.append(record.num_examples.shape)
            return record

        with monkeypatch.context() as patch:
            patch.setattr(steps.CompiledSteps, "_advance", advance)
            if in_scan:
                patch.setattr(steps, "is_slow_in_scan", lambda *args: False)
            model = Convolutional(lr=0.1)
            history = d2l_jax.Trainer(max_epochs=2).fit(model, d2l_jax.Digits(batch_size=200))
        runs[in_scan] = history, d2l_jax.export_weights(model)
        if jax.default_backend() == "cpu":
            assert set(lengths) == ({(8,), (2,)} if in_scan else {(1,)})
    # XLA may round a step within a scan differently: a few ulp of float32.
    np.testing.assert_allclose(runs[True][0].train_loss, runs[False][0].train_loss, rtol=1e-5)
    np.testing.assert_array_equal(runs[True][0].batch_sizes, runs[False][0].batch_sizes)
    for name, weight in runs[True][1].items():
        np.testing.assert_allclose(weight, runs[False][1][name], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_precision_may_change_between_fits():
    """A fit in the other precision has the numbers of that precision, and leaves none behind."""

    def losses_and_weights():
        model = d2l_jax.SoftmaxRegressionScratch(64, 10, lr=0.1)
        d2l_jax.import_weights(model, {"W": np.zeros((64, 10)), "b": np.zeros(10)})
        history = d2l_jax.Trainer(max_epochs=1).fit(model, d2l_jax.Digits(batch_size=100))
        return history.train_loss, d2l_jax.export_weights(model)["W"]

    single, W = losses_and_weights()
    with jax.enable_x64(True):
        double, W_double = losses_and_weights()
    again, W_again = losses_and_weights()
    assert (W.dtype, W_double.dtype, W_again.dtype) == (np.float32, np.float64, np.float32)
    np.testing.assert_array_equal(W_again, W)
    np.testing.assert_array_equal(again, single)
    # Rounding in float32, and no more, sets the first apart: sums over 64 pixels and 100 examples.
    np.testing.assert_allclose(single, double, rtol=1e-5)
    assert (single != double).any()


# -- the switch ----------------------------------------------------------------------------------

HAS_COMPILER = any(map(shutil.which, [os.environ.get("CXX", "c++"), "g++", "clang++"]))


def table(d2l):
    """Return 64 examples of a regression, in two minibatches, without validation."""
    data = d2l.SyntheticRegressionData(w=d2l.tensor([2, -3.4]), b=4.2, num_train=64, num_val=32)
    data.val_dataloader = lambda: None
    return data


def compiled_fit(d2l, model, compile):
    d2l.import_weights(model, {"w": np.ones((2, 1)), "b": np.zeros(1)})
    return d2l.Trainer(max_epochs=3, compile=compile).fit(model, table(d2l)).train_loss


@pytest.mark.parametrize("bad", ["yes", 2, [], 0.5])
def test_the_switch_is_on_off_or_left_to_the_backend(d2l, bad):
    with pytest.raises(TypeError, match="compile must be True, False or None, got "):
        d2l.Trainer(max_epochs=1, compile=bad)
    assert d2l.Trainer(max_epochs=1).compile is None


def test_a_trainer_with_a_readers_own_init_has_the_switch(d2l):
    class Trainer(d2l.Trainer):
        def __init__(self, max_epochs, num_gpus=0, gradient_clip_val=0):
            self.save_hyperparameters()
            self.gpus = []

    history = Trainer(max_epochs=1).fit(d2l.LinearRegressionScratch(2, lr=0.03), table(d2l))
    assert history.train_loss.shape == (2,)


factor = 1.0  # a reader's global


@pytest.mark.slow
@pytest.mark.skipif(not HAS_COMPILER, reason="torch.compile needs a C++ compiler")
def test_compiled_steps_compute_the_same_and_what_the_reader_redefined(d2l):
    global factor

    class Reader(d2l.LinearRegressionScratch):
        shift = 0.0

        def forward(self, X):
            return factor * (d2l.matmul(X, self.w[...]) + self.b[...]) + self.shift

    def check():
        plain = compiled_fit(d2l, Reader(2, lr=0.03), False)
        compiled = compiled_fit(d2l, Reader(2, lr=0.03), True)
        np.testing.assert_allclose(compiled, plain, rtol=1e-6)
        return plain[0]

    first = [check()]
    factor = 2.0
    try:
        first.append(check())
        Reader.shift = 1.0
        first.append(check())
        Reader.forward = lambda self, X: -d2l.matmul(X, self.w[...])
        first.append(check())
    finally:
        factor = 1.0
    assert len(set(first)) == 4


@pytest.mark.slow
@pytest.mark.skipif(not HAS_COMPILER, reason="torch.compile needs a C++ compiler")
def test_after_a_compiled_fit_the_model_is_as_it_was_in_torch():
    model = d2l_torch.LinearRegressionScratch(2, lr=0.03)
    compiled_fit(d2l_torch, model, True)
    assert model._compiled_call_impl is None
    model.forward = lambda X: X @ model.w
    compiled_fit(d2l_torch, model, True)
    d2l_torch.import_weights(model, {"w": np.ones((2, 1)), "b": np.ones(1)})
    # Still the reader's own, which has no bias.
    np.testing.assert_array_equal(d2l_torch.numpy(model(d2l_torch.ones(3, 2))), np.full((3, 1), 2))


@pytest.mark.slow
@pytest.mark.skipif(not HAS_COMPILER, reason="torch.compile needs a C++ compiler")
def test_a_copy_made_during_a_compiled_fit_has_weights_of_its_own_in_torch():
    copies = []

    class Trainer(d2l_torch.Trainer):
        def should_stop(self, history):
            copies.append(copy.deepcopy(self.model))

    model = d2l_torch.LinearRegressionScratch(2, lr=0.03)
    Trainer(max_epochs=2, compile=True).fit(model, table(d2l_torch))
    X = d2l_torch.ones(1, 2)
    assert not np.array_equal(*(d2l_torch.numpy(each(X)) for each in copies))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["compile=False", "jax.disable_jit"])
def test_steps_that_are_not_compiled_have_numbers_in_jax(how):
    seen = []

    class Reader(d2l_jax.LinearRegressionScratch):
        def validation_step(self, batch):
            seen.append(float(super().validation_step(batch)))

    data = d2l_jax.SyntheticRegressionData(d2l_jax.tensor([2, -3.4]), 4.2, 0.01, 32, 32)
    with pytest.raises(jax.errors.ConcretizationTypeError):
        d2l_jax.Trainer(max_epochs=1).fit(Reader(2, lr=0.03), data)
    assert not seen
    if how == "compile=False":
        d2l_jax.Trainer(max_epochs=1, compile=False).fit(Reader(2, lr=0.03), data)
    else:
        with jax.disable_jit():
            d2l_jax.Trainer(max_epochs=1).fit(Reader(2, lr=0.03), data)
    [loss] = seen
    assert loss > 0
