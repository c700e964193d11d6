"""Loop by hand on Flax NNX's own layers. Its twin is `convnets_torch.py`."""

import time
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from benchmarks.tasks import NUM_CLASSES


class Block(nnx.Module):
    """Residual block of two convolutions."""

    def __init__(self, inputs: int, outputs: int, stride: int, rngs: nnx.Rngs):
        conv = partial(nnx.Conv, rngs=rngs)
        self.conv1 = conv(inputs, outputs, (3, 3), stride, padding=1)
        self.conv2 = conv(outputs, outputs, (3, 3), padding=1)
        self.bn1, self.bn2 = norm(outputs, rngs=rngs), norm(outputs, rngs=rngs)
        self.conv3 = conv(inputs, outputs, (1, 1), stride) if stride > 1 else None

    def __call__(self, X: Array) -> Array:
        """Return `relu(branch(X) + X)`."""
        Y = self.bn2(self.conv2(nnx.relu(self.bn1(self.conv1(X)))))
        return nnx.relu(Y + (X if self.conv3 is None else self.conv3(X)))


norm = partial(nnx.BatchNorm, momentum=0.9, use_fast_variance=False)


def make_net(name: str) -> nnx.Sequential:
    """Return the layers of a model for images with one channel."""
    rngs = nnx.Rngs(0)
    conv, linear = partial(nnx.Conv, rngs=rngs), partial(nnx.Linear, rngs=rngs)
    if name == "ResNet18":
        pool = partial(nnx.max_pool, window_shape=(3, 3), strides=(2, 2), padding=[(1, 1)] * 2)
        layers = [conv(1, 64, (7, 7), 2, padding=3), norm(64, rngs=rngs), nnx.relu, pool]
        inputs = 64
        for outputs in (64, 128, 256, 512):
            stride = 1 if outputs == 64 else 2
            layers += [Block(inputs, outputs, stride, rngs), Block(outputs, outputs, 1, rngs)]
            inputs = outputs
        return nnx.Sequential(*layers, lambda X: X.mean(axis=(1, 2)), linear(512, NUM_CLASSES))
    pool = partial(nnx.avg_pool, window_shape=(2, 2), strides=(2, 2))
    is_normalized = name == "BNLeNet"

    def after(features: int) -> list[Any]:
        return [*([norm(features, rngs=rngs)] if is_normalized else []), nnx.sigmoid]

    padding, features = (0, 256) if is_normalized else (2, 400)
    layers = [conv(1, 6, (5, 5), padding=padding), *after(6), pool]
    layers += [conv(6, 16, (5, 5), padding="VALID"), *after(16), pool]
    layers += [lambda X: X.reshape(len(X), -1), linear(features, 120), *after(120)]
    layers += [linear(120, 84), *after(84), linear(84, NUM_CLASSES)]
    return nnx.Sequential(*layers)


class Hand:
    """A model and the loop over its minibatches, with a compiled step."""

    def __init__(self, name: str, data: Any):
        graphdef, *self.state = nnx.split(make_net(name), nnx.Param, ...)
        train, val = data.train_dataloader(), data.val_dataloader()
        self.loaders = train, val
        self.arrays = [jax.tree.map(jnp.asarray, loader.arrays) for loader in self.loaders]

        def loss_of(params: Any, rest: Any, batch: Any, train: bool) -> Any:
            X, y = batch
            net = nnx.merge(graphdef, params, rest, copy=True)
            net.train() if train else net.eval()
            logits = net(X)
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
            rest = nnx.as_pure(nnx.state(net, nnx.Not(nnx.Param)))
            return loss, (rest, jnp.mean(logits.argmax(axis=1) == y))

        @jax.jit
        def step(state: Any, arrays: Any, rows: Array) -> Any:
            params, rest = state
            batch = train_loader.gather(arrays, rows)
            grad = jax.value_and_grad(loss_of, has_aux=True)
            (loss, (rest, _)), grads = grad(params, rest, batch, True)
            return [jax.tree.map(lambda w, g: w - 0.01 * g, params, grads), rest], loss

        @jax.jit
        def measure(state: Any, arrays: Any, rows: Array) -> Any:
            loss, (_, accuracy) = loss_of(*state, val_loader.gather(arrays, rows), False)
            return loss, accuracy

        train_loader, val_loader = self.loaders
        self.step, self.measure = step, measure

    def epoch(self) -> float:
        """Train for an epoch and validate; return the seconds."""
        start = time.perf_counter()
        (train, val), (train_arrays, val_arrays) = self.loaders, self.arrays
        losses = []
        for rows in train.plan.split(train.next_order()):
            self.state, loss = self.step(self.state, train_arrays, rows)
            losses.append(loss)
        order = np.arange(len(val_arrays[1]), dtype=np.int32)
        metrics = [self.measure(self.state, val_arrays, rows) for rows in val.plan.split(order)]
        jax.device_get((losses, metrics))
        return time.perf_counter() - start
