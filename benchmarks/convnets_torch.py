"""Loop by hand on PyTorch's own layers. Its twin is `convnets_jax.py`."""

import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.tasks import NUM_CLASSES


class Block(nn.Module):
    """Residual block of two convolutions."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.conv3 = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, X: Tensor) -> Tensor:
        """Return `relu(branch(X) + X)`."""
        Y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(X)))))
        return F.relu(Y + self.conv3(X))


def make_net(name: str) -> nn.Module:
    """Return the layers of a model for images with one channel."""
    if name == "ResNet18":
        layers = [nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        inputs = 64
        for outputs in (64, 128, 256, 512):
            stride = 1 if outputs == 64 else 2
            layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
            inputs = outputs
        pool = nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(*layers, pool, nn.Flatten(), nn.Linear(512, NUM_CLASSES))
    is_normalized = name == "BNLeNet"
    norm_2d = nn.BatchNorm2d if is_normalized else lambda _: nn.Identity()
    norm_1d = nn.BatchNorm1d if is_normalized else lambda _: nn.Identity()
    padding, features = (0, 256) if is_normalized else (2, 400)
    layers = [nn.Conv2d(1, 6, 5, padding=padding), norm_2d(6), nn.Sigmoid(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(6, 16, 5), norm_2d(16), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()]
    layers += [nn.Linear(features, 120), norm_1d(120), nn.Sigmoid()]
    layers += [nn.Linear(120, 84), norm_1d(84), nn.Sigmoid(), nn.Linear(84, NUM_CLASSES)]
    return nn.Sequential(*layers)


class Hand:
    """A model and the loop over its minibatches."""

    def __init__(self, name: str, data: Any):
        self.net, self.data = make_net(name), data
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.01)

    def epoch(self) -> float:
        """Train for an epoch and validate; return the seconds."""
        start = time.perf_counter()
        losses, metrics = [], []
        self.net.train()
        for X, y in self.data.train_dataloader():
            loss = F.cross_entropy(self.net(X), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        self.net.eval()
        with torch.no_grad():
            for X, y in self.data.val_dataloader():
                logits = self.net(X)
                accuracy = (logits.argmax(dim=1) == y).float().mean()
                metrics.append(torch.stack([F.cross_entropy(logits, y), accuracy]))
        torch.stack(losses).tolist()
        torch.stack(metrics).tolist()
        return time.perf_counter() - start
