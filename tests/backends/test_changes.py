"""A fit runs what the reader has redefined or changed, before it or within it."""

import numpy as np
import pytest

from tests.support.fits import TORCH, final_w, model_of, regression


@pytest.mark.slow
def test_a_methods_patched_in_later_runs_next(d2l):
    model, trainer = model_of(d2l), d2l.Trainer(max_epochs=1)
    trainer.fit(model, regression(d2l))
    moved = final_w(d2l, model)

    @d2l.add_to_class(type(model))
    def loss(self, y_hat, y):
        return 0 * d2l.reduce_mean(y_hat)

    history = trainer.fit(model, regression(d2l))
    np.testing.assert_array_equal(history.train_loss, 0)
    np.testing.assert_array_equal(final_w(d2l, model), moved)


FACTOR = 1.0


@pytest.mark.slow
def test_a_global_or_a_class_attribute_changed_later_counts_next(d2l):
    global FACTOR

    class Reader(d2l.LinearRegressionScratch):
        scale = 1.0

        def loss(self, y_hat, y):
            return FACTOR * self.scale * super().loss(y_hat, y)

    def first_loss():
        model = Reader(2, lr=0.03)
        d2l.import_weights(model, {"w": np.zeros((2, 1)), "b": np.zeros(1)})
        return d2l.Trainer(max_epochs=1).fit(model, regression(d2l)).train_loss[0]

    plain = first_loss()
    FACTOR = 2.0
    try:
        doubled = first_loss()
        Reader.scale = 3.0
        tripled = first_loss()
    finally:
        FACTOR = 1.0
    np.testing.assert_allclose([doubled / plain, tripled / plain], [2, 6], rtol=1e-6)


@pytest.mark.slow
def test_an_array_that_a_method_refers_to_counts_by_its_values(d2l):
    class Reader(d2l.LinearRegressionScratch):
        def loss(self, y_hat, y):
            return super().loss(y_hat, y) + d2l.reduce_sum(d2l.tensor(self.shift))

    def first_loss(shift):
        model = Reader(2, lr=0.03)
        model.shift = (float(shift),) * 1000
        d2l.import_weights(model, {"w": np.zeros((2, 1)), "b": np.zeros(1)})
        return d2l.Trainer(max_epochs=1).fit(model, regression(d2l)).train_loss[0]

    np.testing.assert_allclose(first_loss(1) - first_loss(0), 1000, rtol=1e-5)


def test_prepare_batch_patched_on_the_trainer_runs(d2l):
    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            X, y = batch
            return X, 0 * y

    model = model_of(d2l)
    history = Trainer(max_epochs=1).fit(model, regression(d2l))
    np.testing.assert_array_equal(history.train_loss, 0)


def test_clip_gradients_patched_on_the_trainer_runs(d2l):
    class Trainer(d2l.Trainer):
        def clip_gradients(self, grad_clip_val, what):
            if d2l.__name__ == TORCH:
                for param in what.parameters():
                    param.grad.zero_()
                return None
            import jax

            return jax.tree.map(lambda grad: 0 * grad, what)

    model = model_of(d2l)
    Trainer(max_epochs=1, gradient_clip_val=1).fit(model, regression(d2l))
    np.testing.assert_array_equal(final_w(d2l, model), [0, 0])


def test_a_parameter_replaced_between_epochs_is_the_one_in_jax():
    from flax import nnx

    import d2l_jax as d2l

    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            if self.epoch == 1:
                self.model.w = nnx.Param(d2l.tensor([[2.0], [-3.4]]))
                self.model.b = nnx.Param(d2l.tensor([4.2]))
            super().fit_epoch()

    history = Trainer(max_epochs=2).fit(model_of(d2l), regression(d2l))
    assert history.train_loss[:32].mean() > 1
    assert history.train_loss[32:].max() < 0.001


def between_epochs(d2l, change, model, **keywords):
    """Return the losses of a fit whose `fit_epoch` ends with `change(trainer)`."""

    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            super().fit_epoch()
            change(self)

    return Trainer(max_epochs=3, **keywords).fit(model, regression(d2l, num_train=64)).train_loss


@pytest.mark.slow
@pytest.mark.parametrize("limits", [(1.0, 0), (0, 0.01), (0.01, 0.5)])
def test_a_limit_of_the_gradient_that_changes_between_epochs(limits):
    import d2l_jax
    import d2l_torch

    def losses(d2l):
        model = model_of(d2l)
        change = lambda trainer: setattr(trainer, "gradient_clip_val", limits[1])  # noqa: E731
        return between_epochs(d2l, change, model, gradient_clip_val=limits[0])

    np.testing.assert_allclose(losses(d2l_jax), losses(d2l_torch), rtol=1e-5)  # float32


def test_a_schedule_assigned_during_a_fit_counts_from_the_next_epoch(d2l):
    change = lambda trainer: setattr(trainer, "schedule", lambda *_: 0.0)  # noqa: E731
    losses = between_epochs(d2l, change, d2l.LinearRegression(num_inputs=2, lr=0.03))
    first, second, third = losses.reshape(3, 2).mean(axis=1)
    assert first > second
    np.testing.assert_allclose(third, second, rtol=1e-6)  # float32: the same weights


