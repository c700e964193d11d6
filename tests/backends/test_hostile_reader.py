"""Uses that a library does not expect: found by trying, kept as tests."""

import contextlib
import copy
import pickle

import jax
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

import d2l_jax
import d2l_torch
from tests.support.fits import final_w, model_of, regression, zeros


def test_a_plotted_parameter_has_the_value_of_its_step(d2l):
    class Reader(d2l.LinearRegressionScratch):
        def training_step(self, batch):
            self.plot("b", self.b[...], train=True)  # of shape (1,)
            return super().training_step(batch)

    data = regression(d2l, num_train=96)
    history = d2l.Trainer(max_epochs=1).fit(zeros(d2l, Reader(2, lr=0.03)), data)
    b = history["train_b"]
    assert b.shape == (3,)
    assert b[0] == 0
    assert len(set(b)) == 3


def test_what_changes_between_epochs_runs_in_the_next(d2l):
    class Reader(d2l.LinearRegressionScratch):
        factor = 1.0

        def loss(self, y_hat, y):
            return self.factor * super().loss(y_hat, y)

    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            self.model.factor = float(self.epoch)
            super().fit_epoch()

    history = Trainer(max_epochs=2).fit(zeros(d2l, Reader(2, lr=0.03)), regression(d2l))
    assert (history.train_loss[:32] == 0).all()
    assert (history.train_loss[32:] > 0).all()


def test_a_loader_replaced_between_epochs_is_the_one(d2l):
    data = regression(d2l, num_train=64)

    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            if self.epoch == 1:
                data.batch_size = 16
                self.train_dataloader = data.get_tensorloader(
                    (data.X, data.y), True, range(64), transform=lambda X, y: (X, 0 * y)
                )
            super().fit_epoch()

    model = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.0))
    history = Trainer(max_epochs=2).fit(model, data)
    assert (history.train_loss[:2] > 0).all()
    np.testing.assert_array_equal(history.train_loss[2:], [0, 0, 0, 0])


def test_a_readers_own_plot_ends_in_the_librarys(d2l):
    """As in section 9.5: the board shows what it passes on, the history has the loss as well."""

    class Reader(d2l.LinearRegressionScratch):
        def plot(self, key, value, train):
            kinds.add(type(value).__module__.split(".")[0])
            if key == "loss":
                key, value = "ppl", d2l.exp(value)
            super().plot(key, value, train)

    kinds = set()
    model = zeros(d2l, Reader(2, lr=0.03))
    history = d2l.Trainer(max_epochs=2).fit(model, regression(d2l))
    assert kinds <= {"torch", "jax", "jaxlib"}  # a tensor on a CPU, too
    assert set(model.board.data) == {"train_ppl", "val_ppl"}
    np.testing.assert_allclose(history["train_ppl"], np.exp(history.train_loss), rtol=1e-5)
    assert history.val_loss.shape == history["val_ppl"].shape == (2,)


def test_a_readers_plot_that_records_nothing_leaves_the_history(d2l):
    Reader = type("Reader", (d2l.LinearRegressionScratch,), {"plot": lambda *args, **kwargs: None})
    model = zeros(d2l, Reader(2, lr=0.03))
    history = d2l.Trainer(max_epochs=1).fit(model, regression(d2l))
    assert history.train_loss.shape == (32,)
    assert history.val_loss.shape == (1,)
    assert model.board.data == {}


def test_a_plot_patched_into_the_library_is_the_one(d2l, monkeypatch):
    plotted = []

    def plot(self, key, value, train):
        plotted.append((key, train))

    monkeypatch.setattr(d2l.Module, "plot", plot)
    model = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.03))
    d2l.Trainer(max_epochs=1).fit(model, regression(d2l, num_train=64, num_val=32))
    assert ("loss", True) in plotted
    assert ("loss", False) in plotted


