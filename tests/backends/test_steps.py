"""Attributes and parameters that a step sets, and what an optimizer gets of them."""

import numpy as np
import pytest
from flax import nnx

from tests.support.fits import TORCH, final_w, model_of, regression


def test_what_a_step_does_to_a_parameter_stays(d2l):
    import jax

    def training_step(self, batch):
        if d2l.__name__ == TORCH:
            self.w.data.clamp_(-0.25, 0.25)
        else:
            w = self.w[...]  # its gradient shall be that of the clamped value, as in PyTorch
            self.w[...] = w + jax.lax.stop_gradient(w.clip(-0.25, 0.25) - w)
        return self.loss(self(batch[0]), batch[1])

    model = model_of(d2l, training_step=training_step)
    d2l.Trainer(max_epochs=2).fit(model, regression(d2l))
    # At most the bound and a step, whose gradient is that of an error of 3 or so.
    assert (np.abs(final_w(d2l, model)) < 0.25 + 0.03 * 10).all()
    assert (np.abs(final_w(d2l, model)) > 0.25).all()


def test_an_optimizer_of_the_readers_own_in_jax():
    import optax

    import d2l_jax as d2l

    def optimizer(wrt):
        return lambda self: nnx.Optimizer(self, optax.sgd(0.1), wrt=wrt)

    data = regression(d2l, num_train=64)
    weights_alone = model_of(d2l, configure_optimizers=optimizer(nnx.PathContains("w")))
    d2l.Trainer(max_epochs=1).fit(weights_alone, data)
    assert d2l.export_weights(weights_alone)["b"] == 0
    assert final_w(d2l, weights_alone)[0] > 0.1
    clipped = model_of(d2l, configure_optimizers=optimizer(nnx.Param))
    d2l.Trainer(max_epochs=1, gradient_clip_val=0.01).fit(clipped, data)
    assert np.abs(final_w(d2l, clipped)).max() <= 2 * 0.1 * 0.01  # two steps


@pytest.mark.parametrize("name", ["training_step", "validation_step"])
def test_an_array_that_a_step_sets_is_carried_from_step_to_step(d2l, name):
    def step(self, batch):
        self.mean = 0.5 * self.mean + 0.5 * batch[0].mean(0)
        return self.loss(self(batch[0]), batch[1])

    data = regression(d2l, num_train=100, num_val=70)
    model = model_of(d2l, **{name: step})
    model.mean = d2l.zeros(2)
    d2l.Trainer(max_epochs=1).fit(model, data)
    expected = np.zeros(2)
    loader = regression(d2l, num_train=100, num_val=70)
    train = name == "training_step"
    for X, _ in loader.train_dataloader() if train else loader.val_dataloader():
        expected = 0.5 * expected + 0.5 * d2l.numpy(X).mean(0)
    np.testing.assert_allclose(d2l.numpy(model.mean), expected, rtol=1e-5)  # float32


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["list", "dict"])
@pytest.mark.parametrize("how", ["in place", "another"])
@pytest.mark.parametrize("validates", [False, True])
def test_arrays_in_a_list_or_dict_are_carried_from_step_to_step(d2l, kind, how, validates):
    """Also past a validation step, which may leave them as they are or set them in its turn."""
    name = 0 if kind == "list" else "mean"

    def average(self, X):
        mean = 0.5 * self.kept[name] + 0.5 * X.mean(0)
        if how == "in place":
            self.kept[name] = mean
        else:
            self.kept = [mean] if kind == "list" else {name: mean}

    def training_step(self, batch):
        average(self, batch[0])
        return self.loss(self(batch[0]), batch[1])

    def validation_step(self, batch):
        if validates:
            average(self, batch[0])
        return self.loss(self(batch[0]), batch[1])

    model = model_of(d2l, training_step=training_step, validation_step=validation_step)
    kept = [d2l.zeros(2)] if kind == "list" else {name: d2l.zeros(2)}
    model.kept = kept if d2l.__name__ == TORCH else nnx.data(kept)
    data, again = (regression(d2l, num_train=100, num_val=70) for _ in range(2))
    d2l.Trainer(max_epochs=2).fit(model, data)
    expected = np.zeros(2)
    for _ in range(2):
        for loader in [again.train_dataloader()] + validates * [again.val_dataloader()]:
            for X, _ in loader:
                expected = 0.5 * expected + 0.5 * d2l.numpy(X).mean(0)
    np.testing.assert_allclose(d2l.numpy(model.kept[name]), expected, rtol=1e-5)  # float32


