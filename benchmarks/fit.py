"""The library's own contender: `Trainer.fit`, with validation, metrics, history and board."""

import importlib
import time
from itertools import pairwise
from types import ModuleType
from typing import Any

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
    room : float
        The share of the data that may stay on the device; the Trainer streams the rest. None
        leaves it to the Trainer.
    """

    def __init__(
        self,
        task: Task,
        backend: str,
        trainer: dict[str, Any] | None = None,
        room: float | None = None,
    ):
        self.d2l = importlib.import_module(f"d2l_{backend}")
        self.task, self.backend = task, backend
        self.options = {"num_gpus": min(1, self.d2l.num_gpus()), **(trainer or {})}
        self.data = make_data(task, self.d2l, backend)
        arrays = [x for part in task.data() for x in part] if room is not None else []
        num_bytes = int((room or 0) * sum(x.nbytes for x in arrays))
        self.Trainer = clocked(self.d2l.Trainer, None if room is None else num_bytes)

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """
        Train from the beginning; return the first epoch's loss and the counted seconds.

        At least one epoch is not counted: in JAX the first one traces. `"first"` has the seconds
        from the call of `fit` to its end.
        """
        self.data._epoch = 0  # the same batches in each turn, as the other contenders have them
        trainer = self.Trainer(max(1, uncounted) + counted, **self.options)
        start = time.perf_counter()
        history = trainer.fit(make_model(self.task, self.d2l, self.backend), self.data)
        ends = trainer.ends[-counted - 1 :]
        seconds = [end - begin for begin, end in pairwise(ends)]
        return {
            "first": trainer.ends[0] - start,
            "seconds": seconds,
            "loss": float(history.epoch_train_loss[0]),
        }


def clocked(base: type, num_bytes: int | None = None) -> type:
    """Return a Trainer class that notes when each epoch ended, its record written."""

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
    image_data = importlib.import_module(f"d2l_{backend}.data.images")

    class Images(image_data.ImageData):
        classes = tuple("0123456789")

        def __init__(self) -> None:
            super().__init__()
            self.batch_size = task.batch_size
            parts = task.data()
            if backend == "torch":
                parts = tuple(image_data.ImageDataset(*part) for part in parts)
            self.train, self.val = parts

    return Images()


def make_model(task: Task, d2l: ModuleType, backend: str) -> Any:
    """Return the library's model of a task, with the initial weights that all contenders have."""
    inputs, *hiddens, _ = task.widths
    if task.is_regression:
        model = d2l.LinearRegression(num_inputs=inputs, lr=task.lr)
    elif not hiddens:
        model = d2l.SoftmaxRegression(NUM_CLASSES, lr=task.lr, num_inputs=inputs)
    elif not task.dropout:
        model = d2l.MLP(NUM_CLASSES, *hiddens, lr=task.lr, num_inputs=inputs)
    else:
        drops = [task.dropout] * len(hiddens)
        model = d2l.DropoutMLP(NUM_CLASSES, *hiddens, *drops, lr=task.lr, num_inputs=inputs)
    names = sorted(name for name in d2l.export_weights(model) if name.endswith(".weight"))
    weights = {}
    for name, (W, b) in zip(names, task.weights(), strict=True):
        weights |= {name: W.T, name.removesuffix("weight") + "bias": b}
    d2l.import_weights(model, weights)
    return model