def test_a_step_of_three_tensors_needs_no_forward(d2l):
    class Reader(d2l.Module):
        def __init__(self):
            super().__init__()
            self.lr = 0.1
            self.net = d2l.LinearRegression(num_inputs=2, lr=0.1).net

        def training_step(self, batch):
            X, weight, y = batch
            return d2l.reduce_mean(weight * (self.net(X) - y) ** 2)

        validation_step = training_step

    class Data(d2l.DataModule):
        batch_size = 2

        def get_dataloader(self, train):
            return self.get_tensorloader((d2l.ones(4, 2), d2l.ones(4, 1), d2l.ones(4, 1)), train)

    assert d2l.Trainer(max_epochs=1).fit(Reader(), Data()).train_loss.shape == (2,)


def test_a_model_without_parameters_says_so(d2l):
    class Reader(d2l.Module):
        def __init__(self):
            super().__init__()
            self.w = d2l.zeros(2, 1)

        def forward(self, X):
            return d2l.matmul(X, self.w)

        def loss(self, y_hat, y):
            return d2l.reduce_mean((y_hat - y) ** 2)

    with pytest.raises(ValueError, match="Reader has no parameters to train"):
        d2l.Trainer(max_epochs=1).fit(Reader(), regression(d2l))


def test_a_learning_rate_made_negative_later(d2l):
    model = d2l.LinearRegression(num_inputs=2, lr=0.1)
    model.lr = -0.1
    with pytest.raises(ValueError, match="lr must be finite and at least 0"):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["no epochs", "an interrupt"])
def test_after_a_fit_a_model_predicts_without_dropout(d2l, how):
    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            self.model.train()
            super().fit_epoch()
            if how == "an interrupt":
                self.model.train()
                raise KeyboardInterrupt

    model = d2l.DropoutMLP(10, 16, 16, 0.5, 0.5, lr=0.1, num_inputs=64)
    data = d2l.Digits(batch_size=500)
    with contextlib.suppress(KeyboardInterrupt):
        Trainer(max_epochs=0 if how == "no epochs" else 1).fit(model, data)
    X = next(iter(data.val_dataloader()))[0]
    np.testing.assert_array_equal(d2l.numpy(model(X)), d2l.numpy(model(X)))


@pytest.mark.slow
def test_a_step_after_the_fit_draws_nothing(d2l):
    model, data = d2l.LinearRegression(num_inputs=2, lr=0.1), regression(d2l)
    d2l.Trainer(max_epochs=1).fit(model, data)
    points = {label: len(drawn) for label, drawn in model.board.data.items()}
    batch = next(iter(data.val_dataloader()))
    for _ in range(3):
        model.validation_step(batch)
        model.training_step(batch)
    model.board.flush()
    assert {label: len(drawn) for label, drawn in model.board.data.items()} == points


@pytest.mark.parametrize("points", [0, 1, 2, 4])
def test_a_trainer_of_the_readers_own_has_the_points_it_wants(d2l, points):
    class Trainer:
        num_train_batches, train_batch_idx, epoch = 4, 0, 0

    model = d2l.LinearRegression(num_inputs=2, lr=0.1)
    model.trainer, model.plot_train_per_epoch = Trainer(), points
    for value in (1.0, 2.0, 3.0, 6.0):
        model.plot("loss", value, train=True)
        model.trainer.train_batch_idx += 1
    drawn = {1: [3], 2: [1.5, 4.5], 4: [1, 2, 3, 6]}
    # As with a Trainer of ours, 0 draws the average of the epoch.
    expected = drawn[max(1, points)]
    assert [point.y for point in model.board.data["train_loss"]] == expected