def test_an_array_of_a_weak_type_is_carried_from_step_to_step_in_jax():
    import jax.numpy as jnp

    import d2l_jax as d2l

    def forward(self, X):
        self.sign = jnp.where(self.sign > 0, -1.0, 1.0)  # a literal is weakly typed
        return X @ self.w[...] + self.b[...]

    model = model_of(d2l, forward=forward)
    model.sign = d2l.ones()
    d2l.Trainer(max_epochs=1).fit(model, regression(d2l, num_train=96, num_val=0))
    assert model.sign == -1


@pytest.mark.parametrize(
    ("old", "words"),
    [
        (0.0, "a step set mean, 0.0, to an array of float32, which each step would read as 0.0; "),
        (np.zeros((), np.int32), "a step set mean, int32, to an array of float32, which each step"),
    ],
)
def test_a_number_that_becomes_an_array_is_an_error_in_jax(old, words):
    import d2l_jax as d2l

    def forward(self, X):
        self.mean = 0.5 * self.mean + X.mean()
        return X @ self.w[...] + self.b[...]

    model = model_of(d2l, forward=forward)
    model.mean = old if isinstance(old, float) else d2l.tensor(old)
    with pytest.raises(TypeError) as caught:
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith("; assign an array of float32 in __init__")


@pytest.mark.parametrize("start", ["None", "another shape"])
def test_what_is_not_carried_from_step_to_step_in_jax(d2l, start):
    """Each JAX step reads the value from before the epoch; PyTorch's reads the last one."""

    def forward(self, X):
        first = self.mean is None or self.mean.shape != (2,)
        self.mean = X.mean(0) if first else 0.5 * self.mean + 0.5 * X.mean(0)
        return d2l.matmul(X, self.w[...]) + self.b[...]

    data, again = (regression(d2l, num_train=64, num_val=0) for _ in range(2))
    model = model_of(d2l, forward=forward)
    model.mean = None if start == "None" else d2l.zeros(3)
    d2l.Trainer(max_epochs=1).fit(model, data)
    first, second = (d2l.numpy(X).mean(0) for X, _ in again.train_dataloader())
    expected = 0.5 * first + 0.5 * second if d2l.__name__ == TORCH else second
    np.testing.assert_allclose(d2l.numpy(model.mean), expected, rtol=1e-5)  # float32


@pytest.mark.parametrize(
    ("held", "change"),
    [
        ([], lambda held, X: held.append(X.mean())),
        ({}, lambda held, X: held.update(a=X.mean())),
        ({}, lambda held, X: held.update(a=1)),
        ({"a": 1}, lambda held, X: held.pop("a")),
        ({"a": []}, lambda held, X: held["a"].append(X.mean())),
    ],
)
def test_a_list_or_dict_that_a_step_changes_in_place_is_an_error_in_jax(held, change):
    import d2l_jax as d2l

    def forward(self, X):
        change(self.held, X)
        return X @ self.w[...] + self.b[...]

    model = model_of(d2l, forward=forward)
    model.held = held
    text = repr(held)
    with pytest.raises(TypeError, match="a step set held, which a compiled step cannot keep"):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))
    assert repr(model.held) == text


def test_an_attribute_that_a_step_deletes_is_an_error_in_jax():
    import d2l_jax as d2l

    def forward(self, X):
        del self.unused
        return X @ self.w[...] + self.b[...]

    model = model_of(d2l, forward=forward)
    model.unused = 1
    with pytest.raises(TypeError, match="a step deleted unused, which a compiled step cannot keep"):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))


