"""
The parts of training recipes (section 7.5 of 2026): draws, schedules, averages, a run.

That label smoothing, mixup and stochastic depth compute the truth is in test_properties.py.
"""

import jax
import numpy as np
import optax
import pytest
import torch
from flax import nnx

import d2l_jax
import d2l_torch
from d2l_common.weights import initial_weights
from d2l_parity import RUNS
from parity_tests.support.backends import BACKENDS, precision

JAX, TORCH = BACKENDS["jax"], BACKENDS["torch"]
DECAY = 0.9


def seeded(d2l, seed):
    """Return the keyword with a new source of random numbers."""
    if d2l is JAX:
        return {"key": jax.random.key(seed)}
    return {"generator": torch.Generator().manual_seed(seed)}


# -- label smoothing ---------------------------------------------------------------------------


def test_label_smoothing_of_0_and_of_1():
    """Without smoothing an infinite logit does no harm; with all of it no label counts."""
    for d2l in BACKENDS.values():
        infinite = d2l.tensor([[2.0, 0.0, -np.inf]])
        loss = d2l.softmax_cross_entropy(infinite, d2l.tensor([0]), label_smoothing=0)
        assert float(loss) == pytest.approx(np.log1p(np.exp(-2)), rel=1e-6)
        X = d2l.tensor([[2.0, 0.0, 1.0]])
        for label in range(3):
            loss = d2l.softmax_cross_entropy(X, d2l.tensor([label]), label_smoothing=1.0)
            assert float(loss) == pytest.approx(np.log(np.exp([2, 0, 1]).sum()) - 1, rel=1e-6)


# -- mixup -------------------------------------------------------------------------------------


def test_mixup_draws_one_weight_and_a_permutation():
    X, y = np.arange(12.0, dtype=np.float32).reshape(6, 2), np.arange(6)
    for d2l in BACKENDS.values():
        draws = [d2l.mixup(d2l.tensor(X), d2l.tensor(y), 1.0, **seeded(d2l, s)) for s in (0, 0, 1)]
        for one, again in zip(*draws[:2], strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(again))
        assert float(draws[0][3]) != float(draws[2][3])
        X_mixed, y_a, y_b, lam = map(np.asarray, draws[0])
        assert X_mixed.dtype == np.float32
        np.testing.assert_array_equal(y_a, y)
        assert sorted(y_b) == list(y)
        assert (y_b != y).any()
        # Numbers below 16, and three roundings.
        np.testing.assert_allclose(X_mixed, lam * X[y_a] + (1 - lam) * X[y_b], rtol=0, atol=4e-6)


@pytest.mark.parametrize("alpha", [0.2, 2.0])
def test_the_weights_of_mixup_are_beta_distributed(d2l, alpha):
    X, y = d2l.ones(2, 1), d2l.zeros(2)
    lams = [float(d2l.mixup(X, y, alpha, **seeded(d2l, seed))[3]) for seed in range(200)]
    # Of 200 draws the mean is within 0.1 and the variance within a third, at five deviations.
    assert np.mean(lams) == pytest.approx(0.5, abs=0.1)
    assert np.var(lams) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=1 / 3)


def test_mixup_without_a_source_draws_new_numbers(d2l):
    X, y = d2l.ones(2, 1), d2l.zeros(2)
    assert len({float(d2l.mixup(X, y, 1.0)[3]) for _ in range(3)}) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_given_weight_of_mixup_takes_the_dtype_of_the_images(d2l, dtype):
    with precision("float64"):
        X = d2l.tensor(np.eye(2, dtype=dtype))
        for wide in ("float64", "int32"):
            weight = d2l.tensor(np.array(1, wide))
            X_mixed, _, _, lam = d2l.mixup(X, d2l.ones(2), 1.0, lam=weight, perm=[1, 0])
            np.testing.assert_array_equal(d2l.numpy(X_mixed), np.eye(2))
            assert d2l.numpy(X_mixed).dtype == d2l.numpy(lam).dtype == dtype


def test_the_weight_of_mixup_may_be_differentiated_and_traced(d2l):
    def first_pixel(lam):
        X = d2l.tensor([[1.0], [5.0]])
        return d2l.mixup(X, d2l.ones(2), 1.0, lam=lam, perm=[1, 0])[0][0, 0]

    # Of lam + 5 (1 - lam).
    assert float(d2l.numpy(d2l.grad(first_pixel)(d2l.tensor(0.25)))) == -4


