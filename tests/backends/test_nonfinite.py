"""Losses that are not finite: explained once a fit, raised, or left alone."""

import importlib
import warnings

import numpy as np
import pytest

from tests.support.fits import model_of, regression

X = np.arange(8, dtype=np.float32).reshape(4, 2) / 8
Y = np.ones((4, 1), np.float32)


def data(d2l, training, validation=None):
    """Return a data module of a reader's: `(X, y)` for training and for validation."""

    class Data(d2l.DataModule):
        batch_size = 2

        def get_dataloader(self, train):
            arrays = training if train else validation
            return None if arrays is None else self.get_tensorloader(arrays, False)

    return Data()


def with_nan(row, column):
    bad = X.copy()
    bad[row, column] = np.nan
    return bad


def messages(d2l, model, module, epochs=3, **trainer):
    """Return the warnings of a fit, each of which points at the line that called it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        d2l.Trainer(epochs, **trainer).fit(model, module)
    ours = [warning for warning in caught if issubclass(warning.category, UserWarning)]
    assert all(warning.filename == __file__ for warning in ours)
    return [str(warning.message) for warning in ours]


def test_nan_in_the_training_data(d2l):
    module = data(d2l, (with_nan(3, 1), Y))
    assert messages(d2l, model_of(d2l), module) == [
        "the training loss became nan in epoch 1: the training data holds nan in column 1 of X, "
        "first in row 3; fill such entries or drop their rows"
    ]


def test_infinite_targets_of_one_axis(d2l):
    y = np.array([0, np.inf, 0, 0], np.float32)
    loss = lambda self, y_hat, y: ((y_hat[:, 0] - y) ** 2).mean()  # noqa: E731
    [message] = messages(d2l, model_of(d2l, loss=loss), data(d2l, (X, y)))
    assert message == (
        "the training loss became inf in epoch 1: the training data holds inf at y[1]; "
        "fill such entries or drop their rows"
    )


def test_nan_in_a_readers_minibatches(d2l):
    batches = [(X, Y), (with_nan(0, 1), Y)]
    module = type("D", (d2l.DataModule,), {"get_dataloader": lambda self, train: batches})()
    [message] = messages(d2l, model_of(d2l), module)
    assert "the training data holds nan in column 1 of X, first in row 0 of minibatch 1" in message


def test_nan_in_the_validation_data(d2l):
    model, module = model_of(d2l), data(d2l, (X, Y), (with_nan(1, 0), Y))
    assert messages(d2l, model, module) == [
        "the validation loss became nan in epoch 1: the validation data holds nan in column 0 of "
        "X, first in row 1; fill such entries or drop their rows"
    ]
    assert np.isfinite(d2l.export_weights(model)["w"]).all()


def test_weights_that_were_nan(d2l):
    model = model_of(d2l)
    d2l.import_weights(model, {"w": np.array([[0], [np.nan]]), "b": np.zeros(1)})
    assert messages(d2l, model, data(d2l, (X, Y))) == [
        "the training loss became nan in epoch 1: w was infinite or NaN before training; "
        "create the model again"
    ]


def test_nan_weights_that_a_checkpoint_replaced_are_not_blamed(d2l, tmp_path):
    assert messages(d2l, model_of(d2l), data(d2l, (X, Y)), epochs=1, checkpoint=tmp_path) == []
    loss = lambda self, y_hat, y: d2l.log(((y_hat - y) ** 2).mean() - 1e6)  # noqa: E731
    model = model_of(d2l, loss=loss)
    d2l.import_weights(model, {"w": np.full((2, 1), np.nan), "b": np.zeros(1)})
    with pytest.warns(UserWarning, match="in epoch 2: try a lower learning rate"):
        d2l.Trainer(2, checkpoint=tmp_path).fit(model, data(d2l, (X, Y)), resume=True)


def test_a_loss_that_is_nan_of_itself(d2l):
    loss = lambda self, y_hat, y: d2l.log(((y_hat - y) ** 2).mean() - 1e6)  # noqa: E731
    [message] = messages(d2l, model_of(d2l, loss=loss), data(d2l, (X, Y)))
    assert "look for a log or a quotient of 0 in forward and loss" in message


def test_divergence(d2l):
    model = model_of(d2l)
    model.lr = 1e20
    [message] = messages(d2l, model, regression(d2l, num_train=96, num_val=32))
    assert message.startswith("the training loss became inf in epoch 1: try a lower learning rate")
    assert message.endswith(
        "than 1e+20 (step 2; the first parameter that is not finite is b)"
    ) or message.endswith("than 1e+20 (step 2)")


def test_divergence_under_a_schedule(d2l):
    """The learning rate that is named is that of the epoch, not the model's."""
    rates, module = [0.0, 1e20, 0.5], regression(d2l, num_train=96, num_val=32)
    schedule = lambda epoch, max_epochs, base_lr: rates[epoch]  # noqa: E731
    model = d2l.LinearRegression(num_inputs=2, lr=0.03)
    [message] = messages(d2l, model, module, schedule=schedule)
    place = "the training loss became inf in epoch 2: try a lower learning rate than 1e+20 (step "
    assert message.startswith(place)


