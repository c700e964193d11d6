"""Models, Trainers, data modules, loaders and histories are pickled and copied, on both alike."""

import copy
import pickle

import numpy as np
import pytest

from tests.support.fits import regression


def by_pickle(x):
    return pickle.loads(pickle.dumps(x))


def on_images(d2l, model):
    """Return a model whose layers know their shapes."""
    model.apply_init([d2l.Digits(batch_size=1, resize=16).val_dataloader().first()[0]])
    return model


COPIES = {"pickle": by_pickle, "deepcopy": copy.deepcopy}
MODELS = {
    "LinearRegressionScratch": lambda d2l: d2l.LinearRegressionScratch(2, 0.1),
    "LinearRegression": lambda d2l: d2l.LinearRegression(num_inputs=2, lr=0.1),
    "WeightDecay": lambda d2l: d2l.WeightDecay(wd=3, lr=0.1, num_inputs=2),
    "SoftmaxRegressionScratch": lambda d2l: d2l.SoftmaxRegressionScratch(64, 10, lr=0.1),
    "SoftmaxRegression": lambda d2l: d2l.SoftmaxRegression(10, lr=0.1, num_inputs=64),
    "MLPScratch": lambda d2l: d2l.MLPScratch(64, 10, 4, lr=0.1),
    "MLP": lambda d2l: d2l.MLP(10, 4, lr=0.1, num_inputs=64),
    "DropoutMLPScratch": lambda d2l: d2l.DropoutMLPScratch(10, 4, 4, 0.5, 0.5, 0.1, num_inputs=64),
    "DropoutMLP": lambda d2l: d2l.DropoutMLP(10, 4, 4, 0.5, 0.5, 0.1, num_inputs=64),
    "BNLeNet": lambda d2l: on_images(d2l, d2l.BNLeNet()),
    "ResNet": lambda d2l: on_images(d2l, d2l.ResNet(((1, 64),))),
    "ConvNeXt": lambda d2l: on_images(d2l, d2l.ConvNeXt(((1, 4),))),
}
DATA = {
    "SyntheticRegressionData": regression,
    "HighDimensionalData": lambda d2l: d2l.HighDimensionalData(8, 8, 20, batch_size=4),
    "PolynomialData": lambda d2l: d2l.PolynomialData(num_train=8, num_val=8),
    "Digits": lambda d2l: d2l.Digits(batch_size=64),
}


def assert_same_weights(d2l, one, other):
    weights = d2l.export_weights(other)
    for name, array in d2l.export_weights(one).items():
        np.testing.assert_array_equal(array, weights[name])


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", MODELS)
def test_models(d2l, name, how):
    model = MODELS[name](d2l)
    assert_same_weights(d2l, COPIES[how](model), model)


@pytest.mark.parametrize("how", COPIES)
def test_a_model_without_shapes_keeps_its_draws(d2l, how):
    model = d2l.LeNet()
    assert type(COPIES[how](model)) is d2l.LeNet
    if d2l.__name__ == "d2l_jax":  # in PyTorch the global generator draws when shapes are known
        X = np.ones((1, 16, 16, 1), np.float32)
        np.testing.assert_array_equal(COPIES[how](model)(X), model(X))


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", DATA)
def test_data_modules_and_their_loaders(d2l, name, how):
    data = DATA[name](d2l)
    list(data.train_dataloader())  # an epoch, which the copy counts, too
    copied = COPIES[how](data)
    ours, theirs = next(iter(data.train_dataloader())), next(iter(copied.train_dataloader()))
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(d2l.numpy(x), d2l.numpy(y))
    loader = COPIES[how](data.val_dataloader())
    for x, y in zip(next(iter(loader)), next(iter(data.val_dataloader())), strict=True):
        np.testing.assert_array_equal(d2l.numpy(x), d2l.numpy(y))


class Batches:
    """The loader of a reader's, a new generator in each epoch."""

    def __init__(self, d2l):
        self.batch = d2l.ones(4, 2), d2l.ones(4, 1)

    def train_dataloader(self):
        yield from [self.batch] * 3

    def val_dataloader(self):
        return None


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("loader", ["tensors", "a reader's"])
def test_trainers_and_their_histories(d2l, loader, how):
    data = regression(d2l, num_train=64, num_val=32) if loader == "tensors" else Batches(d2l)
    trainer = d2l.Trainer(2)
    history = trainer.fit(MODELS["LinearRegression"](d2l), data)
    copied = COPIES[how](trainer)
    np.testing.assert_array_equal(copied.history.train_loss, history.train_loss)
    np.testing.assert_array_equal(COPIES[how](history).train_loss, history.train_loss)
    assert_same_weights(d2l, copied.model, trainer.model)
    assert copied.model.trainer is copied and trainer.model.trainer is trainer
    for each in (copied, trainer):
        each.fit(each.model, data if each is trainer else copy.deepcopy(data))
    assert len(copied.history.train_loss) == len(trainer.history.train_loss)
