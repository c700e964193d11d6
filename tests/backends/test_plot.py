"""The history of what steps plot and return."""

import numpy as np
import pytest

from tests.support.fits import TORCH, model_of, regression


def fit(d2l, **methods):
    """Return the history of an epoch of two steps, of a linear regression with these methods."""
    data = regression(d2l, num_train=64, num_val=40)
    return d2l.Trainer(max_epochs=1).fit(model_of(d2l, **methods), data)


def plotting(key, value):
    """Return a training step that plots `value` and returns the loss."""

    def training_step(self, batch):
        self.plot(key, value, train=True)
        return self.loss(self(batch[0]), batch[1])

    return training_step


@pytest.mark.parametrize(
    "value", [3, 0.25, True, 2**40, np.int64(2**40), np.float32(0.5), np.array([3.0])]
)
def test_numbers_of_any_kind(d2l, value):
    history = fit(d2l, training_step=plotting("it", value))
    np.testing.assert_array_equal(history["train_it"], np.full(2, float(np.reshape(value, ()))))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("it", None, "plot() takes a number or a tensor of one number, got None"),
        ("it", "high", "plot() takes a number or a tensor of one number, got 'high'"),
        ("it", [1.0], "plot() takes a number or a tensor of one number, got [1.0]"),
        ("it", 1j, "plot() takes a number or a tensor of one number, got 1j"),
        ("it", np.ones(1, complex), "plot() takes real numbers, got complex128"),
        ("it", np.ones((2, 1)), "plot() takes one number, got a tensor of shape (2, 1)"),
        (1.0, "it", "plot() takes a name, such as 'loss', and then a number, got 1.0"),
    ],
)
def test_what_is_no_number(d2l, key, value, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        fit(d2l, training_step=plotting(key, value))
    assert str(caught.value) == words


def test_the_last_value_of_a_step_counts(d2l):
    def training_step(self, batch):
        self.plot("it", 1.0, train=True)
        self.plot("it", 2.0, train=True)
        return self.loss(self(batch[0]), batch[1])

    np.testing.assert_array_equal(fit(d2l, training_step=training_step)["train_it"], [2, 2])


def test_a_value_of_the_other_pass_is_one_of_its_own(d2l):
    class Reader(d2l.LinearRegressionScratch):
        def validation_step(self, batch):
            self.plot("n", float(len(batch[0])), train=True)
            return super().validation_step(batch)

    data = regression(d2l, num_train=40, num_val=40, batch_size=16)
    history = d2l.Trainer(max_epochs=2).fit(Reader(2, lr=0.03), data)
    assert history["train_n"].tolist() == [16, 16, 8, 16, 16, 8]


@pytest.mark.parametrize("interval", [0, 60])
def test_values_of_both_passes_stay_however_long_they_take(d2l, interval, monkeypatch):
    """In one epoch, a validation step plots a value of training under the number of its step."""
    monkeypatch.setattr("d2l_common.training.recorder.LIVE_INTERVAL", interval)

    class Reader(d2l.LinearRegressionScratch):
        def training_step(self, batch):
            self.plot("n", 1.0, train=True)
            return super().training_step(batch)

        def validation_step(self, batch):
            self.plot("n", 2.0, train=True)
            return super().validation_step(batch)

    data = regression(d2l, num_train=32, num_val=32)
    history = d2l.Trainer(max_epochs=2).fit(Reader(2, lr=0.03), data)
    assert history["train_n"].tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("interval", [0, 60])
def test_the_last_value_of_a_step_of_a_readers_loop_counts(d2l, interval, monkeypatch):
    monkeypatch.setattr("d2l_common.training.recorder.LIVE_INTERVAL", interval)

    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            for value in (1.0, 2.0):
                for again in (0.5, 0.0):
                    self.model.plot("n", value + again, train=True)
                self.train_batch_idx += 1

    history = Trainer(max_epochs=1).fit(model_of(d2l), regression(d2l))
    assert history["train_n"].tolist() == [1, 2]


def test_epochs_without_validation_have_a_gap_in_the_table(d2l):
    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            kept = self.val_dataloader
            if self.epoch < 2:
                self.val_dataloader = None
            super().fit_epoch()
            self.val_dataloader = kept

    history = Trainer(max_epochs=3).fit(model_of(d2l), regression(d2l, num_train=64))
    table = history.to_frame()["val_loss"]
    assert table.isna().tolist() == [True, True, False]
    assert table[3] == history.val_loss[0]


@pytest.mark.slow
def test_sizes_are_those_of_what_a_trainer_prepares(d2l):
    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            return [x[:4] for x in batch]

    data = regression(d2l, num_train=40, batch_size=16)
    assert Trainer(max_epochs=1).fit(model_of(d2l), data).batch_sizes.tolist() == [4, 4, 4]


def test_a_name_that_only_the_last_minibatch_plots(d2l):
    def training_step(self, batch):
        if len(batch[0]) < 32:
            self.plot("rest", 1.0, train=True)
        self.plot("it", 1.0, train=True)
        return self.loss(self(batch[0]), batch[1])

    fit = d2l.Trainer(max_epochs=1).fit
    model, data = model_of(d2l, training_step=training_step), regression(d2l, num_train=40)
    if d2l.__name__ == TORCH:
        history = fit(model, data)
        assert history["train_rest"].tolist() == [1]
        assert history["train_it"].tolist() == [1, 1]
    else:
        with pytest.raises(ValueError, match="a step must plot the same names for every minibatch"):
            fit(model, data)


def test_what_a_step_returns_is_recorded_not_what_it_called(d2l):
    class Reader(d2l.LinearRegressionScratch):
        def training_step(self, batch):
            return super().training_step(batch) + 100

        def validation_step(self, batch):
            return 0 * super().validation_step(batch) + 7

    history = d2l.Trainer(max_epochs=1).fit(Reader(2, lr=0.03), regression(d2l, num_train=64))
    assert history.train_loss.shape == (2,)
    assert history.train_loss.min() > 100
    np.testing.assert_array_equal(history.val_loss, [7])


def test_what_the_librarys_step_plots_counts_where_nothing_is_returned_in_torch():
    """As in the book's PyTorch edition, whose steps plot and return nothing."""
    import d2l_torch as d2l

    class Reader(d2l.SoftmaxRegressionScratch):
        def validation_step(self, batch):
            super().validation_step(batch)

    histories = [
        d2l.Trainer(max_epochs=1).fit(cls(64, 10, lr=0.0), d2l.Digits(batch_size=100))
        for cls in (Reader, d2l.SoftmaxRegressionScratch)
    ]
    assert histories[0].labels() == histories[1].labels()
    np.testing.assert_allclose(histories[0].val_loss, histories[1].val_loss, rtol=0.05)


def test_a_plot_that_renames_records_each_value_once(d2l):
    class Reader(d2l.LinearRegressionScratch):
        def plot(self, key, value, train):
            super().plot(key + "_of_mine", value, train)

    history = d2l.Trainer(max_epochs=1).fit(Reader(2, lr=0.03), regression(d2l, num_train=64))
    np.testing.assert_array_equal(history["train_loss_of_mine"], history.train_loss)
    assert history.train_loss.shape == (2,)
    np.testing.assert_array_equal(history["val_loss_of_mine"], history.val_loss)
