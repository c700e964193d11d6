"""What is trained: four models, their data and initial weights, the same for every contender."""

from dataclasses import dataclass, replace

import numpy as np

from d2l_common.data.plan import BatchPlan
from d2l_common.data.synthetic import synthetic_regression

Arrays = tuple[np.ndarray, np.ndarray]
Layers = list[tuple[np.ndarray, np.ndarray]]

NUM_CLASSES = 10
SIDE = 28  # of an image, in pixels


@dataclass(frozen=True)
class Task:
    """
    A model and how much it is trained.

    Attributes
    ----------
    name : str
    widths : tuple of int
        Inputs, hidden units of each layer, outputs; one output is a regression.
    dropout : float
        After each hidden layer.
    lr : float
    batch_size, num_train, num_val : int
    epochs : int
        How many epochs of a turn count.
    uncounted : int
        How many go before them; where an epoch takes half a second, its beginning weighs little.
    """

    name: str
    widths: tuple[int, ...]
    lr: float
    batch_size: int
    num_train: int
    num_val: int
    epochs: int
    uncounted: int = 0
    dropout: float = 0.0

    @property
    def is_regression(self) -> bool:
        """Whether the loss is the mean squared error; otherwise it is the cross-entropy."""
        return self.widths[-1] == 1

    def order(self, epoch: int) -> np.ndarray:
        """Return the order of training examples that the library's data modules have."""
        return BatchPlan(self.num_train, self.batch_size, shuffle=True).order(epoch)

    def data(self) -> tuple[Arrays, Arrays]:
        """Return the examples to train on and to validate on."""
        if self.is_regression:
            n = self.num_train
            X, y = synthetic_regression(np.array([2, -3.4]), 4.2, 0.01, n + self.num_val, seed=0)
            X, y = X.astype(np.float32), y.astype(np.float32)
            return (X[:n], y[:n]), (X[n:], y[n:])
        return images(self.num_train, seed=0), images(self.num_val, seed=1)

    def weights(self) -> Layers:
        """Return weight `(num_inputs, num_outputs)` and bias `(num_outputs,)` of each layer."""
        rng = np.random.default_rng(0)
        layers = []
        for inputs, outputs in zip(self.widths[:-1], self.widths[1:], strict=True):
            W = rng.standard_normal((inputs, outputs), np.float32) / np.float32(np.sqrt(inputs))
            layers.append((W, np.zeros(outputs, np.float32)))
        return layers

    def products(self) -> float:
        """Return the floating-point operations of an epoch's matrix products."""
        per_example = [2.0 * a * b for a, b in zip(self.widths[:-1], self.widths[1:], strict=True)]
        forward = sum(per_example)
        # Each layer has a gradient of its weights; all but the first one of their inputs.
        backward = 2 * forward - per_example[0]
        return self.num_train * (forward + backward) + self.num_val * forward


def images(num_examples: int, seed: int) -> Arrays:
    """
    Draw images of ten classes: a faint pattern, the class's own, in noise.

    Returns
    -------
    uint8 array of shape `(num_examples, 28, 28)`, int32 array of shape `(num_examples,)`
    """
    patterns = np.random.default_rng(7).integers(0, 48, (NUM_CLASSES, SIDE, SIDE), np.uint8)
    rng = np.random.default_rng((7, seed))
    y = rng.integers(0, NUM_CLASSES, num_examples, np.int32)
    X = np.empty((num_examples, SIDE, SIDE), np.uint8)
    for start in range(0, num_examples, 10_000):  # in parts: the peak of memory is measured, too
        part = X[start : start + 10_000]
        part[:] = rng.integers(0, 96, part.shape, np.uint8)
        part += patterns[y[start : start + 10_000]]
    return X, y


def mlp(num_hiddens: int, num_train: int) -> Task:
    """Return the multilayer perceptron of section 5.2, with a sixth as much to validate on."""
    widths = (SIDE * SIDE, num_hiddens, NUM_CLASSES)
    return Task("MLP", widths, 0.1, 256, num_train, max(1, num_train // 6), epochs=1)


def softmax_regression(num_train: int) -> Task:
    """Return the softmax regression of section 4.5, with a sixth as much to validate on."""
    widths = (SIDE * SIDE, NUM_CLASSES)
    return Task("softmax regression", widths, 0.1, 256, num_train, max(1, num_train // 6), epochs=1)


TASKS = (
    Task("linear regression", (2, 1), 0.03, 32, 1_000, 1_000, epochs=20, uncounted=1),
    replace(softmax_regression(60_000), epochs=3, uncounted=1),
    mlp(256, 60_000),
    replace(mlp(256, 60_000), name="dropout MLP", widths=(SIDE * SIDE, 256, 256, 10), dropout=0.5),
)


def quick(task: Task) -> Task:
    """Return the same with little data, for a look at whether everything runs."""
    if task.is_regression:
        return replace(task, num_train=200, num_val=100, epochs=2)
    return replace(task, num_train=1_500, num_val=500, epochs=2)
