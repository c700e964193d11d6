"""THE loop by hand in PyTorch: what one writes for one model alone. Its twin is `hand_jax.py`."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.tasks import Task

PIXEL_SCALE = 1 / 255


class Hand:
    """
    The loop for one task, its data on the device.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task):
        self.task = task
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.train, self.val = [
            [tensor.to(self.device) for tensor in to_tensors(task, X, y)] for X, y in task.data()
        ]

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """Train from the beginning; return the first epoch's loss and the counted seconds."""
        net = network(self.task).to(self.device)
        optimizer = torch.optim.SGD(net.parameters(), self.task.lr)
        seconds, losses = [], []
        for epoch in range(uncounted + counted):
            start = time.perf_counter()
            order = torch.from_numpy(self.task.order(epoch)).to(self.device)
            losses.append(fit(self.task, net, optimizer, *self.train, order).cpu().numpy())
            evaluate(self.task, net, *self.val).cpu().numpy()
            seconds.append(time.perf_counter() - start)
        n, size = self.task.num_train, self.task.batch_size
        sizes = [min(size, n - first) for first in range(0, n, size)]
        return {"seconds": seconds[uncounted:], "loss": float(np.average(losses[0], weights=sizes))}


def to_tensors(task: Task, X: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return examples as rows, images as uint8, and labels as the int64 that the loss wants."""
    targets = torch.from_numpy(y)
    return torch.from_numpy(X).flatten(1), targets if task.is_regression else targets.long()


def network(task: Task) -> nn.Sequential:
    """Return the model with its initial weights."""
    layers: list[nn.Module] = []
    for W, b in task.weights():
        layer = nn.Linear(*W.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W.T))
            layer.bias.copy_(torch.from_numpy(b))
        layers += [layer, nn.ReLU()]
        if task.dropout:
            layers.append(nn.Dropout(task.dropout))
    return nn.Sequential(*layers[: -2 if task.dropout else -1])  # the last layer's outputs stay


def forward(task: Task, net: nn.Module, X: Tensor) -> Tensor:
    """Return the outputs."""
    return net(X if task.is_regression else X.float() * PIXEL_SCALE)


def loss(task: Task, y_hat: Tensor, y: Tensor) -> Tensor:
    """Return the mean squared error, or the mean cross-entropy of logits."""
    if task.is_regression:
        return nn.functional.mse_loss(y_hat, y)
    return nn.functional.cross_entropy(y_hat, y)


def fit(
    task: Task, net: nn.Module, optimizer: torch.optim.SGD, X: Tensor, y: Tensor, order: Tensor
) -> Tensor:
    """Train for an epoch; return the loss of each step."""
    net.train()
    losses = []
    for rows in order.split(task.batch_size):
        value = loss(task, forward(task, net, X.index_select(0, rows)), y.index_select(0, rows))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.detach())
    return torch.stack(losses)


@torch.inference_mode()
def evaluate(task: Task, net: nn.Module, X: Tensor, y: Tensor) -> Tensor:
    """Return loss and accuracy of each minibatch."""
    net.eval()
    metrics = []
    for inputs, targets in zip(X.split(task.batch_size), y.split(task.batch_size), strict=True):
        y_hat = forward(task, net, inputs)
        metrics.append(loss(task, y_hat, targets))
        if not task.is_regression:
            metrics.append((y_hat.argmax(dim=1) == targets).float().mean())
    return torch.stack(metrics)
