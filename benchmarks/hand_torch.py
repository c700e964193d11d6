"""Loop by hand in PyTorch, written for the tasks alone. Its twin is `hand_jax.py`."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.tasks import KERNEL, SIDE, Layers, Task

PIXEL_SCALE = 1 / 255


class Hand:
    """
    Loop for one task, with its data on the device.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task):
        self.task = task
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if task.as_list:
            self.train, self.val = [
                [self.to_device(X, y) for X, y in part] for part in task.lists()
            ]
        else:
            self.train, self.val = [self.to_device(X, y) for X, y in task.data()]

    def to_device(self, X: np.ndarray, y: np.ndarray) -> tuple[Tensor, ...]:
        """Return a minibatch as tensors on the device."""
        return tuple(tensor.to(self.device) for tensor in to_tensors(X, y))

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """Train from the initial weights; return first loss and counted seconds."""
        net = network(self.task).to(self.device)
        optimizer = torch.optim.SGD(net.parameters(), self.task.lr)
        seconds, losses = [], []
        for epoch in range(uncounted + counted):
            start = time.perf_counter()
            order = torch.from_numpy(self.task.order(epoch)).to(self.device)
            batches = self.minibatches(self.train, order)
            losses.append(fit(self.task, net, optimizer, batches).cpu().numpy())
            evaluate(self.task, net, self.minibatches(self.val)).cpu().numpy()
            seconds.append(time.perf_counter() - start)
        loss = float(np.average(losses[0], weights=self.task.sizes()))
        return {"seconds": seconds[uncounted:], "loss": loss}

    def minibatches(self, part: Any, order: Tensor | None = None) -> Iterator[Any]:
        """Yield the minibatches of an epoch, in the given order unless they are a list."""
        size = self.task.batch_size
        if self.task.as_list:
            yield from part
        elif order is None:
            yield from zip(*(x.split(size) for x in part), strict=True)
        else:
            for rows in order.split(size):
                yield tuple(x.index_select(0, rows) for x in part)


def to_tensors(X: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return examples as rows and targets; labels as the int64 that the loss requires."""
    targets = torch.from_numpy(y)
    return torch.from_numpy(X).flatten(
        1
    ), targets if targets.is_floating_point() else targets.long()


def to_torch(weights: Layers) -> list[tuple[Tensor, Tensor]]:
    """Return the weights of a task in PyTorch's layout, whose inputs begin with the channels."""
    layers = []
    channels = 1
    for W, b in weights:
        if W.ndim == 4:
            channels, W = W.shape[-1], W.transpose(3, 2, 0, 1)
        else:
            side = math.isqrt(W.shape[0] // channels)
            if channels > 1:
                W = W.reshape(side, side, channels, -1).transpose(2, 0, 1, 3).reshape(W.shape)
            channels, W = 1, W.T
        layers.append((torch.from_numpy(W.copy()), torch.from_numpy(b)))
    return layers


def network(task: Task) -> nn.Sequential:
    """Return the model with its initial weights."""
    activation = nn.Sigmoid if task.channels else nn.ReLU
    layers: list[nn.Module] = [nn.Unflatten(1, (1, SIDE, SIDE))] if task.channels else []
    for i, (W, b) in enumerate(to_torch(task.weights())):
        is_convolution = i < len(task.channels)
        layer: Any
        if is_convolution:
            layer = nn.Conv2d(W.shape[1], W.shape[0], KERNEL, padding=0 if i else 2)
        else:
            layer = nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            layer.weight.copy_(W)
            layer.bias.copy_(b)
        layers += [layer, activation()]
        if is_convolution:
            layers.append(nn.AvgPool2d(2, 2))
        elif task.dropout:
            layers.append(nn.Dropout(task.dropout))
        if i == len(task.channels) - 1:
            layers.append(nn.Flatten())
    return nn.Sequential(*layers[: -2 if task.dropout else -1])  # outputs have no activation


def forward(net: nn.Module, X: Tensor) -> Tensor:
    """Return the outputs."""
    return net(X.float() * PIXEL_SCALE if X.dtype == torch.uint8 else X)


def loss(task: Task, y_hat: Tensor, y: Tensor) -> Tensor:
    """Return the mean squared error, or the mean cross-entropy of logits."""
    if task.is_regression:
        return nn.functional.mse_loss(y_hat, y)
    return nn.functional.cross_entropy(y_hat, y)


def fit(task: Task, net: nn.Module, optimizer: torch.optim.SGD, batches: Iterator[Any]) -> Tensor:
    """Train for an epoch; return the loss of each step."""
    net.train()
    losses = []
    for X, y in batches:
        value = loss(task, forward(net, X), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.detach())
    return torch.stack(losses)


@torch.inference_mode()
def evaluate(task: Task, net: nn.Module, batches: Iterator[Any]) -> Tensor:
    """Return loss and accuracy of each minibatch."""
    net.eval()
    metrics = []
    for X, y in batches:
        y_hat = forward(net, X)
        metrics.append(loss(task, y_hat, y))
        if not task.is_regression:
            metrics.append((y_hat.argmax(dim=1) == y).float().mean())
    return torch.stack(metrics)
