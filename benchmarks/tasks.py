"""Tasks: models with their data and initial weights, the same for every contender."""

from dataclasses import dataclass, replace

import numpy as np

from d2l_common.data.plan import BatchPlan
from d2l_common.data.synthetic import synthetic_regression

Arrays = tuple[np.ndarray, np.ndarray]
Layers = list[tuple[np.ndarray, np.ndarray]]

NUM_CLASSES = 10
SIDE = 28  # height and width of an image, in pixels
KERNEL = 5  # height and width of a convolution's kernel


@dataclass(frozen=True)
class Task:
    """
    Model, data and number of epochs.

    Attributes
    ----------
    name : str
    widths : tuple of int
        Inputs, hidden units of each layer, outputs; a single output makes it a regression.
    lr : float
    batch_size, num_train, num_val : int
    epochs : int
        Number of epochs in a turn that count.
    uncounted : int
        Number of epochs before them in the same turn.
    dropout : float
        Probability of dropout after each hidden layer.
    channels : tuple of int
        Output channels of the convolutions in front of the fully connected layers, as in LeNet:
        kernels of 5 x 5, sigmoids, average pooling.
    as_list : bool
        Whether the data is a list of minibatches, float32 images, always in the same order.
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
    channels: tuple[int, ...] = ()
    as_list: bool = False

    @property
    def is_regression(self) -> bool:
        """True if the loss is the mean squared error; otherwise it is the cross-entropy."""
        return self.widths[-1] == 1

    def order(self, epoch: int) -> np.ndarray:
        """Return the order of training examples that the library's data modules take."""
        return BatchPlan(self.num_train, self.batch_size, shuffle=True).order(epoch)

    def sizes(self) -> list[int]:
        """Return the number of examples in each training minibatch."""
        n, size = self.num_train, self.batch_size
        return [min(size, n - start) for start in range(0, n, size)]

    def data(self) -> tuple[Arrays, Arrays]:
        """Return the training examples and the validation examples."""
        if self.is_regression:
            n = self.num_train
            X, y = synthetic_regression(np.array([2, -3.4]), 4.2, 0.01, n + self.num_val, seed=0)
            X, y = X.astype(np.float32), y.astype(np.float32)
            return (X[:n], y[:n]), (X[n:], y[n:])
        return images(self.num_train, seed=0), images(self.num_val, seed=1)

    def lists(self) -> tuple[list[Arrays], list[Arrays]]:
        """Return the data as two lists of minibatches, images as float32 from 0 to 1."""
        train, val = [
            [
                (X[start : start + self.batch_size] / np.float32(255), y[start:][: self.batch_size])
                for start in range(0, len(X), self.batch_size)
            ]
            for X, y in self.data()
        ]
        return train, val

    def weights(self) -> Layers:
        """
        Return weight and bias of each layer.

        Returns
        -------
        list of pairs of float32 arrays
            Kernels `(5, 5, in_channels, out_channels)`, then weights `(num_inputs, num_outputs)`;
            the inputs of the first fully connected layer are height, width and channel in order.
        """
        rng = np.random.default_rng(0)
        channels = (1, *self.channels)
        shapes = [(KERNEL, KERNEL, *pair) for pair in zip(channels, self.channels, strict=False)]
        shapes += zip(self.widths[:-1], self.widths[1:], strict=True)
        layers = []
        for shape in shapes:
            scale = np.float32(np.sqrt(np.prod(shape[:-1])))
            W = rng.standard_normal(shape, np.float32) / scale
            layers.append((W, np.zeros(shape[-1], np.float32)))
        return layers

    def products(self) -> float:
        """Return the floating-point operations of the matrix products in an epoch."""
        per_example = [2.0 * a * b for a, b in zip(self.widths[:-1], self.widths[1:], strict=True)]
        forward = sum(per_example)
        # Each layer has a gradient of its weights; all except the first one of their inputs.
        backward = 2 * forward - per_example[0]
        return self.num_train * (forward + backward) + self.num_val * forward


def images(num_examples: int, seed: int) -> Arrays:
    """
    Draw images of ten classes: a faint pattern of the class, in noise.

    Returns
    -------
    uint8 array of shape `(num_examples, 28, 28)`, int32 array of shape `(num_examples,)`
    """
    patterns = np.random.default_rng(7).integers(0, 48, (NUM_CLASSES, SIDE, SIDE), np.uint8)
    rng = np.random.default_rng((7, seed))
    y = rng.integers(0, NUM_CLASSES, num_examples, np.int32)
    X = np.empty((num_examples, SIDE, SIDE), np.uint8)
    for start in range(0, num_examples, 10_000):  # in parts, since peak memory is measured, too
        part = X[start : start + 10_000]
        part[:] = rng.integers(0, 96, part.shape, np.uint8)
        part += patterns[y[start : start + 10_000]]
    return X, y


def mlp(num_hiddens: int, num_train: int) -> Task:
    """Return the multilayer perceptron of section 5.2, with a sixth as much validation data."""
    widths = (SIDE * SIDE, num_hiddens, NUM_CLASSES)
    return Task("MLP", widths, 0.1, 256, num_train, max(1, num_train // 6), epochs=1)


def softmax_regression(num_train: int) -> Task:
    """Return the softmax regression of section 4.5, with a sixth as much validation data."""
    widths = (SIDE * SIDE, NUM_CLASSES)
    return Task("softmax regression", widths, 0.1, 256, num_train, max(1, num_train // 6), epochs=1)


LINEAR = Task("linear regression", (2, 1), 0.03, 32, 1_000, 1_000, epochs=20, uncounted=1)
SOFTMAX = replace(softmax_regression(60_000), epochs=3, uncounted=1)
MLP = mlp(256, 60_000)
DROPOUT = replace(MLP, name="dropout MLP", widths=(SIDE * SIDE, 256, 256, 10), dropout=0.5)
LENET = Task("LeNet", (400, 120, 84, 10), 0.1, 128, 12_800, 2_560, epochs=1, channels=(6, 16))
LIST = replace(
    softmax_regression(10_000), name="list of minibatches", epochs=10, uncounted=1, as_list=True
)
TASKS = (LINEAR, SOFTMAX, MLP, DROPOUT, LENET, LIST)


def quick(task: Task) -> Task:
    """Return the same task with little data, to check that everything runs."""
    if task.is_regression:
        return replace(task, num_train=200, num_val=100, epochs=2)
    num_train, num_val = (300, 150) if task.channels else (1_500, 500)
    return replace(task, num_train=num_train, num_val=num_val, epochs=2)