def test_the_loss_under_mixup_is_that_of_mixed_targets():
    rng = np.random.default_rng(0)
    logits, y_a, y_b, lam = (
        rng.standard_normal((5, 3)),
        np.arange(5) % 3,
        np.arange(5)[::-1] % 3,
        0.3,
    )
    targets = lam * np.eye(3)[y_a] + (1 - lam) * np.eye(3)[y_b]
    log_P = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    with precision("float64"):
        for d2l in BACKENDS.values():
            labels = d2l.tensor(y_a), d2l.tensor(y_b.copy())
            loss = d2l.mixup_loss(d2l.softmax_cross_entropy, d2l.tensor(logits), *labels, lam)
            # A few roundings.
            np.testing.assert_allclose(float(loss), -(targets * log_P).sum(1).mean(), rtol=1e-14)


# -- stochastic depth --------------------------------------------------------------------------


def test_drop_path_drops_examples():
    """An example is dropped as a whole, each by a draw of its own."""
    for d2l in BACKENDS.values():
        X, drop_prob = d2l.ones(1000, 2, 3, 1), 0.25
        Y = d2l.numpy(d2l.drop_path(X, drop_prob, **seeded(d2l, 0))).reshape(1000, -1)
        np.testing.assert_array_equal(Y, Y[:, :1].repeat(6, axis=1))
        assert set(np.unique(Y)) == {0, np.float32(4 / 3)}
        # Five deviations of a share of 1000 draws.
        assert (Y[:, 0] == 0).mean() == pytest.approx(drop_prob, abs=5 * 0.0137)
        again = d2l.drop_path(X, drop_prob, **seeded(d2l, 0))
        np.testing.assert_array_equal(d2l.numpy(again).reshape(1000, -1), Y)
        np.testing.assert_array_equal(d2l.numpy(d2l.drop_path(X, 0)), d2l.numpy(X))
        assert len(np.unique(d2l.numpy(d2l.drop_path(X, 0.5)))) == 2  # without a source


# -- schedules ---------------------------------------------------------------------------------


def test_schedules_are_the_formulas():
    # A few roundings.
    ramp, share = np.array([1, 2, 3]) / 3, np.arange(7) / 7
    expected = 0.2 * np.concatenate([ramp, (1 + np.cos(np.pi * share)) / 2])
    rates = [JAX.cosine_warmup(epoch, 10, 0.2) for epoch in range(10)]
    np.testing.assert_allclose(rates, expected, rtol=1e-15)
    rates = [JAX.cosine_warmup(epoch, 7, 0.2, warmup=0) for epoch in range(7)]
    np.testing.assert_allclose(rates, expected[3:], rtol=1e-15)
    np.testing.assert_allclose([JAX.cosine_warmup(e, 2, 0.3) for e in (0, 1)], [0.1, 0.2])
    rates = [JAX.step_decay(epoch, 20, 0.5) for epoch in range(20)]
    np.testing.assert_allclose(rates, [0.5] * 12 + [0.05] * 5 + [0.005] * 3, rtol=1e-15)
    rates = [JAX.step_decay(epoch, 3, 1.0, [0.5], factor=0.5) for epoch in range(3)]
    assert rates == [1, 0.5, 0.5]


class Recipe:
    """Methods of a classifier with AdamW, label smoothing, and a mixup that draws nothing."""

    d2l = None

    def loss(self, Y_hat, Y, averaged=True):
        return self.d2l.softmax_cross_entropy(Y_hat, Y, averaged, label_smoothing=0.1)

    def training_step(self, batch):
        X, y = batch
        perm = self.d2l.arange(len(X) - 1, -1, -1)
        X, y_a, y_b, lam = self.d2l.mixup(X, y, 0.2, lam=0.7, perm=perm)
        loss = self.d2l.mixup_loss(self.loss, self(X), y_a, y_b, lam)
        self.plot("loss", loss, train=True)
        return loss

    def configure_optimizers(self):
        if self.d2l is JAX:
            return optax.inject_hyperparams(optax.adamw)(self.lr, weight_decay=0.05)
        return torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=0.05)


