"""THE loop by hand in JAX: what one writes for one model alone. Its twin is `hand_torch.py`."""

import time
from typing import Any

import jax
import numpy as np
import optax
from jax import Array
from jax import numpy as jnp

from benchmarks.tasks import Task

PIXEL_SCALE = 1 / 255


class Hand:
    """
    The loop for one task, its data on the device.

    Parameters
    ----------
    task : Task
    at_once : bool
        Whether an epoch is one compiled scan, or a compiled step is called for each minibatch.
    """

    def __init__(self, task: Task, at_once: bool = True):
        self.task, self.at_once = task, at_once
        self.train, self.val = [
            (jnp.asarray(X.reshape(len(X), -1)), jnp.asarray(y)) for X, y in task.data()
        ]

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """Train from the beginning; return the first epoch's loss and the counted seconds."""
        # Weights the other way round, (num_outputs, num_inputs): XLA's gradients are faster so.
        params = [(jnp.asarray(W.T), jnp.asarray(b)) for W, b in self.task.weights()]
        state = params, jax.random.key(0)
        train, validate = (fit, evaluate) if self.at_once else (fit_by_batch, evaluate_by_batch)
        seconds, losses = [], []
        for epoch in range(uncounted + counted):
            start = time.perf_counter()
            state, metrics = train(self.task, state, *self.train, self.task.order(epoch))
            losses.append(np.asarray(metrics))
            jax.device_get(validate(self.task, state[0], *self.val))
            seconds.append(time.perf_counter() - start)
        n, size = self.task.num_train, self.task.batch_size
        sizes = [min(size, n - first) for first in range(0, n, size)]
        return {"seconds": seconds[uncounted:], "loss": float(np.average(losses[0], weights=sizes))}


def forward(task: Task, params: Any, X: Array, key: Array | None = None) -> Array:
    """Return the outputs; with a key, some hidden units are dropped."""
    if not task.is_regression:
        X = X.astype(jnp.float32) * PIXEL_SCALE
    for W, b in params[:-1]:
        X = jax.nn.relu(X @ W.T + b)
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


def take(X: Array, y: Array, rows: Array) -> tuple[Array, Array]:
    """Return the minibatch at `rows`, which are known to be in bounds."""
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
def step_at(task: Task, state: Any, X: Array, y: Array, rows: Array) -> Any:
    """Take one step on the minibatch at `rows`."""
    return train_step(task, state, *take(X, y, rows))


@jax.jit(static_argnames="task")
def measure_at(task: Task, params: Any, X: Array, y: Array, rows: Array) -> Any:
    """Return loss and accuracy of the minibatch at `rows`."""
    return measure(task, params, *take(X, y, rows))


def fit_by_batch(task: Task, state: Any, X: Array, y: Array, order: np.ndarray) -> Any:
    """Train for an epoch, a call a minibatch; return the state and the losses."""
    losses = []
    for start in range(0, len(order), task.batch_size):
        rows = order[start : start + task.batch_size]
        state, value = step_at(task, state, X, y, rows)
        losses.append(value)
    return state, jax.device_get(losses)


def evaluate_by_batch(task: Task, params: Any, X: Array, y: Array) -> Any:
    """Return loss and accuracy of each minibatch, a call a minibatch."""
    rows = np.arange(len(X), dtype=np.int32)
    size = task.batch_size
    starts = range(0, len(X), size)
    return [measure_at(task, params, X, y, rows[start : start + size]) for start in starts]
