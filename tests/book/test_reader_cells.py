"""Readers write parts of the library themselves, the book's way; then theirs run."""

import jax
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

import d2l_jax
import d2l_torch


def regression(d2l, **keywords):
    return d2l.SyntheticRegressionData(w=d2l.tensor([2, -3.4]), b=4.2, **keywords)


def zeros(d2l, model):
    d2l.import_weights(model, {"w": np.zeros((2, 1)), "b": np.zeros(1)})
    return model


@pytest.fixture
def restored():
    """Put back what a test patches into the Trainers."""
    saved = {cls: dict(vars(cls)) for cls in (d2l_jax.Trainer, d2l_torch.Trainer)}
    yield
    for cls, attributes in saved.items():
        for name, value in attributes.items():
            if vars(cls)[name] is not value:
                setattr(cls, name, value)


def test_the_notes_scratch_model_and_loop_in_torch(restored):
    d2l = d2l_torch
    calls = []

    class LinearRegressionScratch(d2l.Module):
        def __init__(self, num_inputs, lr, sigma=0.01):
            super().__init__()
            self.save_hyperparameters()
            self.w = torch.normal(0, sigma, (num_inputs, 1), requires_grad=True)
            self.b = torch.zeros(1, requires_grad=True)

    @d2l.add_to_class(LinearRegressionScratch)
    def forward(self, X):
        return torch.matmul(X, self.w) + self.b

    @d2l.add_to_class(LinearRegressionScratch)
    def loss(self, y_hat, y):
        l = (y_hat - y) ** 2 / 2
        return l.mean()

    class SGD(d2l.HyperParameters):
        def __init__(self, params, lr):
            self.save_hyperparameters()

        def step(self):
            for param in self.params:
                param -= self.lr * param.grad

        def zero_grad(self):
            for param in self.params:
                if param.grad is not None:
                    param.grad.zero_()

    @d2l.add_to_class(LinearRegressionScratch)
    def configure_optimizers(self):
        return SGD([self.w, self.b], self.lr)

    @d2l.add_to_class(d2l.Trainer)
    def prepare_batch(self, batch):
        return batch

    @d2l.add_to_class(d2l.Trainer)
    def fit_epoch(self):
        calls.append(self.epoch)
        self.model.train()
        for batch in self.train_dataloader:
            loss = self.model.training_step(self.prepare_batch(batch))
            self.optim.zero_grad()
            with torch.no_grad():
                loss.backward()
                if self.gradient_clip_val > 0:
                    self.clip_gradients(self.gradient_clip_val, self.model)
                self.optim.step()
            self.train_batch_idx += 1
        if self.val_dataloader is None:
            return
        self.model.eval()
        for batch in self.val_dataloader:
            with torch.no_grad():
                self.model.validation_step(self.prepare_batch(batch))
            self.val_batch_idx += 1

    model = zeros(d2l, LinearRegressionScratch(2, lr=0.03))
    history = d2l.Trainer(max_epochs=3).fit(model, regression(d2l))
    assert calls == [0, 1, 2]
    assert history.train_loss.shape == (96,)
    assert history.val_loss.shape == (3,)
    np.testing.assert_allclose(model.w.detach().ravel(), [2, -3.4], atol=0.3)
    assert [name for name, _ in model.named_parameters()] == ["w", "b"]


