"""A fit: what it records, and what it leaves."""

import numpy as np
import pytest

from tests.support.fits import TORCH, final_w, model_of, regression


def test_history(d2l):
    data = regression(d2l, num_train=100, num_val=70, batch_size=32)
    model = model_of(d2l)
    history = d2l.Trainer(max_epochs=3).fit(model, data)
    assert history.train_loss.shape == (3 * 4,)
    np.testing.assert_array_equal(history.batch_sizes, [32, 32, 32, 4] * 3)
    assert history.val_loss.shape == history.seconds.shape == (3,)
    assert history.val_acc.shape == (0,)
    first = history.train_loss[:4] @ [32, 32, 32, 4] / 100
    np.testing.assert_allclose(history.epoch_train_loss[0], first, rtol=1e-12)
    # The whole validation set at once has the loss that its minibatches have by examples.
    X, y = data.X[100:], data.y[100:]
    whole = float(d2l.numpy(model.loss(model(X), y)))
    np.testing.assert_allclose(history.val_loss[-1], whole, rtol=1e-5)  # float32 sums
    assert list(history.to_frame().columns) == ["loss", "val_loss", "seconds"]
    with pytest.raises(KeyError, match="nothing was recorded as 'val_f1'"):
        history["val_f1"]


@pytest.mark.slow
def test_accuracy_is_over_examples_not_minibatches(d2l):
    class Reader(d2l.Classifier):
        def __init__(self):
            super().__init__()
            self.lr = 0.0
            self.net = d2l.SoftmaxRegression(2, lr=0, num_inputs=1).net

    class Data(d2l.DataModule):
        batch_size = 4

        def get_dataloader(self, train):
            X = d2l.tensor([[1.0]] * 5)
            return self.get_tensorloader((X, d2l.tensor([1, 1, 1, 1, 0])), train)

    model = Reader()
    names = d2l.export_weights(model)
    values = {name: np.zeros(array.shape) for name, array in names.items()}
    values["net.1.bias"] = np.array([0.0, 1.0])  # always says 1
    d2l.import_weights(model, values)
    history = d2l.Trainer(max_epochs=1).fit(model, Data())
    np.testing.assert_allclose(history.val_acc, [4 / 5])  # by minibatches it would be 1/2


def test_board_has_the_books_points(d2l):
    model = model_of(d2l)
    history = d2l.Trainer(max_epochs=2).fit(model, regression(d2l))
    points = model.board.data["train_loss"]
    assert len(points) == 2 * 2  # plot_train_per_epoch = 2; 32 minibatches, every 16
    np.testing.assert_allclose(points[0].y, history.train_loss[:16].mean(), rtol=1e-12)
    np.testing.assert_allclose(points[0].x, np.arange(16).mean() / 32)
    assert [point.x for point in model.board.data["val_loss"]] == [1, 2]
    assert model.board.data["val_loss"][-1].y == history.val_loss[-1]
    assert model.board.xlim == [0, 2]


def test_a_second_fit_starts_a_new_record(d2l):
    model, trainer = model_of(d2l), d2l.Trainer(max_epochs=2)
    data = regression(d2l)
    first = trainer.fit(model, data)
    second = trainer.fit(model, data)
    assert second.train_loss[0] < first.train_loss[0]  # the same model, trained further
    assert len(second.train_loss) == len(first.train_loss) == 64
    assert len(model.board.data["val_loss"]) == 2


def test_no_epochs_train_nothing(d2l):
    model = model_of(d2l)
    history = d2l.Trainer(max_epochs=0).fit(model, regression(d2l))
    assert history.train_loss.shape == history.epoch_train_loss.shape == (0,)
    np.testing.assert_array_equal(final_w(d2l, model), [0, 0])


def test_no_validation_data(d2l):
    data = regression(d2l)
    data.val_dataloader = lambda: None
    history = d2l.Trainer(max_epochs=1).fit(model_of(d2l), data)
    assert history.val_loss.shape == (0,)


def test_each_epoch_has_another_order_also_by_a_new_loader(d2l):
    data = regression(d2l, num_train=50, batch_size=50)
    first, second = (d2l.numpy(next(iter(data.train_dataloader()))[0]) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))
    val = [d2l.numpy(next(iter(data.val_dataloader()))[0]) for _ in range(2)]
    np.testing.assert_array_equal(*val)