def test_a_rate_of_sgd_from_scratch_that_changes_between_epochs(d2l):
    def stop(trainer):
        if d2l.__name__ == TORCH:
            trainer.optim.lr = 0.0
        else:
            trainer.optim = d2l.SGD(0.0)

    model = model_of(d2l)
    between_epochs(d2l, stop, model)
    once = model_of(d2l)
    d2l.Trainer(max_epochs=1).fit(once, regression(d2l, num_train=64))
    np.testing.assert_array_equal(final_w(d2l, model), final_w(d2l, once))


@pytest.mark.parametrize("kind", [float, np.float32, "tensor"])
def test_an_attribute_that_changes_between_epochs(d2l, kind):
    number = d2l.tensor if kind == "tensor" else kind
    loss = lambda self, y_hat, y: self.factor * (y_hat - y).mean() ** 2  # noqa: E731
    model = model_of(d2l, loss=loss)
    model.lr, model.factor = 0.0, number(1.0)
    change = lambda trainer: setattr(trainer.model, "factor", number(4.0))  # noqa: E731
    losses = between_epochs(d2l, change, model).reshape(3, 2).mean(axis=1)
    assert losses[1] > 2 * losses[0]
    assert losses[2] > 2 * losses[0]


def test_a_container_is_another_one_though_its_text_is_the_same(d2l):
    class Secret:
        def __init__(self, number):
            self.number = number

        def __repr__(self):
            return "Secret()"

    model = model_of(d2l, loss=lambda self, y_hat, y: self.held[0].number * (y_hat**2).mean())
    model.held = (Secret(1.0),)
    model.b = type(model.b)(d2l.ones(1))
    change = lambda trainer: setattr(trainer.model, "held", (Secret(0.0),))  # noqa: E731
    losses = between_epochs(d2l, change, model)
    assert losses[:2].min() > 0
    np.testing.assert_array_equal(losses[2:], 0)


def test_prepare_batch_is_part_of_the_step(d2l):
    """In JAX it is traced, once for each shape of a minibatch, in training and in validation."""
    calls = []

    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            calls.append(len(batch[0]))
            return batch

    data = regression(d2l, num_train=100, num_val=64)
    Trainer(max_epochs=3).fit(model_of(d2l), data)
    data_checks = 2
    if d2l.__name__ == TORCH:
        assert len(calls) == data_checks + 3 * (4 + 2)
    else:
        assert sorted(calls[data_checks:]) == [4, 32, 32]


def test_an_interrupt_keeps_the_steps_that_were_taken(d2l):
    def minibatches(number, ending):
        data = regression(d2l, num_train=320)

        def batches(self, train):
            for i, batch in enumerate(data.train_dataloader()):
                if i == number:
                    raise ending
                yield batch

        class Data(d2l.DataModule):
            def train_dataloader(self):
                return Sized(batches(self, True))

            def val_dataloader(self):
                return None

        return Data()

    class Sized:
        def __init__(self, generator):
            self.generator = generator

        def __len__(self):
            return 10

        def __iter__(self):
            return self.generator

    model, short = model_of(d2l), model_of(d2l)
    trainer = d2l.Trainer(max_epochs=1)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(model, minibatches(2, KeyboardInterrupt))
    data = regression(d2l, num_train=320)
    [*batches] = [batch for batch, _ in zip(data.train_dataloader(), range(2), strict=False)]
    source = type("Data", (d2l.DataModule,), {"get_dataloader": lambda self, train: batches})
    history = d2l.Trainer(max_epochs=1).fit(short, source())
    np.testing.assert_allclose(final_w(d2l, model), final_w(d2l, short), rtol=1e-6)
    assert np.abs(final_w(d2l, model)).min() > 0.01
    np.testing.assert_allclose(trainer.history.train_loss, history.train_loss, rtol=1e-6)


@pytest.mark.slow
def test_predictions_between_epochs_drop_nothing(d2l):
    X = next(iter(d2l.Digits(batch_size=8).val_dataloader()))[0]
    equal = []

    class Trainer(d2l.Trainer):
        def should_stop(self, history):
            equal.append(bool((self.model(X) == self.model(X)).all()))
            return False

    model = d2l.DropoutMLP(10, 16, 16, 0.5, 0.5, lr=0.1, num_inputs=64)
    Trainer(max_epochs=2).fit(model, d2l.Digits(batch_size=500))
    assert equal == [True, True]


@pytest.mark.slow
def test_parameters_that_the_optimizer_does_not_know_say_so_in_jax():
    import optax
    from flax import nnx

    import d2l_jax as d2l

    def freeze(trainer):
        trainer.model.b = nnx.BatchStat(trainer.model.b[...])

    def momentum(self):
        return optax.sgd(0.01, momentum=0.9)

    with pytest.raises(ValueError) as caught:
        between_epochs(d2l, freeze, model_of(d2l, configure_optimizers=momentum))
    assert any("set trainer.optim" in note for note in caught.value.__notes__)

    def freeze_and_begin_anew(trainer):
        freeze(trainer)
        trainer.optim = momentum(trainer.model)

    losses = between_epochs(
        d2l, freeze_and_begin_anew, model_of(d2l, configure_optimizers=momentum)
    )
    assert np.isfinite(losses).all()