def test_the_rewrites_loop_in_jax(restored):
    d2l = d2l_jax
    plain = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.03))
    expected = d2l.Trainer(max_epochs=3).fit(plain, regression(d2l))

    @nnx.jit
    def _trainer_train_step(model, optimizer, batch):
        loss, grads = nnx.value_and_grad(lambda m: m.training_step(batch))(model)
        optimizer.update(model, grads)
        return loss

    @nnx.jit
    def _trainer_validation_step(model, batch):
        return model.validation_step(batch)

    @d2l.add_to_class(d2l.Trainer)
    def fit_epoch(self):
        for batch in self.train_dataloader:
            loss = _trainer_train_step(self.train_model, self.optim, self.prepare_batch(batch))
            self.model.plot("loss", loss, train=True)
            self.train_batch_idx += 1
        if self.val_dataloader is None:
            return
        for batch in self.val_dataloader:
            metrics = _trainer_validation_step(self.val_model, self.prepare_batch(batch))
            self.model.plot("loss", metrics, train=False)
            self.val_batch_idx += 1

    model = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.03))
    history = d2l.Trainer(max_epochs=3).fit(model, regression(d2l))
    np.testing.assert_allclose(history.train_loss, expected.train_loss, rtol=2e-5)
    np.testing.assert_allclose(history.val_loss, expected.val_loss, rtol=2e-5)
    np.testing.assert_allclose(model.w[...], plain.w[...], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("called", [True, False])
def test_a_readers_own_sgd_in_jax(called):
    d2l = d2l_jax

    class SGD(d2l.HyperParameters):
        def __init__(self, lr):
            self.save_hyperparameters()

        def init(self, params):
            del params
            return optax.EmptyState()

        def update(self, updates, state, params=None):
            del params
            return jax.tree_util.tree_map(lambda g: -self.lr * g, updates), state

        def __call__(self):
            return optax.GradientTransformation(self.init, self.update)

    class Reader(d2l.LinearRegressionScratch):
        def configure_optimizers(self):
            return SGD(self.lr)() if called else SGD(self.lr)

    for clip in (0, 100.0):
        model = zeros(d2l, Reader(2, lr=0.03))
        history = d2l.Trainer(max_epochs=2, gradient_clip_val=clip).fit(model, regression(d2l))
        plain = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.03))
        expected = d2l.Trainer(max_epochs=2).fit(plain, regression(d2l))
        np.testing.assert_allclose(history.train_loss, expected.train_loss, rtol=1e-6)


def dropout_net(rngs):
    return nnx.Sequential(
        nnx.Linear(2, 8, rngs=rngs),
        nnx.relu,
        nnx.Dropout(0.5, rngs=rngs),
        nnx.Linear(8, 1, rngs=rngs),
    )


class WithDropout(d2l_jax.LinearRegression):
    """A model with random state, hyperparameters that cannot be hashed, and kept streams."""

    def __init__(self, widths, lr, rngs):
        super().__init__(2, lr, rngs=rngs)
        self.save_hyperparameters()
        self.net = dropout_net(rngs)

    def configure_optimizers(self):
        return optax.adam(self.lr)


@pytest.mark.slow
def test_random_state_and_unhashable_hyperparameters_in_jax():
    d2l = d2l_jax
    model = WithDropout([8, {"a": 1}], 0.01, nnx.Rngs(0))
    count = model.net.layers[2].rngs.count[...]
    first = d2l.Trainer(max_epochs=2).fit(model, regression(d2l))
    assert model.net.layers[2].rngs.count[...] > count  # other masks next time
    # Off in validation: the validation loss is what the model in evaluation mode has.
    data = regression(d2l)
    evaluating = nnx.view(model, deterministic=True, raise_if_not_found=False)
    whole = evaluating.loss(evaluating(data.X[1000:]), data.y[1000:])
    np.testing.assert_allclose(first.val_loss[-1], whole, rtol=1e-4)
    again = d2l.Trainer(max_epochs=2).fit(
        WithDropout([8, {"a": 1}], 0.01, nnx.Rngs(0)), regression(d2l)
    )
    np.testing.assert_array_equal(first.train_loss, again.train_loss)


def test_optimizer_state_is_where_a_reader_looks_for_it_in_jax():
    d2l = d2l_jax
    trainer = d2l.Trainer(max_epochs=3)
    trainer.fit(WithDropout([8], 0.01, nnx.Rngs(0)), regression(d2l))
    assert int(trainer.optim.step[...]) == 96
    assert int(trainer.optim.opt_state[0].count[...]) == 96