def test_clipping_bounds_the_norm_of_all_gradients_together(d2l):
    data = regression(d2l, num_train=32)  # one step
    model = model_of(d2l)
    d2l.Trainer(max_epochs=1, gradient_clip_val=0.5).fit(model, data)
    step = np.concatenate([array.ravel() for array in d2l.export_weights(model).values()])
    np.testing.assert_allclose(np.linalg.norm(step), 0.03 * 0.5, rtol=1e-5)


@pytest.mark.slow
def test_what_a_step_plots_itself_is_recorded_once(d2l):
    def training_step(self, batch):
        loss = self.loss(self(*batch[:-1]), batch[-1])
        self.plot("loss", loss, train=True)
        self.plot("bias", self.b[...].sum(), train=True)
        return loss

    def validation_step(self, batch):
        self.plot("loss", self.loss(self(*batch[:-1]), batch[-1]), train=False)
        self.plot("one", 1.0, train=False)

    model = model_of(d2l, training_step=training_step, validation_step=validation_step)
    history = d2l.Trainer(max_epochs=2).fit(model, regression(d2l))
    plain = d2l.Trainer(max_epochs=2).fit(model_of(d2l), regression(d2l))
    np.testing.assert_allclose(history.train_loss, plain.train_loss, rtol=1e-6)
    np.testing.assert_allclose(history.val_loss, plain.val_loss, rtol=1e-6)
    assert history["train_bias"].shape == (64,)
    assert history["train_bias"][0] == 0 < history["train_bias"][-1]
    np.testing.assert_array_equal(history["val_one"], [1, 1])


def test_the_librarys_steps_record_what_a_readers_do(d2l):
    """Those of the library are recorded by a shorter way."""

    class Reader(d2l.SoftmaxRegressionScratch):
        def training_step(self, batch):
            return super().training_step(batch)

        def validation_step(self, batch):
            return super().validation_step(batch)

    histories, boards = [], []
    for cls in (d2l.SoftmaxRegressionScratch, Reader):
        model = cls(64, 10, lr=0.1)
        rng = np.random.default_rng(0)
        d2l.import_weights(model, {"W": 0.01 * rng.standard_normal((64, 10)), "b": np.zeros(10)})
        histories.append(d2l.Trainer(max_epochs=2).fit(model, d2l.Digits(batch_size=100)))
        boards.append(model.board.data)
    assert histories[0].labels() == histories[1].labels() == ["train_loss", "val_loss", "val_acc"]
    for label in histories[0].labels():
        np.testing.assert_array_equal(histories[0][label], histories[1][label])
    assert boards[0] == boards[1]


class Batches:
    """A reader's loader of NumPy or framework batches: a list, or made by a generator."""

    @staticmethod
    def data(d2l, as_generator):
        class Data(d2l.DataModule):
            def get_dataloader(self, train):
                source = regression(d2l, num_train=100, num_val=40)
                lo, hi = (0, 100) if train else (100, 140)
                starts = range(lo, hi, 32)
                pairs = (
                    (source.X[i : min(i + 32, hi)], source.y[i : min(i + 32, hi)]) for i in starts
                )
                return pairs if as_generator else list(pairs)

        return Data()


def test_a_readers_generator_is_made_anew_each_epoch(d2l):
    runs = []
    for as_generator in (True, False):
        model = model_of(d2l)
        history = d2l.Trainer(max_epochs=3).fit(model, Batches.data(d2l, as_generator))
        runs.append((history, final_w(d2l, model)))
    (generator, w), (listed, w_listed) = runs
    assert generator.train_loss.shape == (12,)
    np.testing.assert_array_equal(generator.batch_sizes, [32, 32, 32, 4] * 3)
    np.testing.assert_array_equal(generator.train_loss, listed.train_loss)
    np.testing.assert_array_equal(generator.val_loss, listed.val_loss)
    np.testing.assert_array_equal(w, w_listed)


