"""Contender of the library: `Trainer.fit`, with validation, metrics, history and board."""

import importlib
import time
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.cells import run_cell
from benchmarks.tasks import NUM_CLASSES, Task


class Fit:
    """
    `Trainer.fit` of one task on one backend.

    Parameters
    ----------
    task : Task
    backend : str
        `"jax"` or `"torch"`.
    trainer : dict
        Further arguments of the Trainer.
    resident : float
        Share of the data that may stay on the device; the Trainer streams the rest. With None the
        Trainer decides.
    cell : str
        Cell of a reader to run first, one of `benchmarks.cells.CELLS`.
    """

    def __init__(
        self,
        task: Task,
        backend: str,
        trainer: dict[str, Any] | None = None,
        resident: float | None = None,
        cell: str = "",
    ):
        self.d2l = importlib.import_module(f"d2l_{backend}")
        self.task, self.backend = task, backend
        self.options = {"num_gpus": min(1, self.d2l.num_gpus()), **(trainer or {})}
        self.data = make_data(task, self.d2l, backend)
        num_bytes = None
        if resident is not None:
            num_bytes = int(resident * sum(x.nbytes for part in task.data() for x in part))
        self.Trainer = clocked(self.d2l.Trainer, num_bytes)
        self.Model, self.arguments = model_class(task, self.d2l, backend)
        if cell:
            self.Trainer, self.Model = run_cell(cell, self.d2l, self.Trainer, self.Model)

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """
        Train from the initial weights; return first loss and counted seconds.

        At least one epoch is not counted, since JAX traces in the first. `"first"` has the seconds
        from the call of `fit` to the end of the first epoch.
        """
        self.data._epoch = 0  # each turn takes the same minibatches as the other contenders
        trainer = self.Trainer(max(1, uncounted) + counted, **self.options)
        model = self.Model(**self.arguments)
        set_weights(model, self.task, self.d2l, self.backend)
        start = time.perf_counter()
        history = trainer.fit(model, self.data)
        ends = trainer.ends[-counted - 1 :]
        return {
            "first": trainer.ends[0] - start,
            "seconds": [end - begin for begin, end in pairwise(ends)],
            "loss": float(history.epoch_train_loss[0]),
        }


def clocked(base: type, num_bytes: int | None = None) -> type:
    """Return a Trainer class that keeps the time at which each epoch ended, once recorded."""

    class Clocked(base):
        def should_stop(self, history: Any) -> bool:
            self.__dict__.setdefault("ends", []).append(time.perf_counter())
            return False

    if num_bytes is None:
        return Clocked

    class Streaming(Clocked):
        def room_for_data(self) -> int:
            return num_bytes

    return Streaming


def make_data(task: Task, d2l: ModuleType, backend: str) -> Any:
    """Return the data module of a task."""
    if task.is_regression:
        return d2l.SyntheticRegressionData(
            w=d2l.tensor([2, -3.4]),
            b=4.2,
            num_train=task.num_train,
            num_val=task.num_val,
            batch_size=task.batch_size,
        )
    return (make_list if task.as_list else make_images)(task, d2l, backend)


def make_list(task: Task, d2l: ModuleType, backend: str) -> Any:
    """Return a reader's data module whose loaders are lists of minibatches."""
    axis, integer = (-1, np.int32) if backend == "jax" else (1, np.int64)
    train_batches, val_batches = [
        [(d2l.tensor(np.expand_dims(X, axis)), d2l.tensor(y.astype(integer))) for X, y in part]
        for part in task.lists()
    ]

    class Batches(d2l.DataModule):
        def get_dataloader(self, train: bool) -> Any:
            return train_batches if train else val_batches

    return Batches()


def make_images(task: Task, d2l: ModuleType, backend: str) -> Any:
    """Return the data module of the task's images."""
    images = importlib.import_module(f"d2l_{backend}.data.images")

    class Images(images.ImageData):
        classes = tuple("0123456789")

        def __init__(self) -> None:
            super().__init__()
            self.batch_size = task.batch_size
            parts = task.data()
            if backend == "torch":
                parts = tuple(images.ImageDataset(*part) for part in parts)
            self.train, self.val = parts

    return Images()


def model_class(task: Task, d2l: ModuleType, backend: str) -> tuple[type, dict[str, Any]]:
    """Return the model's class, and the arguments with which to construct it."""
    inputs, *hiddens, _ = task.widths
    if task.channels:
        return importlib.import_module(f"benchmarks.lenet_{backend}").LeNet, {"lr": task.lr}
    arguments = {"num_inputs": inputs, "lr": task.lr}
    if task.is_regression:
        return d2l.LinearRegression, arguments
    arguments["num_outputs"] = NUM_CLASSES
    if not hiddens:
        return d2l.SoftmaxRegression, arguments
    if not task.dropout:
        return d2l.MLP, {**arguments, "num_hiddens": hiddens[0]}
    for i, num_hiddens in enumerate(hiddens, 1):
        arguments |= {f"num_hiddens_{i}": num_hiddens, f"dropout_{i}": task.dropout}
    return d2l.DropoutMLP, arguments


def set_weights(model: Any, task: Task, d2l: ModuleType, backend: str) -> None:
    """Set the initial weights that all contenders share."""
    if task.channels:
        lenet = importlib.import_module(f"benchmarks.lenet_{backend}")
        lenet.set_weights(model, task.weights())
        return
    names = sorted(name for name in d2l.export_weights(model) if name.endswith(".weight"))
    weights = {}
    for name, (W, b) in zip(names, task.weights(), strict=True):
        weights |= {name: W.T, name.removesuffix("weight") + "bias": b}
    d2l.import_weights(model, weights)


def make_model(task: Task, d2l: ModuleType, backend: str) -> Any:
    """Return the model of a task with its initial weights."""
    Model, arguments = model_class(task, d2l, backend)
    model = Model(**arguments)
    set_weights(model, task, d2l, backend)
    return model
