"""Layers learn their number of inputs from a minibatch, in each way that one can be given."""

import copy
import re

import jax
import numpy as np
import pytest
from flax import nnx
from jax import numpy as jnp

import d2l_jax
import d2l_torch
from d2l_jax.nn.lazy import Lazy, lazy_layers


class Data:
    """Mixin of a data module with images of two channels, 16 x 16."""

    def get_dataloader(self, train):
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((8, 16, 16, 2)), rng.integers(0, 10, 8)
        X = X if isinstance(self, d2l_jax.DataModule) else np.moveaxis(X, -1, 1).copy()
        return self.loader_of((X, y), train)


def make_data(d2l, of_the_reader=False):
    def loader_of(self, arrays, train):
        if of_the_reader:
            return [(arrays[0][i : i + 4], arrays[1][i : i + 4]) for i in (0, 4)]
        return self.get_tensorloader(arrays, train)

    return type("Images", (Data, d2l.DataModule), {"loader_of": loader_of, "batch_size": 4})()


def first_inputs(d2l):
    return make_data(d2l).train_dataloader().first()[0]


def fit(d2l, model):
    d2l.Trainer(1).fit(model, make_data(d2l))


def fit_a_loader_of_the_reader(d2l, model):
    d2l.Trainer(1).fit(model, make_data(d2l, of_the_reader=True))


def import_weights(d2l, model):
    known = d2l.LeNet()
    known(first_inputs(d2l))
    d2l.import_weights(model, d2l.export_weights(known))


