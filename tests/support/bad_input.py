"""The table of bad input: an expression a row, with the error that both backends raise."""

from pathlib import Path

import jax
import numpy as np
import torch

TABLE = Path(__file__).with_suffix(".txt")
X = np.arange(8, dtype=np.float32).reshape(4, 2) / 8
Y = np.ones((4, 1), np.float32)


def rows():
    """Return `{expression: error}` of the table, an error as `TypeError: what it says`."""
    lines = [line for line in TABLE.read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split("  ->  ") for line in lines)


class Endless:
    """A loader of two minibatches, by its length, that never ends."""

    def __len__(self):
        return 2

    def __iter__(self):
        while True:
            yield X, Y


def names(d2l):
    """Return the names that the expressions use, for a backend."""
    framework = torch if d2l.__name__ == "d2l_torch" else jax.numpy
    return {
        "d": d2l,
        "t": d2l.tensor,
        "o": d2l.ones,
        "np": np,
        "nan": float("nan"),
        "inf": float("inf"),
        "i8": framework.int8,
        "u8": framework.uint8,
        "M": d2l.ones(2, 3),
        "P": d2l.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]),
        "L": d2l.tensor([0, 2]),
        "N": d2l.tensor([1, 2]),
        "W": {"W1": d2l.ones(1, 1), "W2": d2l.ones(1, 1)},
        "X": X.copy(),
        "y": Y.copy(),
        "Endless": Endless,
        "reg": regression,
        "lin": linear_model,
        "soft": classifier,
        "data": arrays,
        "batches": batches,
        "loader": loader,
        "fit": fit,
        "changed": changed,
    }


def regression(d2l, **keywords):
    few = {"num_train": 4, "num_val": 4, "batch_size": 4}
    return d2l.SyntheticRegressionData(d2l.tensor([2.0, -3.4]), 4.2, **few | keywords)


def linear_model(d2l):
    return d2l.LinearRegressionScratch(2, 0.1)


def classifier(d2l, **attributes):
    """Return a softmax regression of a reader's, with these methods."""
    return type("Reader", (d2l.SoftmaxRegression,), attributes)(3, 0.1, num_inputs=2)


def arrays(d2l, X, y):
    """Return a data module of a reader's with these arrays, in one minibatch."""
    return type(
        "Data", (d2l.DataModule,), {"get_dataloader": lambda s, train: loader(d2l, (X, y))}
    )()


def loader(d2l, tensors, batch_size=4, **keywords):
    if isinstance(tensors, tuple):
        tensors = tuple(np.array(x) if isinstance(x, list) else x for x in tensors)
    module = type("Data", (d2l.DataModule,), {"batch_size": batch_size})()
    return module.get_tensorloader(tensors, False, **keywords)


def batches(d2l, minibatches):
    return type("Data", (d2l.DataModule,), {"get_dataloader": lambda s, train: minibatches})()


def fit(d2l, model, data):
    return d2l.Trainer(1).fit(model, data)


def changed(model, **attributes):
    """Return `model` with these attributes."""
    for name, value in attributes.items():
        setattr(model, name, value)
    return model