def recipe_model(d2l, lr=0.01):
    """Return a perceptron of 16 hidden units for `Digits`, with shared initial weights."""
    model = type("Reader", (Recipe, d2l.MLP), {"d2l": d2l})(10, 16, lr=lr, num_inputs=64)
    d2l.import_weights(model, initial_weights(d2l.export_weights(model), 0, "he"))
    return model


def assert_close(ones, others):
    """Raise unless the arrays of two dicts are as close as those of runs in float64 must be."""
    assert ones.keys() == others.keys()
    for name, one in ones.items():
        gap = np.linalg.norm(one - others[name])
        assert gap <= RUNS["float64"].loss * (1 + np.linalg.norm(one)), name


@pytest.mark.slow
def test_a_run_with_a_recipe_agrees():
    """Twenty steps in five epochs: schedule, smoothing, mixup, AdamW and the average of weights."""
    found = []
    with precision("float64"):
        for d2l in BACKENDS.values():
            model, data = recipe_model(d2l), d2l.Digits(batch_size=360)
            trainer = d2l.Trainer(5, schedule=d2l.cosine_warmup, ema_decay=DECAY)
            history, weights = trainer.fit(model, data), d2l.export_weights(model)
            trainer.ema.copy_to(model)
            recorded = {name: history[name] for name in history.labels()}
            found.append((recorded, weights, d2l.export_weights(model)))
    for ones, others in zip(*found, strict=True):
        assert_close(ones, others)
    recorded, weights, averages = found[0]
    rates = [JAX.cosine_warmup(epoch, 5, 0.01) for epoch in range(5)]
    np.testing.assert_allclose(recorded["lr"], rates, rtol=1e-15)
    assert len(recorded["train_loss"]) == 20
    assert recorded["val_loss"][-1] < 0.9 * recorded["val_loss"][0]  # it did learn
    assert all(np.abs(averages[name] - weights[name]).max() > 1e-3 for name in weights)


# -- averages of weights -----------------------------------------------------------------------


def normalized_model(d2l):
    """Return a linear model behind batch normalization, which has running averages."""
    model = d2l.LinearRegression(num_inputs=2, lr=0.1)
    if d2l is JAX:
        norm = nnx.BatchNorm(2, momentum=0.9, rngs=nnx.Rngs(0))
        model.net = nnx.Sequential(norm, model.net)
        model.counter = nnx.Variable(jax.numpy.array(0))
    else:
        model.net = torch.nn.Sequential(torch.nn.BatchNorm1d(2), model.net)
        model.register_buffer("counter", torch.tensor(0))
    return model


def test_an_average_is_the_formula():
    """Parameters and running averages are averaged; counters are copied."""
    rng = np.random.default_rng(0)
    for d2l in BACKENDS.values():
        model = normalized_model(d2l)
        names = {n: x.shape for n, x in d2l.export_weights(model).items() if n != "counter"}
        assert {"net.0.running_var", "net.1.weight"} <= names.keys()
        expected = d2l.export_weights(model)
        ema = d2l.EMA(model, DECAY)
        for step in (1, 2, 3):
            weights = {n: rng.standard_normal(s).astype(np.float32) for n, s in names.items()}
            d2l.import_weights(model, {**weights, "counter": np.array(step)})
            ema.update(model)
            expected = {n: DECAY * expected[n] + (1 - DECAY) * weights[n] for n in names}
        ema.copy_to(model)
        averages = d2l.export_weights(model)
        assert averages.pop("counter") == 3
        for name, array in averages.items():
            # Numbers below 4, and some four roundings at each of three updates.
            np.testing.assert_allclose(array, expected[name], rtol=0, atol=12 * 4 * 6e-8)


def test_an_average_needs_a_model():
    for d2l in BACKENDS.values():
        with pytest.raises(TypeError, match=r"model must be an nnx?.Module, got str; pass"):
            d2l.EMA("m")


def test_an_average_has_copies():
    """Neither training nor `copy_to` ties the averages to a model."""
    for d2l in BACKENDS.values():
        model = normalized_model(d2l)
        ema, before = d2l.EMA(model), d2l.export_weights(model)
        d2l.import_weights(model, {name: 1 + x for name, x in before.items()})
        ema.copy_to(model)
        for name, array in d2l.export_weights(model).items():
            np.testing.assert_array_equal(array, before[name])
        d2l.import_weights(model, {name: 2 + x for name, x in before.items()})
        ema.copy_to(model)
        for name, array in d2l.export_weights(model).items():
            np.testing.assert_array_equal(array, before[name])