WAYS = {
    "a call": lambda d2l, model: model(first_inputs(d2l)),
    "apply_init": lambda d2l, model: model.apply_init([first_inputs(d2l)]),
    "layer_summary": lambda d2l, model: model.layer_summary(first_inputs(d2l).shape),
    "import_weights": import_weights,
    "fit": fit,
    "fit, a loader of the reader's": fit_a_loader_of_the_reader,
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_gives_layers_their_shape(d2l, way):
    model = d2l.LeNet(lr=0.0)
    with pytest.raises(ValueError, match="no shape yet"):
        d2l.export_weights(model)
    WAYS[way](d2l, model)
    weights = d2l.export_weights(model)
    assert weights["net.0.weight"].shape == (6, 2, 5, 5)
    assert weights["net.7.weight"].shape == (120, 16 * 2 * 2)
    assert model(first_inputs(d2l)).shape == (1, 10)


MODELS = {
    "MLP": lambda d2l, n: d2l.MLP(3, 4, 0.1, n),
    "DropoutMLP": lambda d2l, n: d2l.DropoutMLP(3, 4, 4, 0.0, 0.0, 0.1, n),
    "DropoutMLPScratch": lambda d2l, n: d2l.DropoutMLPScratch(3, 4, 4, 0.0, 0.0, 0.1, n),
    "SoftmaxRegression": lambda d2l, n: d2l.SoftmaxRegression(3, 0.1, n),
    "LinearRegression": lambda d2l, n: d2l.LinearRegression(lr=0.1, num_inputs=n),
    "WeightDecay": lambda d2l, n: d2l.WeightDecay(3, 0.1, n),
}


def losses_of_a_fit(d2l, name, model):
    """Return the losses of two epochs on six examples of five features."""
    X = d2l.tensor(np.linspace(0, 1, 30, dtype=np.float32).reshape(6, 5))
    y = [[i] for i in range(6)] if name in ("LinearRegression", "WeightDecay") else [0, 1, 2] * 2
    y = d2l.tensor(np.array(y, np.float32 if isinstance(y[0], list) else np.int32))
    loader = lambda self, train: self.get_tensorloader((X, y), train)  # noqa: E731
    data = type("Vectors", (d2l.DataModule,), {"get_dataloader": loader, "batch_size": 4})()
    return d2l.Trainer(max_epochs=2).fit(model, data).train_loss


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_vectors_learns_its_number_of_inputs_from_a_fit(d2l, name):
    model = MODELS[name](d2l, None)
    with pytest.raises(ValueError, match="no shape yet"):
        d2l.export_weights(model)
    losses_of_a_fit(d2l, name, model)
    known = d2l.export_weights(MODELS[name](d2l, 5))
    learned = d2l.export_weights(model)
    assert {k: x.shape for k, x in learned.items()} == {k: x.shape for k, x in known.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_fit_depends_on_the_weights_and_not_on_how_inputs_are_given(name):
    weights, losses = d2l_torch.export_weights(MODELS[name](d2l_torch, 5)), []
    for d2l in (d2l_torch, d2l_jax):
        for num_inputs in (5, None):
            model = MODELS[name](d2l, num_inputs)
            d2l.import_weights(model, weights)
            losses.append(losses_of_a_fit(d2l, name, model))
    # Four steps, each with sums of few numbers.
    np.testing.assert_allclose(losses[1:], losses[:1] * 3, rtol=1e-5)


def test_weights_do_not_depend_on_the_way_in_jax():
    """Each layer draws from a key of its own, which is fixed when the model is made."""
    weights = []
    for way in WAYS:
        model = d2l_jax.LeNet(lr=0.0, rngs=nnx.Rngs(3))
        if way == "import_weights":
            continue
        WAYS[way](d2l_jax, model)
        weights.append(d2l_jax.export_weights(model))
    for other in weights[1:]:
        for name, array in weights[0].items():
            np.testing.assert_array_equal(array, other[name])


def test_copies_draw_the_same_weights_in_jax():
    model = d2l_jax.LeNet()
    other = copy.deepcopy(model)
    X = first_inputs(d2l_jax)
    np.testing.assert_array_equal(model(X), other(X))


def test_a_failed_import_leaves_a_lazy_model_as_it_is(d2l):
    model, known = d2l.LeNet(), d2l.LeNet(num_classes=3)
    known(first_inputs(d2l))
    with pytest.raises(ValueError, match=re.escape("weights['net.11.")):
        d2l.import_weights(model, d2l.export_weights(known))
    with pytest.raises(ValueError, match="no shape yet"):
        d2l.export_weights(model)


def test_the_first_call_must_be_outside_compiled_functions_in_jax():
    model, X = d2l_jax.LeNet(), jnp.ones((1, 16, 16, 1))
    with pytest.raises(RuntimeError, match="first call, which must be outside compiled"):
        jax.jit(lambda X: model(X))(X)
    assert lazy_layers(model)  # and nothing has changed
    expected = model(X)
    np.testing.assert_allclose(jax.jit(lambda X: model(X))(X), expected, atol=1e-6)


def test_a_layer_that_the_model_does_not_use_stays_lazy_in_jax():
    model = d2l_jax.LeNet()
    model.unused = Lazy(nnx.Linear)
    model.apply_init([jnp.ones((1, 16, 16, 1))])
    assert list(lazy_layers(model)) == [("unused",)]


def test_learning_shapes_changes_nothing_else(d2l):
    """Neither running averages nor the random streams move."""

    class Net(d2l.BNLeNet):
        pass

    model = Net()
    model.apply_init([first_inputs(d2l)])
    weights = d2l.export_weights(model)
    assert not weights["net.1.running_mean"].any() and (weights["net.1.running_var"] == 1).all()


def test_a_prepare_batch_may_read_the_model(d2l):
    """Also the first time, when the layers do not have their shapes yet."""

    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            assert self.model.trainer is self
            return super().prepare_batch(batch)

    Trainer(1).fit(d2l.LeNet(lr=0.0), make_data(d2l))


@pytest.mark.parametrize("of_the_reader", [False, True])
def test_an_average_is_there_from_the_start_of_a_fit(d2l, of_the_reader):
    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            self.first = self.ema.shadow
            super().fit_epoch()

    trainer = Trainer(1, ema_decay=0.5)
    trainer.fit(d2l.LeNet(lr=0.1), make_data(d2l, of_the_reader))
    assert trainer.first.keys() == trainer.ema.shadow.keys()
    assert any(bool((x != trainer.first[k]).any()) for k, x in trainer.ema.shadow.items())


def test_what_needs_weights_refuses_a_lazy_model(d2l, tmp_path):
    for save in (d2l.EMA, lambda model: d2l.save_checkpoint(tmp_path / "a", model, None, 0)):
        with pytest.raises(ValueError, match=r"net.0.weight has no shape yet; call the model on"):
            save(d2l.LeNet())
    assert not (tmp_path / "a").exists()


def test_a_layer_that_only_the_step_uses_in_torch():
    class Reader(d2l_torch.LeNet):
        def __init__(self):
            super().__init__()
            self.head = d2l_torch.LeNet().net[0]

    with pytest.raises(ValueError, match=r"head.weight has no shape yet; call the model on a"):
        fit(d2l_torch, Reader())


@pytest.mark.slow
def test_a_comparison_gives_layers_their_shape():
    from d2l_parity import compare

    models = d2l_jax.LeNet(), d2l_torch.LeNet()
    report = compare(*models, make_data, dtypes=["float64"], nudges=0)
    assert report.agree, report


def test_a_readers_prepare_model_comes_before_the_shapes():
    """It may choose the precision."""
    import d2l_torch as d2l

    class Trainer(d2l.Trainer):
        def prepare_model(self, model):
            model.double()
            super().prepare_model(model)

        def prepare_batch(self, batch):
            X, y = super().prepare_batch(batch)
            return X.double(), y

    model = d2l.SoftmaxRegression(10, lr=0.1)
    Trainer(max_epochs=1).fit(model, d2l.Digits(batch_size=500))
    assert model.net[-1].weight.dtype == d2l.float64