def test_models_in_models_are_trained_in_torch():
    class Inner(d2l_torch.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.zeros(2, 1, requires_grad=True)

        def forward(self, X):
            return X @ self.w

    class Outer(d2l_torch.LinearRegression):
        def __init__(self):
            super().__init__(lr=0.1)
            self.net = Inner()

    model = Outer()
    d2l_torch.Trainer(max_epochs=3).fit(model, regression(d2l_torch))
    assert abs(model.net.w).min() > 1
    assert list(d2l_torch.export_weights(model)) == ["net.w"]


def test_weights_of_too_few_outputs_for_a_lazy_layer_in_torch():
    weights = {"net.1.weight": np.ones((5, 3)), "net.1.bias": np.ones(5)}
    with pytest.raises(
        ValueError, match=r"weights\['net\.1\.weight'\] must have shape .* got \(5, 3\)"
    ):
        d2l_torch.import_weights(d2l_torch.SoftmaxRegression(num_outputs=10, lr=0.1), weights)


def test_a_norm_is_of_the_gradients_of_this_step_alone(d2l):
    def configure_optimizers(self):
        if d2l is d2l_torch:
            return torch.optim.SGD([self.b], lr=0.1)

        def labels(params):
            name = lambda path, _: jax.tree_util.keystr(path)[2]  # noqa: E731
            return jax.tree.map_with_path(name, params)

        return optax.multi_transform({"b": optax.sgd(0.1), "w": optax.set_to_zero()}, labels)

    Reader = type("Reader", (d2l.LinearRegressionScratch,), {})
    Reader.configure_optimizers = configure_optimizers
    model = zeros(d2l, Reader(2, lr=0.1))
    losses = d2l.Trainer(3, gradient_clip_val=1).fit(model, regression(d2l)).train_loss
    expected = zeros(d2l_torch, d2l_torch.LinearRegressionScratch(2, lr=0.1))
    data = regression(d2l_torch)
    seen = []
    for _ in range(3):
        for X, y in data.train_dataloader():
            loss = expected.loss(expected(X), y)
            gradients = torch.autograd.grad(loss, [expected.w, expected.b])
            norm = torch.sqrt(sum((g**2).sum() for g in gradients))
            with torch.no_grad():
                expected.b -= 0.1 * gradients[1] / max(1.0, norm)
            seen.append(loss.item())
    np.testing.assert_allclose(losses, seen, rtol=1e-5)  # float32


def test_an_optimizer_of_another_model_in_torch():
    other = d2l_torch.LinearRegression(num_inputs=2, lr=0.1)
    optimizer = lambda self: torch.optim.SGD(other.parameters(), lr=0.1)  # noqa: E731
    Reader = type("Reader", (d2l_torch.LinearRegression,), {"configure_optimizers": optimizer})
    with pytest.raises(ValueError, match="the optimizer of Reader holds none of its parameters"):
        d2l_torch.Trainer(1).fit(Reader(num_inputs=2, lr=0.1), regression(d2l_torch))


def test_layers_in_a_list_say_what_to_do_in_torch():
    class Reader(d2l_torch.LinearRegression):
        def __init__(self):
            super().__init__(num_inputs=2, lr=0.1)
            self.blocks = [torch.nn.Linear(2, 2)]

    with pytest.raises(
        TypeError, match=r"blocks is a list of layers, .* make it an nn\.ModuleList"
    ):
        d2l_torch.Trainer(1).fit(Reader(), regression(d2l_torch))


def test_a_trainer_can_be_copied_after_a_fit(d2l):
    trainer = d2l.Trainer(max_epochs=1)
    trainer.fit(d2l.LinearRegression(num_inputs=2, lr=0.1), regression(d2l))
    model = d2l.LinearRegression(num_inputs=2, lr=0.1)
    assert copy.deepcopy(trainer).fit(model, regression(d2l)).train_loss.shape == (32,)


@pytest.mark.slow
def test_fitted_models_can_be_copied_and_pickled(d2l):
    model = d2l.SoftmaxRegression(10, 0.1, num_inputs=64)
    d2l.Trainer(max_epochs=1).fit(model, d2l.Digits(batch_size=500))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.trainer is None
        for name, array in d2l.export_weights(model).items():
            np.testing.assert_array_equal(d2l.export_weights(other)[name], array)
    assert model.trainer is not None


@pytest.mark.parametrize("how", ["a list", "a layer's list", "late", "the caller's tensor"])
def test_tensors_that_would_not_be_trained_say_so_in_torch(how):
    class Reader(d2l_torch.LinearRegressionScratch):
        def __init__(self):
            super().__init__(2, lr=0.03)
            tensor = torch.zeros(2, 1, requires_grad=True)
            if how == "a list":
                self.ws = [tensor]
            elif how == "a layer's list":
                self.inner = torch.nn.Identity()
                self.inner.ws = (tensor,)
            elif how == "late":
                self.ws = torch.zeros(2, 1)
                self.ws.requires_grad_(True)
            else:
                self.w, self.held = tensor, [self.b]
                self.optimizer = d2l_torch.SGD([tensor], 0.03)

        def configure_optimizers(self):
            return getattr(self, "optimizer", None) or super().configure_optimizers()

    expected = (
        (ValueError, "the optimizer of Reader holds none of its parameters")
        if how == "the caller's tensor"
        else (TypeError, "ws requires a gradient, but PyTorch would not train it; assign it after")
    )
    with pytest.raises(expected[0], match=expected[1]):
        d2l_torch.Trainer(max_epochs=2).fit(Reader(), regression(d2l_torch))


def test_a_plain_tensor_takes_a_parameters_place_in_torch():
    model = d2l_torch.LinearRegressionScratch(2, lr=0.03)
    model.w = torch.zeros(2, 1)
    assert [name for name, _ in model.named_parameters()] == ["b"]


def test_variables_that_validation_updates_are_kept_in_jax():
    class Reader(d2l_jax.LinearRegressionScratch):
        def __init__(self):
            super().__init__(2, lr=0.03)
            self.seen = nnx.BatchStat(jnp.zeros((), jnp.int32))

        def validation_step(self, batch):
            self.seen[...] += len(batch[0])
            return super().validation_step(batch)

    model = Reader()
    d2l_jax.Trainer(max_epochs=2).fit(model, regression(d2l_jax))
    assert model.seen[...] == 2000


def test_get_key_in_compiled_code_says_so_and_spoils_nothing():
    before = jax.random.key_data(d2l_jax.get_key())
    with pytest.raises(
        RuntimeError, match=r"get_key\(\) must be called outside compiled functions"
    ):
        jax.jit(lambda: d2l_jax.get_key())()
    assert not np.array_equal(before, jax.random.key_data(d2l_jax.get_key()))


def test_what_a_compiled_step_cannot_see_says_so():
    class Reader(d2l_jax.LinearRegressionScratch):
        def training_step(self, batch):
            return self.trainer.epoch * super().training_step(batch)

    with pytest.raises(AttributeError, match="not available inside a compiled step"):
        d2l_jax.Trainer(max_epochs=1).fit(Reader(2, lr=0.1), regression(d2l_jax))


@pytest.mark.slow
def test_jit_can_be_switched_off_to_look_inside_in_jax():
    def train():
        model = zeros(d2l_jax, d2l_jax.LinearRegressionScratch(2, 0.1))
        data = regression(d2l_jax, num_train=64, num_val=32)
        return d2l_jax.Trainer(max_epochs=1).fit(model, data).train_loss

    with jax.disable_jit():
        uncompiled = train()
    # XLA may fuse a compiled step, and so round it otherwise.
    np.testing.assert_allclose(uncompiled, train(), rtol=1e-6)


@pytest.mark.slow
def test_a_readers_own_fit_with_our_epoch():
    """The notes' `fit` of section 3.2.4, on a Trainer that keeps the library's `fit_epoch`."""
    for d2l in (d2l_jax, d2l_torch):

        class Trainer(d2l.Trainer):
            def fit(self, model, data):
                self.prepare_data(data)
                self.prepare_model(model)
                self.optim = model.configure_optimizers()
                self.epoch = 0
                self.train_batch_idx = 0
                self.val_batch_idx = 0
                for self.epoch in range(self.max_epochs):  # noqa: B020 (the book's)
                    self.fit_epoch()

        model, trainer = model_of(d2l), Trainer(max_epochs=3)
        trainer.fit(model, regression(d2l))
        assert [point.x for point in model.board.data["val_loss"]] == [1, 2, 3]
        moved = final_w(d2l, model)
        np.testing.assert_allclose(moved, [2, -3.4], atol=0.3)
        # What is redefined counts from the next fit, also from this one.
        type(model).loss = lambda self, y_hat, y, d2l=d2l: 0 * d2l.reduce_mean(y_hat)
        trainer.fit(model, regression(d2l))
        np.testing.assert_array_equal(final_w(d2l, model), moved)
