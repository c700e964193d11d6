"""Every model of chapters 3 to 5 on its data, made alike for both backends."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optax
import torch

from d2l_common.data.digits import load_digits_images
from d2l_common.data.resize import resize_passes
from d2l_common.weights import initial_weights
from d2l_parity.comparison import Comparison
from d2l_parity.matching import pair
from d2l_parity.passes import without_dropout, zero_model_loss
from d2l_parity.rounding import moved_by_one_ulp
from d2l_parity.runs import train
from d2l_torch.data.resize import resize_images
from parity_tests.support.backends import BACKENDS

NUM_CLASSES = 10


@dataclass(frozen=True)
class Case:
    """
    A model and its data.

    `make_model(d2l)` and `make_data(d2l, seed)`; `scheme` is that of `initial_weights`, and
    `has_relu` says that in float32 the model is chaotic.
    """

    make_model: Callable[[Any], Any]
    make_data: Callable[[Any, int], Any]
    scheme: str = "normal"
    has_relu: bool = False

    def sides(self, data):
        """Return both sides of the comparison."""
        return pair(*(self.make_model(d2l) for d2l in BACKENDS.values()), data)[0]

    def initial_weights(self, shapes, seed):
        """Return the weights, `{name: array}`, from which both backends start."""
        return initial_weights(shapes, seed, self.scheme)

    def mask_plan(self, sides, data, weights):
        """Return the plan of the dropout masks."""
        return without_dropout(sides, data, weights)[1]

    def compare(self, dtype, epochs, seed=0, clip=0, nudges=0):
        """Train on both backends from equal weights on equal minibatches; see `Comparison`."""

        def data(d2l):
            return self.make_data(d2l, seed)

        sides = self.sides(data)
        weights = self.initial_weights(sides["torch"].shapes, seed)
        plan = self.mask_plan(sides, data, weights)

        def run(backend, weights, **options):
            return train(sides[backend], data, weights, dtype, epochs, clip, plan=plan, **options)

        # PyTorch compiles nothing, so a further run there takes the least time.
        moved = [moved_by_one_ulp(weights, dtype, seed) for seed in range(nudges)]
        return Comparison(
            dtype,
            run("jax", weights),
            run("torch", weights),
            {"torch": [run("torch", start, keep=False) for start in moved]} if nudges else {},
            zero_model_loss(sides["torch"], data, weights),
        )


def regression_data(d2l, seed):
    return d2l.SyntheticRegressionData(w=d2l.tensor([2, -3.4]), b=4.2, seed=seed)


def decay_data(d2l, seed):
    return d2l.HighDimensionalData(20, 100, 200, batch_size=8, seed=seed)


def digits(d2l, seed):
    return d2l.Digits(batch_size=100, seed=seed)  # 1,437 training images: a ragged last batch


def digits_600(d2l, seed):
    """Return 500 and 100 images of `Digits`; the last minibatch is smaller."""
    data = d2l.Digits(batch_size=64, seed=seed)
    parts = zip(load_digits_images(), (500, 100), strict=True)
    return with_images(data, *((X[:n], y[:n].astype(np.int32)) for (X, y), n in parts))


def images_60000(d2l, seed=0):
    """Return 60,000 and 10,000 images of full size."""
    data = d2l.Digits(batch_size=256, resize=(28, 28), seed=seed)
    return with_images(data, *grown_digits(60_000, 10_000))


@functools.cache
def grown_digits(*numbers):
    """Return so many images of 28 x 28 and their labels, made from digits by noise and shifts."""
    rng = np.random.default_rng(0)

    def grow(images, labels, n):
        passes = resize_passes(images.shape[1:], 28)
        images = resize_images(torch.from_numpy(images), passes).numpy()
        rows = rng.integers(0, len(images), n)
        blocks = zip(np.array_split(images[rows], 7), range(-3, 4), strict=True)
        grown = np.concatenate([np.roll(block, shift, axis=(1, 2)) for block, shift in blocks])
        # More noise than this makes training chaotic from the first epoch on.
        noise = rng.integers(0, 32, grown.shape, np.uint8)
        return (0.8 * grown).astype(np.uint8) + noise, labels[rows].astype(np.int32)

    return [grow(*part, n) for part, n in zip(load_digits_images(), numbers, strict=True)]


def with_images(data, *parts):
    """Return a data module with other images and labels for training and for validation."""
    for name, part in zip(("train", "val"), parts, strict=True):
        kept = getattr(data, name)
        setattr(data, name, part if isinstance(kept, tuple) else type(kept)(*part))
    return data


def softmax_regression(lr, pixels):
    return lambda d2l: d2l.SoftmaxRegression(NUM_CLASSES, lr=lr, num_inputs=pixels)


def mlp(hiddens, lr, pixels):
    return lambda d2l: d2l.MLP(NUM_CLASSES, hiddens, lr=lr, num_inputs=pixels)


def dropout(name, lr=0.2):
    return lambda d2l: getattr(d2l, name)(NUM_CLASSES, 32, 16, 0.5, 0.3, lr=lr, num_inputs=64)


def with_momentum(d2l):
    """Return a perceptron whose optimizer keeps a state from one step to the next."""

    class Momentum(d2l.MLP):
        def configure_optimizers(self):
            if d2l is BACKENDS["jax"]:
                return optax.sgd(self.lr, momentum=0.9)
            return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)

    return Momentum(NUM_CLASSES, 32, lr=0.1, num_inputs=64)


CASES = {
    "linear regression scratch": Case(
        lambda d2l: d2l.LinearRegressionScratch(num_inputs=2, lr=0.03), regression_data
    ),
    "linear regression": Case(
        lambda d2l: d2l.LinearRegression(num_inputs=2, lr=0.03), regression_data
    ),
    "polynomial": Case(
        lambda d2l: d2l.LinearRegression(num_inputs=4, lr=0.01),
        lambda d2l, seed: d2l.PolynomialData(seed=seed),
    ),
    "weight decay scratch": Case(
        lambda d2l: d2l.WeightDecayScratch(num_inputs=200, lambd=3, lr=0.01), decay_data
    ),
    "weight decay": Case(lambda d2l: d2l.WeightDecay(wd=3, lr=0.01, num_inputs=200), decay_data),
    "softmax regression scratch": Case(
        lambda d2l: d2l.SoftmaxRegressionScratch(64, NUM_CLASSES, lr=0.5), digits
    ),
    "softmax regression": Case(softmax_regression(lr=0.5, pixels=64), digits),
    "MLP scratch": Case(
        lambda d2l: d2l.MLPScratch(64, NUM_CLASSES, 32, lr=0.5), digits, "he", has_relu=True
    ),
    "MLP": Case(mlp(32, lr=0.5, pixels=64), digits, "he", has_relu=True),
    "momentum": Case(with_momentum, digits, "he", has_relu=True),
    "dropout scratch": Case(dropout("DropoutMLPScratch"), digits, "he", has_relu=True),
    "dropout": Case(dropout("DropoutMLP"), digits, "he", has_relu=True),
}