def test_the_last_update(d2l):
    model, module = model_of(d2l), data(d2l, (X, 1e5 * Y))
    model.lr, module.batch_size = 1e38, 4
    assert messages(d2l, model, module, epochs=0) == []
    assert messages(d2l, model, module, epochs=1) == [
        "the last update made b infinite or NaN: try a lower learning rate than 1e+38"
    ]


def test_raise_and_ignore(d2l):
    module = data(d2l, (with_nan(0, 0), Y))
    assert messages(d2l, model_of(d2l), module, on_nonfinite="ignore") == []
    trainer = d2l.Trainer(3, on_nonfinite="raise")
    with pytest.raises(FloatingPointError, match="the training data holds nan in column 0 of X"):
        trainer.fit(model_of(d2l), module)
    assert len(trainer.history.train_loss) == 2  # the epoch that showed it, and no other


def classifier(d2l, **attributes):
    return type("Reader", (d2l.SoftmaxRegression,), attributes)(3, 0.1, num_inputs=2)


def own_step(self, batch):
    return self.loss(self(batch[0]), batch[1])


@pytest.mark.slow
@pytest.mark.parametrize("step", ["training_step", "validation_step"])
@pytest.mark.parametrize("how", ["warn", "ignore"])
def test_labels_under_a_readers_own_step(d2l, step, how):
    y = np.array([0, 1, 2, 7])
    model = classifier(d2l, **{step: own_step, "training_step": own_step})
    with pytest.raises(ValueError, match="labels must be from 0 to 2, got 7"):
        d2l.Trainer(3, on_nonfinite=how).fit(model, data(d2l, (X, y % 3), (X, y)))
    with pytest.raises(ValueError, match="labels must be from 0 to 2, got 7"):
        d2l.Trainer(3, on_nonfinite=how).fit(model, data(d2l, (X, y)))
    for array in d2l.export_weights(model).values():
        assert np.isfinite(array).all()


def test_labels_of_a_readers_minibatches(d2l):
    batches = [(X, np.array([0, 1, 2, 0])), (X, np.array([0, 1, -1, 0]))]
    module = type("D", (d2l.DataModule,), {"get_dataloader": lambda self, train: batches})()
    with pytest.raises(ValueError, match="labels must be from 0 to 2, got -1"):
        d2l.Trainer(1).fit(classifier(d2l, training_step=own_step), module)


def test_labels_beside_an_array_of_numpy(d2l):
    """A reader's prepare_batch may add a constant of NumPy."""

    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            return [batch[0], np.ones(2, np.float32), batch[-1]]

    def step(self, batch):
        return self.loss(self(batch[0]) + d2l.tensor(batch[1]).sum(), batch[-1])

    model = classifier(d2l, training_step=step)
    with pytest.raises(ValueError, match="labels must be from 0 to 2, got 7"):
        Trainer(1).fit(model, data(d2l, (X, np.array([0, 1, 2, 7]))))


def test_labels_are_checked_once_in_jax(monkeypatch):
    """A NaN of another cause does not repeat the run of steps over the labels."""
    d2l, checked = importlib.import_module("d2l_jax"), []
    recheck = d2l.Trainer.recheck
    monkeypatch.setattr(
        d2l.Trainer, "recheck", lambda self, train: [checked.append(train), recheck(self, train)]
    )
    model = classifier(d2l, training_step=lambda self, batch: own_step(self, batch) * np.nan)
    y = np.array([0, 1, 2, 0])
    messages(d2l, model, data(d2l, (X, y), (X, y)), epochs=1)
    assert checked == [True]


class SetsALoader:
    """A mixin of a Trainer that sets a loader with a bad label before the second epoch."""

    def fit_epoch(self):
        if self.epoch == 1:
            self.train_dataloader = self.bad_data.train_dataloader()
        super().fit_epoch()


def fit_with_a_bad_loader(d2l, model, bad):
    trainer = type("T", (SetsALoader, d2l.Trainer), {})(3)
    trainer.bad_data = data(d2l, (X, np.array([0, bad, 2, 0])))
    with pytest.raises(ValueError, match=f"labels must be from 0 to 2, got {bad}"):
        trainer.fit(model, data(d2l, (X, np.array([0, 1, 2, 0]))))


@pytest.mark.slow
@pytest.mark.parametrize(("scratch", "bad"), [(True, -1), (False, -100)])
def test_labels_of_a_loader_set_between_epochs(d2l, scratch, bad):
    make = d2l.SoftmaxRegressionScratch if scratch else d2l.SoftmaxRegression
    fit_with_a_bad_loader(d2l, make(num_inputs=2, num_outputs=3, lr=0.1), bad)


def test_labels_of_a_loader_set_between_epochs_leave_the_weights(d2l):
    model = d2l.SoftmaxRegression(3, lr=0.1, num_inputs=2)
    fit_with_a_bad_loader(d2l, model, -1)
    for array in d2l.export_weights(model).values():
        assert np.isfinite(array).all()