@pytest.mark.slow
def test_a_batch_at_a_time_is_what_an_epoch_at_once_is(d2l):
    """A reader's batches go through the same step as those of our loader."""
    unshuffled = regression(d2l, num_train=100, num_val=40)
    unshuffled.get_dataloader = lambda train: unshuffled.get_tensorloader(
        (unshuffled.X, unshuffled.y), False, slice(0, 100) if train else slice(100, None)
    )
    runs = []
    for data in (unshuffled, Batches.data(d2l, as_generator=True)):
        model = model_of(d2l)
        history = d2l.Trainer(max_epochs=3, gradient_clip_val=1).fit(model, data)
        runs.append((history, final_w(d2l, model)))
    (at_once, w), (by_one, w_by_one) = runs
    # XLA may round a step within a scan otherwise than the step alone.
    np.testing.assert_allclose(at_once.train_loss, by_one.train_loss, rtol=1e-5)
    np.testing.assert_allclose(at_once.val_loss, by_one.val_loss, rtol=1e-5)
    np.testing.assert_allclose(w, w_by_one, rtol=1e-5)


def test_an_interrupt_leaves_the_epochs_that_ended(d2l):
    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            if self.epoch == 2:
                raise KeyboardInterrupt
            super().fit_epoch()

    model = model_of(d2l)
    with pytest.raises(KeyboardInterrupt):
        Trainer(max_epochs=5).fit(model, regression(d2l))
    assert len(model.board.data["val_loss"]) == 2
    other = model_of(d2l)
    d2l.Trainer(max_epochs=2).fit(other, regression(d2l))
    np.testing.assert_array_equal(final_w(d2l, model), final_w(d2l, other))


def test_divergence_is_warned_of_once(d2l):
    model = model_of(d2l, lr=1e30)
    model.lr = 1e30
    with pytest.warns(
        UserWarning, match="the training loss became .* in epoch 1: try a lower"
    ) as w:
        d2l.Trainer(max_epochs=3).fit(model, regression(d2l))
    assert len([x for x in w if "training loss" in str(x.message)]) == 1


@pytest.mark.slow
def test_predictions_after_a_fit_drop_nothing(d2l):
    model = d2l.DropoutMLP(10, 16, 16, 0.5, 0.5, lr=0.1, num_inputs=64)
    data = d2l.Digits(batch_size=500)
    d2l.Trainer(max_epochs=1).fit(model, data)
    X, _ = next(iter(data.val_dataloader()))
    np.testing.assert_array_equal(d2l.numpy(model(X)), d2l.numpy(model(X)))


@pytest.mark.slow
def test_accuracy_is_the_nearest_float32(d2l):
    if d2l.__name__ == TORCH:
        compiled = d2l.accuracy
    else:
        import jax

        compiled = jax.jit(d2l.accuracy)
    for n in (1, 7, 41, 61, 124, 253):  # most have a reciprocal that would round the share twice
        labels = np.arange(n) % 3
        X, y = d2l.tensor([[1.0, 0.0, 0.0]] * n), d2l.tensor(labels.astype(np.int32))
        for accuracy in (d2l.accuracy, compiled):
            assert d2l.numpy(accuracy(X, y)) == np.float32((labels == 0).sum() / n)


def test_gpus_that_are_not_there_are_warned_of(d2l):
    with pytest.warns(UserWarning, match="num_gpus=99, but .* found"):
        d2l.Trainer(max_epochs=1, num_gpus=99)


def test_devices(d2l):
    assert d2l.try_gpu(99) == d2l.cpu()
    assert len(d2l.try_all_gpus()) == max(1, d2l.num_gpus())


def test_new_tensors_are_made_on_the_device_in_use(d2l):
    # Devices that differ from the one that a machine without a GPU uses anyway.
    if d2l.__name__ == TORCH:
        import torch

        with d2l.use_device(torch.device("meta")):
            assert d2l.ones(2).device.type == "meta"
        assert d2l.ones(2).device == d2l.cpu()  # also on a machine with a GPU
    else:
        import jax

        before = jax.config.jax_default_device
        with d2l.use_device(d2l.cpu()):
            assert jax.config.jax_default_device == d2l.cpu()
            assert d2l.ones(2).devices() == {d2l.cpu()}
        assert jax.config.jax_default_device is before is None
        assert d2l.ones(2).device == d2l.try_gpu()


