"""LeNet in JAX, as a reader of the book writes it. Its twin is `lenet_torch.py`."""

from typing import Any

from flax import nnx
from jax import Array

import d2l_jax as d2l
from benchmarks.tasks import Layers


class LeNet(d2l.Classifier):
    """Convolutional network of section 7.6, for images `(n, 28, 28, 1)`."""

    def __init__(self, lr: float = 0.1, num_classes: int = 10, rngs: Any = None):
        super().__init__()
        self.save_hyperparameters(ignore=["rngs"])
        rngs = rngs or nnx.Rngs(d2l.get_key())
        self.net = nnx.Sequential(
            nnx.Conv(1, 6, kernel_size=(5, 5), padding=2, rngs=rngs),
            nnx.sigmoid,
            lambda X: nnx.avg_pool(X, window_shape=(2, 2), strides=(2, 2)),
            nnx.Conv(6, 16, kernel_size=(5, 5), padding="VALID", rngs=rngs),
            nnx.sigmoid,
            lambda X: nnx.avg_pool(X, window_shape=(2, 2), strides=(2, 2)),
            lambda X: X.reshape(X.shape[0], -1),
            nnx.Linear(400, 120, rngs=rngs),
            nnx.sigmoid,
            nnx.Linear(120, 84, rngs=rngs),
            nnx.sigmoid,
            nnx.Linear(84, num_classes, rngs=rngs),
        )

    def forward(self, X: Array) -> Array:
        """Return the logits `(n, num_classes)`."""
        return self.net(X)


def set_weights(model: LeNet, weights: Layers) -> None:
    """Set the weights of all layers to those of a task."""
    layers = [layer for layer in model.net.layers if hasattr(layer, "kernel")]
    for layer, (W, b) in zip(layers, weights, strict=True):
        layer.kernel[...], layer.bias[...] = W, b