def test_plot_in_a_function_that_the_reader_compiles_says_so():
    d2l = d2l_jax
    model = d2l.LinearRegressionScratch(2, 0.1)
    model.trainer = d2l.Trainer(1)
    with pytest.raises(RuntimeError, match=r"plot\(\) has no value to record inside a function"):
        jax.jit(lambda x: model.plot("loss", x, train=True))(jnp.ones(()))


def test_tensors_that_require_grad_are_parameters_in_torch():
    d2l = d2l_torch

    class Reader(d2l.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.ones(2, requires_grad=True)
            self.fixed = torch.ones(4)

    model = Reader()
    assert [name for name, _ in model.named_parameters()] == list(model.state_dict()) == ["w"]
    assert model.double().w.dtype == torch.float64
    assert set(d2l.export_weights(model)) == {"w"}


def test_torchs_own_loader_feeds_our_trainer():
    d2l = d2l_torch

    class Data(d2l.Digits):
        def get_dataloader(self, train):
            data = self.train if train else self.val
            return torch.utils.data.DataLoader(data, self.batch_size, shuffle=train)

    data = Data(batch_size=256)
    assert len(data.train) == 1437
    assert data.train[0][0].shape == (1, 8, 8)
    history = d2l.Trainer(max_epochs=1).fit(d2l.SoftmaxRegression(10, lr=0.1), data)
    np.testing.assert_array_equal(history.batch_sizes, [256] * 5 + [157])


def test_lazy_layers_take_their_shape_from_the_weights_in_torch():
    lazy, known = d2l_torch.SoftmaxRegression(10, 0.1), d2l_torch.SoftmaxRegression(10, 0.1, 64)
    with pytest.raises(ValueError, match=r"net.1.weight has no shape yet"):
        d2l_torch.export_weights(lazy)
    d2l_torch.import_weights(lazy, d2l_torch.export_weights(known))
    X = torch.rand(3, 1, 8, 8)
    np.testing.assert_array_equal(lazy(X).detach(), known(X).detach())


def test_initial_weights_have_one_distribution():
    """PyTorch's: uniform within 1 / sqrt(num_inputs), the biases too."""
    for d2l in (d2l_jax, d2l_torch):
        weights = d2l.export_weights(d2l.SoftmaxRegression(1000, 0.1, num_inputs=100))
        for array in weights.values():
            assert np.abs(array).max() <= 0.1
            np.testing.assert_allclose(array.std(), 0.1 / np.sqrt(3), rtol=0.1)
        w = d2l.export_weights(d2l.LinearRegression(num_inputs=10_000, lr=0.1))["net.weight"]
        np.testing.assert_allclose(w.std(), 0.01, rtol=0.1)


def test_a_source_of_randomness_repeats_itself():
    first, second = (
        d2l_jax.export_weights(d2l_jax.SoftmaxRegressionScratch(4, 3, 0.1, rngs=nnx.Rngs(1)))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first["W"], second["W"])
    first, second = (
        d2l_torch.export_weights(
            d2l_torch.SoftmaxRegressionScratch(
                4, 3, 0.1, generator=torch.Generator().manual_seed(1)
            )
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(first["W"], second["W"])
    for d2l in (d2l_jax, d2l_torch):
        unseeded = [d2l.export_weights(d2l.LinearRegressionScratch(4, 0.1))["w"] for _ in range(2)]
        assert not np.array_equal(*unseeded)


def test_the_seed_of_tensorflow_is_taken_and_changes_nothing(d2l):
    orders = []
    for seed in (1, 2):
        d2l.tf.random.set_seed(seed)
        data = d2l.SyntheticRegressionData(w=d2l.ones(2), b=1, num_train=10, batch_size=10)
        orders.append(d2l.numpy(next(iter(data.train_dataloader()))[0]))
    np.testing.assert_array_equal(*orders)