@pytest.mark.parametrize("before", ["missing", "None"])
def test_an_array_that_forward_sets_is_there_after_the_epoch(d2l, before):
    """As attention weights are: of another shape for the smaller last minibatch."""

    def forward(self, X):
        self.weights = X * 2
        return d2l.matmul(X, self.w[...]) + self.b[...]

    seen = []

    class Trainer(d2l.Trainer):
        def should_stop(self, history):
            seen.append(d2l.numpy(self.model.weights).copy())
            return False

    data, data_again = (regression(d2l, num_train=64, num_val=40) for _ in range(2))
    model = model_of(d2l, forward=forward)
    if before == "None":
        model.weights = None
    losses = Trainer(max_epochs=2).fit(model, data).train_loss
    plain = d2l.Trainer(max_epochs=2).fit(model_of(d2l), data_again).train_loss
    np.testing.assert_allclose(losses, plain, rtol=1e-6)
    for weights in seen:  # of the last minibatch of the validation, which is not shuffled
        np.testing.assert_allclose(weights, 2 * d2l.numpy(data.X)[64 + 32 :], rtol=1e-6)


def test_another_attribute_that_a_step_sets_is_an_error_in_jax():
    import d2l_jax as d2l

    def count(self, X):
        self.calls = self.calls + 1
        return X @ self.w[...] + self.b[...]

    def sow(self, X):
        self.sow(nnx.Intermediate, "inputs", X)
        return X @ self.w[...] + self.b[...]

    model = model_of(d2l, forward=count)
    model.calls = 0
    with pytest.raises(TypeError, match="a step set calls, which a compiled step cannot keep"):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))

    def warm_up(self, X):
        self._step = getattr(self, "_step", 0) + 1
        return X @ self.w[...] + self.b[...]

    def note(self, X):
        self.seen.append(len(X))
        return X @ self.w[...] + self.b[...]

    model = model_of(d2l, forward=warm_up)
    with pytest.raises(TypeError, match="a step set _step, which a compiled step cannot keep"):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))
    model = model_of(d2l, forward=note)
    model.seen = []
    with pytest.raises(TypeError, match="a step set seen, which a compiled step cannot keep"):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))
    with pytest.raises(TypeError, match="a step created the variable inputs; create it"):
        d2l.Trainer(max_epochs=1).fit(model_of(d2l, forward=sow), regression(d2l))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["polyak_sgd", "lbfgs", "reduce_on_plateau"])
def test_optimizers_that_look_at_the_loss_in_jax(name):
    import optax
    from optax.contrib import reduce_on_plateau

    import d2l_jax as d2l

    tx = {
        "polyak_sgd": lambda: optax.polyak_sgd(1.0),
        "lbfgs": optax.lbfgs,
        "reduce_on_plateau": lambda: optax.chain(optax.sgd(0.1), reduce_on_plateau()),
    }[name]
    model = model_of(d2l, configure_optimizers=lambda self: tx())
    history = d2l.Trainer(max_epochs=3).fit(model, regression(d2l))
    assert history.train_loss[-1] < 0.01 * history.train_loss[0]


def test_an_optimizer_that_needs_a_closure_says_so_in_torch():
    import torch

    import d2l_torch as d2l

    optimizer = lambda self: torch.optim.LBFGS(self.parameters())  # noqa: E731
    model = model_of(d2l, configure_optimizers=optimizer)
    with pytest.raises(TypeError, match="LBFGS computes the loss several times in a step"):
        d2l.Trainer(max_epochs=1).fit(model, regression(d2l))


def test_a_hook_of_a_variable_is_not_applied_to_what_is_kept():
    import d2l_jax as d2l

    class Doubled(d2l.LinearRegressionScratch):
        def __init__(self):
            super().__init__(2, lr=0.0)
            self.w = nnx.Param(d2l.ones(2, 1), on_get_value=lambda variable, value: 2 * value)

    model = Doubled()
    d2l.Trainer(max_epochs=2).fit(model, regression(d2l))
    np.testing.assert_array_equal(model.w.get_raw_value(), np.ones((2, 1)))


def test_the_trainers_optimizer_leaves_clipping_to_the_step():
    """As PyTorch's does: whoever writes the loop clips, and so clips once."""
    import jax

    import d2l_jax as d2l

    model = model_of(d2l)
    trainer = d2l.Trainer(max_epochs=1, gradient_clip_val=0.01)
    trainer.fit(model, regression(d2l, num_train=32))
    params = {"w": d2l.ones(2, 1)}
    updates, _ = trainer.optim.tx.update(params, trainer.optim.tx.init(params))
    np.testing.assert_allclose(jax.tree.leaves(updates)[0], -0.03, rtol=1e-6)