def test_a_fit_averages_after_each_step():
    """The average is that of an EMA updated after each step; the state is the model's own."""
    for d2l in BACKENDS.values():

        class Trainer(d2l.Trainer):
            def fit_epoch(self):  # of one step
                super().fit_epoch()
                self.by_hand.update(self.model)

        model, trainer = normalized_model(d2l), Trainer(4, ema_decay=DECAY)
        trainer.by_hand = d2l.EMA(model, DECAY)
        trainer.fit(model, one_step_data(d2l))
        last = d2l.export_weights(model)
        trainer.by_hand.copy_to(model)
        by_hand = d2l.export_weights(model)
        d2l.import_weights(model, last)
        trainer.ema.copy_to(model)
        for name, array in d2l.export_weights(model).items():
            is_state = "running" in name or name == "counter"
            expected, other = (last, by_hand) if is_state else (by_hand, last)
            # Numbers below 8, and some roundings at each of four steps.
            np.testing.assert_allclose(array, expected[name], rtol=0, atol=4e-6)
            assert name == "counter" or np.abs(array - other[name]).max() > 1e-3, name


# -- schedules in a fit ------------------------------------------------------------------------


def constant(epoch, max_epochs, base_lr):
    return base_lr


def one_step_data(d2l):
    return d2l.SyntheticRegressionData(w=d2l.tensor([2.0, -3.4]), b=4.2, batch_size=1000)


def linear_model(d2l, **attributes):
    """Return a linear regression of weights 0, of a new class with these methods."""
    model = type("Reader", (d2l.LinearRegression,), attributes)(num_inputs=2, lr=0.1)
    d2l.import_weights(model, {"net.weight": np.zeros((1, 2)), "net.bias": np.zeros(1)})
    return model


def test_each_fit_starts_from_the_models_own_rate():
    for d2l in BACKENDS.values():
        model = linear_model(d2l)
        trainer = d2l.Trainer(4, schedule=lambda epoch, max_epochs, lr: lr / 2**epoch)
        for _ in range(2):
            rates = trainer.fit(model, one_step_data(d2l))["lr"]
            np.testing.assert_allclose(rates, [0.1, 0.05, 0.025, 0.0125], rtol=1e-7)


def test_a_schedule_moves_the_weights_as_rates_of_ones_own():
    """Against a Trainer that sets the rates itself."""

    def set_rate(optim, lr):
        if isinstance(optim, torch.optim.Optimizer):
            optim.param_groups[0]["lr"] = lr
        else:
            optim.opt_state.hyperparams["learning_rate"][...] = lr

    rates = [0.2, 0.0, 0.05]
    for d2l in BACKENDS.values():

        class Reader(d2l.Trainer):
            def fit_epoch(self):
                set_rate(self.optim, rates[self.epoch])
                super().fit_epoch()

        losses = [
            trainer.fit(linear_model(d2l), one_step_data(d2l)).train_loss
            for trainer in (Reader(3), d2l.Trainer(3, schedule=lambda epoch, n, lr: rates[epoch]))
        ]
        np.testing.assert_array_equal(*losses)
        assert losses[0][0] > 2 * losses[0][1] == pytest.approx(2 * losses[0][2], rel=1e-6)


def test_each_group_of_parameters_has_its_own_rate():
    def configure(self):
        if d2l is TORCH:
            weight, bias = self.parameters()
            groups = [{"params": [weight]}, {"params": [bias], "lr": 0.4}]
            return torch.optim.SGD(groups, lr=0.1)
        sgd = optax.inject_hyperparams(optax.sgd)
        labels = lambda params: jax.tree.map(lambda x: "b" if x.ndim == 1 else "w", params)  # noqa: E731
        return optax.multi_transform({"w": sgd(0.1), "b": sgd(0.4)}, labels)

    moved = []
    for d2l in BACKENDS.values():
        for schedule in (None, lambda epoch, n, lr: lr / 4):
            model = linear_model(d2l, configure_optimizers=configure)
            history = d2l.Trainer(1, schedule=schedule).fit(model, one_step_data(d2l))
            moved.append(d2l.export_weights(model))
        assert history["lr"].size == 1
        for name, array in moved[-1].items():
            np.testing.assert_allclose(4 * array, moved[-2][name], rtol=1e-6)
    np.testing.assert_allclose(moved[1]["net.bias"], moved[3]["net.bias"], rtol=1e-5)


