"""A user's script that subclasses the core classes on both backends; mypy and pyright accept it."""

import numpy as np
import torch
from flax import nnx
from jax import Array
from torch import Tensor, nn

import d2l_jax
import d2l_torch


class JaxNet(d2l_jax.Classifier):
    """A perceptron on JAX with a loss of its own."""

    def __init__(self, num_hiddens: int, lr: float = 0.1, rngs: nnx.Rngs | None = None):
        super().__init__()
        self.save_hyperparameters(ignore=["rngs"])
        rngs = rngs or nnx.Rngs(d2l_jax.get_key())
        self.hidden = nnx.Linear(64, num_hiddens, rngs=rngs)
        self.output = nnx.Linear(num_hiddens, 10, rngs=rngs)

    def forward(self, X: Array) -> Array:
        return self.output(nnx.relu(self.hidden(X.reshape(len(X), -1))))

    def loss(self, Y_hat: Array, Y: Array) -> Array:
        return d2l_jax.softmax_cross_entropy(Y_hat, Y)


class TorchNet(d2l_torch.Classifier):
    """The same perceptron on PyTorch."""

    def __init__(self, num_hiddens: int, lr: float = 0.1):
        super().__init__()
        self.save_hyperparameters()
        self.hidden, self.output = nn.Linear(64, num_hiddens), nn.Linear(num_hiddens, 10)

    def forward(self, X: Tensor) -> Tensor:
        return self.output(torch.relu(self.hidden(X.flatten(1))))

    def loss(self, Y_hat: Tensor, Y: Tensor) -> Tensor:
        return d2l_torch.softmax_cross_entropy(Y_hat, Y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Blobs(d2l_torch.DataModule):
    """Ten classes of points."""

    def __init__(self, batch_size: int = 20):
        super().__init__()
        self.save_hyperparameters()

    def get_dataloader(self, train: bool) -> object:
        y = np.arange(100) % 10
        X = np.eye(10, 64)[y].astype(np.float32)
        return self.get_tensorloader((torch.tensor(X), torch.tensor(y)), train)


class Patient(d2l_torch.Trainer):
    """A Trainer that stops early."""

    def should_stop(self, history: d2l_torch.History) -> bool:
        return d2l_torch.out_of_patience(history.val_loss, 2)


def main() -> float:
    """Train, and return the last training loss."""
    trainer = Patient(max_epochs=3)
    history = trainer.fit(TorchNet(num_hiddens=8), Blobs())
    frame = history.to_frame()
    print(frame.tail(1), trainer.history is history)
    return float(history.train_loss[-1])
