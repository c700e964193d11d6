"""LeNet in PyTorch, as a reader of the book writes it. Its twin is `lenet_jax.py`."""

import torch
from torch import Tensor, nn

import d2l_torch as d2l
from benchmarks.hand_torch import to_torch
from benchmarks.tasks import Layers


class LeNet(d2l.Classifier):
    """Convolutional network of section 7.6, for images `(n, 1, 28, 28)`."""

    def __init__(self, lr: float = 0.1, num_classes: int = 10):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=5, padding=2),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.Sigmoid(),
            nn.Linear(120, 84),
            nn.Sigmoid(),
            nn.Linear(84, num_classes),
        )

    def forward(self, X: Tensor) -> Tensor:
        """Return the logits `(n, num_classes)`."""
        return self.net(X)


def set_weights(model: LeNet, weights: Layers) -> None:
    """Set the weights of all layers to those of a task."""
    layers = [layer for layer in model.net if hasattr(layer, "weight")]
    with torch.no_grad():
        for layer, (W, b) in zip(layers, to_torch(weights), strict=True):
            layer.weight.copy_(W)
            layer.bias.copy_(b)