def test_a_rate_that_is_a_tensor_stays_one():
    def configure(self):
        return torch.optim.SGD(self.parameters(), lr=torch.tensor(0.1))

    trainer = d2l_torch.Trainer(2, schedule=lambda epoch, n, lr: lr / (1 + epoch))
    trainer.fit(linear_model(d2l_torch, configure_optimizers=configure), one_step_data(d2l_torch))
    assert float(trainer.optim.param_groups[0]["lr"]) == pytest.approx(0.05)
    assert isinstance(trainer.optim.param_groups[0]["lr"], torch.Tensor)


def test_a_schedule_traces_the_steps_once():
    class Reader(d2l_jax.LinearRegression):
        traced = 0

        def training_step(self, batch):
            type(self).traced += 1
            return super().training_step(batch)

    def traces(epochs, **trainer):
        Reader.traced = 0
        d2l_jax.Trainer(epochs, **trainer).fit(Reader(num_inputs=2, lr=0.1), one_step_data(d2l_jax))
        return Reader.traced

    recipe = {"schedule": d2l_jax.cosine_warmup, "ema_decay": DECAY}
    assert traces(4, **recipe) == traces(1, **recipe) == traces(1) > 0


def test_a_rate_under_a_schedule_of_optax_cannot_be_set():
    def configure(self):
        return optax.inject_hyperparams(optax.sgd)(optax.constant_schedule(0.1))

    model = linear_model(d2l_jax, configure_optimizers=configure)
    with pytest.raises(TypeError, match="must hold a learning rate that a schedule can set"):
        d2l_jax.Trainer(1, schedule=constant).fit(model, one_step_data(d2l_jax))


def test_an_average_needs_the_optimizer_of_the_fit(d2l):
    """Another optimizer in its place keeps none; before a fit there is none."""
    trainer = d2l.Trainer(1, ema_decay=DECAY)
    with pytest.raises(RuntimeError, match="must keep an average of the weights, got none"):
        trainer.ema  # noqa: B018
    model = linear_model(d2l)
    trainer.fit(model, one_step_data(d2l))
    assert trainer.ema.shadow.keys() == d2l.EMA(model).shadow.keys()
    plain = d2l.Trainer(1)
    plain.fit(model, one_step_data(d2l))
    trainer.optim = plain.optim
    with pytest.raises(RuntimeError, match="must keep an average of the weights, got none"):
        trainer.ema  # noqa: B018


def test_optimizers_that_cannot_average():
    model = d2l_torch.LinearRegressionScratch(2, lr=0.1)
    with pytest.raises(TypeError, match=r"must be one of torch.optim .*, got d2l_torch.SGD;"):
        d2l_torch.Trainer(1, ema_decay=DECAY).fit(model, one_step_data(d2l_torch))
    model = linear_model(
        d2l_jax,
        configure_optimizers=lambda self: nnx.Optimizer(self, optax.sgd(0.1), wrt=nnx.Param),
    )
    with pytest.raises(TypeError, match=r"must be an Optax transformation .*, got flax.Optimizer"):
        d2l_jax.Trainer(1, ema_decay=DECAY).fit(model, one_step_data(d2l_jax))


def test_lazy_layers_are_averaged_from_their_first_weights_on():
    class Reader(d2l_torch.Module):
        def __init__(self):
            super().__init__()
            self.lr, self.net = 0.1, torch.nn.LazyLinear(1)

        def training_step(self, batch):  # one of its own, so that nothing is tried before the fit
            return ((self(batch[0]) - batch[1]) ** 2).mean()

        validation_step = training_step

    model = Reader()
    with pytest.raises(ValueError, match="has no shape yet"):
        d2l_torch.EMA(model)
    trainer = d2l_torch.Trainer(1, ema_decay=0)  # the average is the last weight
    trainer.fit(model, one_step_data(d2l_torch))
    np.testing.assert_array_equal(trainer.ema.shadow["net.weight"], model.net.weight.detach())
    trainer = d2l_torch.Trainer(0, ema_decay=DECAY)
    trainer.fit(model, one_step_data(d2l_torch))
    np.testing.assert_array_equal(trainer.ema.shadow["net.weight"], model.net.weight.detach())
