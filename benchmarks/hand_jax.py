"""Loop by hand in JAX, written for the tasks alone. Its twin is `hand_torch.py`."""

import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from benchmarks.tasks import SIDE, Task

PIXEL_SCALE = 1 / 255


class Hand:
    """
    Loop for one task, with its data on the device.

    Parameters
    ----------
    task : Task
    at_once : bool
        Whether an epoch is one compiled scan; otherwise a compiled step is called for each
        minibatch.
    """

    def __init__(self, task: Task, at_once: bool = True):
        self.task, self.at_once = task, at_once
        if task.as_list:
            self.train, self.val = [
                [(jnp.asarray(X[..., None]), jnp.asarray(y)) for X, y in part]
                for part in task.lists()
            ]
        else:
            self.train, self.val = [
                (jnp.asarray(X.reshape(len(X), -1)), jnp.asarray(y)) for X, y in task.data()
            ]

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """Train from the initial weights; return first loss and counted seconds."""
        # XLA's gradients are faster for weights of shape (num_outputs, num_inputs).
        params = [
            (jnp.asarray(W.T if W.ndim == 2 else W), jnp.asarray(b)) for W, b in self.task.weights()
        ]
        state = params, jax.random.key(0)
        seconds, losses = [], []
        for epoch in range(uncounted + counted):
            start = time.perf_counter()
            order = self.task.order(epoch)
            if self.at_once:
                state, metrics = fit(self.task, state, *self.train, order)
                losses.append(np.asarray(metrics))
                jax.device_get(evaluate(self.task, state[0], *self.val))
            else:
                state, metrics = fit_by_batch(self.task, state, self.minibatches(self.train, order))
                losses.append(metrics)
                rows = np.arange(self.task.num_val, dtype=np.int32)
                batches = self.minibatches(self.val, rows)
                jax.device_get([measure_at(self.task, state[0], *batch) for batch in batches])
            seconds.append(time.perf_counter() - start)
        loss = float(np.average(losses[0], weights=self.task.sizes()))
        return {"seconds": seconds[uncounted:], "loss": loss}

    def minibatches(self, part: Any, order: np.ndarray) -> Iterator[tuple[Any, ...]]:
        """Yield `(X, y)` of a list, or `(X, y, rows)` of all examples."""
        if self.task.as_list:
            yield from part
            return
        for start in range(0, len(order), self.task.batch_size):
            yield *part, order[start : start + self.task.batch_size]


def forward(task: Task, params: Any, X: Array, key: Array | None = None) -> Array:
    """Return the outputs; with a key, hidden units are dropped."""
    if X.dtype == jnp.uint8:
        X = X.astype(jnp.float32) * PIXEL_SCALE
    activation = nnx.sigmoid if task.channels else nnx.relu
    if task.channels:
        X = X.reshape(-1, SIDE, SIDE, 1)
    for i, (W, b) in enumerate(params[: len(task.channels)]):
        padding = 0 if i else 2
        X = jax.lax.conv_general_dilated(
            X, W, (1, 1), [(padding, padding)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        X = nnx.avg_pool(activation(X + b), (2, 2), strides=(2, 2))
    X = X.reshape(len(X), -1)
    for W, b in params[len(task.channels) : -1]:
        X = activation(X @ W.T + b)
        if key is not None:
            key, now = jax.random.split(key)
            kept = jax.random.bernoulli(now, 1 - task.dropout, X.shape)
            X = jnp.where(kept, X / (1 - task.dropout), 0)
    W, b = params[-1]
    return X @ W.T + b


def loss(task: Task, y_hat: Array, y: Array) -> Array:
    """Return the mean squared error, or the mean cross-entropy of logits."""
    if task.is_regression:
        return jnp.mean((y_hat - y) ** 2)
    return optax.softmax_cross_entropy_with_integer_labels(y_hat, y).mean()


def train_step(task: Task, state: Any, X: Array, y: Array) -> Any:
    """Return the state after a step of minibatch SGD, and the loss before it."""
    params, key = state
    key, now = jax.random.split(key) if task.dropout else (key, None)
    value, grads = jax.value_and_grad(lambda params: loss(task, forward(task, params, X, now), y))(
        params
    )
    return (jax.tree.map(lambda w, g: w - task.lr * g, params, grads), key), value


def measure(task: Task, params: Any, X: Array, y: Array) -> Any:
    """Return loss and accuracy of a minibatch."""
    y_hat = forward(task, params, X)
    value = loss(task, y_hat, y)
    return (value,) if task.is_regression else (value, jnp.mean(y_hat.argmax(axis=1) == y))


def take(X: Array, y: Array, rows: Array | None) -> tuple[Array, ...]:
    """Return the minibatch at `rows`, which must be in bounds; with None, all examples."""
    if rows is None:
        return X, y
    return tuple(x.at[rows].get(mode="promise_in_bounds") for x in (X, y))


@jax.jit(static_argnames="task")
def fit(task: Task, state: Any, X: Array, y: Array, order: Array) -> Any:
    """Train for an epoch; return the state and the loss of each step."""
    size = task.batch_size
    full = len(order) // size * size

    def body(state: Any, rows: Array) -> Any:
        return train_step(task, state, *take(X, y, rows))

    state, losses = jax.lax.scan(body, state, order[:full].reshape(-1, size))
    if full < len(order):
        state, last = body(state, order[full:])
        losses = jnp.append(losses, last)
    return state, losses


@jax.jit(static_argnames="task")
def evaluate(task: Task, params: Any, X: Array, y: Array) -> Any:
    """Return loss and accuracy of each minibatch: those of one size, then the last."""
    size = task.batch_size
    full = len(X) // size * size
    batches = tuple(x[:full].reshape(-1, size, *x.shape[1:]) for x in (X, y))
    metrics = jax.lax.map(lambda batch: measure(task, params, *batch), batches)
    last = measure(task, params, X[full:], y[full:]) if full < len(X) else None
    return metrics, last


@jax.jit(static_argnames="task")
def step_at(task: Task, state: Any, X: Array, y: Array, rows: Array | None = None) -> Any:
    """Take one step on the minibatch at `rows`."""
    return train_step(task, state, *take(X, y, rows))


@jax.jit(static_argnames="task")
def measure_at(task: Task, params: Any, X: Array, y: Array, rows: Array | None = None) -> Any:
    """Return loss and accuracy of the minibatch at `rows`."""
    return measure(task, params, *take(X, y, rows))


def fit_by_batch(task: Task, state: Any, batches: Iterator[tuple[Any, ...]]) -> Any:
    """Train for an epoch, one call for each minibatch; return the state and the losses."""
    losses = []
    for batch in batches:
        state, value = step_at(task, state, *batch)
        losses.append(value)
    return state, jax.device_get(losses)
