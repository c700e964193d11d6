"""A run with all that a checkpoint must hold: dropout, moments, shuffling, a reader's loader."""

import random

import numpy as np
import optax
import torch
from flax import nnx

import d2l_jax


def network(d2l, optimizer="plain"):
    """Return a classifier with batch normalization, dropout and this optimizer; or a plain one."""
    is_jax = d2l is d2l_jax
    if optimizer == "plain":
        torch.manual_seed(5)
        rngs = {"rngs": nnx.Rngs(5)} if is_jax else {}
        return d2l.SoftmaxRegression(3, lr=0.05, num_inputs=6, **rngs)

    class Network(d2l.Classifier):
        def __init__(self, lr=0.05):
            super().__init__()
            self.save_hyperparameters()
            if is_jax:
                rngs = nnx.Rngs(5)
                self.net = nnx.Sequential(
                    nnx.Linear(6, 8, rngs=rngs),
                    nnx.BatchNorm(8, momentum=0.9, rngs=rngs),
                    nnx.relu,
                    nnx.Dropout(0.5, rngs=rngs),
                    nnx.Linear(8, 3, rngs=rngs),
                )
                return
            torch.manual_seed(5)
            self.net = torch.nn.Sequential(
                torch.nn.LazyLinear(8),
                torch.nn.BatchNorm1d(8),
                torch.nn.ReLU(),
                torch.nn.Dropout(0.5),
                torch.nn.Linear(8, 3),
            )

        def configure_optimizers(self):
            params = () if is_jax else self.parameters()
            return OPTIMIZERS[optimizer][not is_jax](self.lr, params)

    return Network()


OPTIMIZERS = {
    "sgd": (lambda lr, _: optax.sgd(lr), lambda lr, params: torch.optim.SGD(params, lr)),
    "momentum": (
        lambda lr, _: optax.sgd(lr, momentum=0.9),
        lambda lr, params: torch.optim.SGD(params, lr, momentum=0.9),
    ),
    "adam": (
        lambda lr, _: optax.inject_hyperparams(optax.adam)(lr),
        lambda lr, params: torch.optim.Adam(params, lr),
    ),
    "adamw": (
        lambda lr, _: optax.adamw(lr, weight_decay=0.01),
        lambda lr, params: torch.optim.AdamW(params, lr, weight_decay=0.01),
    ),
    "rmsprop": (
        lambda lr, _: optax.rmsprop(lr),
        lambda lr, params: torch.optim.RMSprop(params, lr),
    ),
}


def data_of(d2l, loader="tensors", num=50):
    """Return a data module of 50 examples; its loader is the library's, or shuffles by itself."""

    class Data(d2l.DataModule):
        batch_size = 16

        def get_dataloader(self, train):
            rng = np.random.default_rng(0)
            X = rng.standard_normal((num, 6))
            y = X[:, :3].argmax(axis=1)
            if loader == "tensors" or not train:
                return self.get_tensorloader((X, y), train)
            return self.shuffled(X, y)

        def shuffled(self, X, y):
            rows = list(range(num))
            random.shuffle(rows)
            np.random.shuffle(rows)  # noqa: NPY002  # as the book's cells do
            for i in range(0, num, self.batch_size):
                yield X[rows[i : i + 16]], y[rows[i : i + 16]]

    return Data()


def fit(d2l, folder, epochs=4, optimizer="plain", loader="tensors", resume=False, **trainer):
    """Return the Trainer after a fit that writes checkpoints, as a new process would make it."""
    random.seed(2)
    np.random.seed(2)  # noqa: NPY002
    kind = type("Stopped", (d2l.Trainer,), {"fit_epoch": trainer.pop("fit_epoch", None)})
    kind = kind if vars(kind)["fit_epoch"] else d2l.Trainer
    result = kind(epochs, checkpoint=folder, **trainer)
    try:
        result.fit(network(d2l, optimizer), data_of(d2l, loader), resume=resume)
    except KeyboardInterrupt:
        assert kind is not d2l.Trainer
    return result


def stopped_after(d2l, epochs):
    """Return a `fit_epoch` that is interrupted after so many epochs."""

    def fit_epoch(self):
        if self.epoch == epochs:
            raise KeyboardInterrupt
        d2l.Trainer.fit_epoch(self)

    return fit_epoch


def ending(d2l, trainer):
    """Return the bits of a run's end by name; seconds left out."""
    arrays = dict(d2l.export_weights(trainer.model))
    history = trainer.history
    arrays |= {label: history[label] for label in history.labels()}
    arrays |= {"sizes": history.batch_sizes, "epochs": history.epoch_train_loss}
    arrays |= {f"board {k}": np.array(x) for k, x in trainer.model.board.data.items()}
    return {name: (x.shape, x.tobytes()) for name, x in arrays.items()}