def test_a_trainer_stops_when_it_should(d2l):
    class Trainer(d2l.Trainer):
        def should_stop(self, history):
            return len(history.val_loss) == 2

    data = d2l.SyntheticRegressionData(w=d2l.tensor([2.0]), b=1.0)
    history = Trainer(max_epochs=5).fit(d2l.LinearRegressionScratch(1, lr=0.03), data)
    assert len(history.val_loss) == 2


def test_the_history_is_there_from_the_first_step(d2l):
    lengths = []

    class Data(d2l.DataModule):
        def get_dataloader(self, train):
            data = regression(d2l, num_train=96)
            loader = data.train_dataloader() if train else data.val_dataloader()
            for batch in loader:
                lengths.append(len(trainer.history.train_loss))
                yield batch

    trainer = d2l.Trainer(max_epochs=1)
    assert trainer.history.train_loss.shape == (0,)
    history = trainer.fit(model_of(d2l), Data())
    counting = 3 + 32  # a generator has no length: a pass of its own counts the minibatches
    assert lengths[counting : counting + 3] == [0, 1, 2]
    assert trainer.history is history
    assert history.train_loss.shape == (3,)


def test_a_trainer_cannot_be_used_within_its_own_fit(d2l):
    data = regression(d2l)

    class Trainer(d2l.Trainer):
        def should_stop(self, history):
            return self.fit(model_of(d2l), data)

    trainer = Trainer(max_epochs=1)
    with pytest.raises(RuntimeError, match=r"already running fit\(\); create a new Trainer"):
        trainer.fit(model_of(d2l), data)
    d2l.Trainer.should_stop(trainer, None)
    assert not trainer.recorder.is_open  # and can be used again


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("loader", ["in memory", "a reader's"])
def test_the_trial_before_the_first_step_changes_nothing(d2l, lazy, loader):
    """Neither variables and attributes of the model, nor PyTorch's random numbers."""
    import torch
    from flax import nnx

    is_torch = d2l.__name__ == TORCH
    drawn = []

    class Reader(d2l.LinearRegression):
        def __init__(self):
            super().__init__(num_inputs=None if lazy and is_torch else 2, lr=0.03)
            self.held = []
            if is_torch:
                self.register_buffer("calls", torch.zeros(()))
                self.mean = torch.zeros(())
            else:
                self.calls, self.mean = nnx.BatchStat(d2l.zeros()), d2l.zeros()

        def forward(self, X):
            if is_torch:
                self.calls += 1
                self.held.append(X.shape)  # an error in JAX
                self.mean += X.mean()
            else:
                self.calls[...] += 1
                self.mean = self.mean + X.mean()
            return super().forward(X)

    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            if is_torch:
                drawn.append(torch.rand(()).item())
            return batch

        def fit_epoch(self):
            super().fit_epoch()
            model = self.model
            assert float(model.calls if is_torch else model.calls[...]) == 2
            assert len(model.held) == (2 if is_torch else 0)
            assert abs(float(model.mean) - total) < 1e-5

    data = regression(d2l, num_train=48, num_val=0)
    if loader != "in memory":
        batches = list(data.train_dataloader())
        data.get_dataloader = lambda train: batches if train else None
    again = regression(d2l, num_train=48, num_val=0)
    total = sum(float(d2l.numpy(X).mean()) for X, _ in again.train_dataloader())
    model = Reader()
    torch.manual_seed(3)
    Trainer(max_epochs=1).fit(model, data)
    if is_torch and not lazy:
        torch.manual_seed(3)
        assert drawn[-2:] == [torch.rand(()).item() for _ in range(2)]


def test_the_trial_of_a_model_that_holds_what_has_a_gradient_in_torch():
    """As attention weights do after a fit without validation; `deepcopy` would raise an error."""
    import d2l_torch as d2l

    def forward(self, X):
        self.weights = [X * self.w[0]]
        return X @ self.w + self.b

    model = model_of(d2l, forward=forward)
    for _ in range(2):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l, num_val=0))
        assert model.weights[0].requires_grad
