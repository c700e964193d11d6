"""The record of a fit: from the values of its steps to its history and to the points on a board."""

import time
from typing import Any, NamedTuple

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_nonnegative
from d2l_common.plotting.board import Point
from d2l_common.training.history import History
from d2l_common.training.progress import Progress

# Seconds between two looks at a running epoch for the board: reading a value waits for the device.
LIVE_INTERVAL = 0.5
BOARD = ("data", "raw_points")  # the points of a board


class Part(NamedTuple):
    """Values of one label from consecutive steps: `values` and `sizes` of shape `(k,)` or `()`."""

    first_step: int
    values: Any
    sizes: Any
    draw: bool


class Nonfinite(NamedTuple):
    """The first value of a label that is not finite: its epoch and its step, both from 0."""

    epoch: int
    step: int
    value: float


class Recorder:
    """
    Record of a fit: keeps values unread while an epoch runs, then feeds history and board.

    The board of `model` gets a point for every `num_train_batches / plot_train_per_epoch` training
    values, their average, and `plot_valid_per_epoch` points an epoch for the validation values,
    averaged over examples. `progress` shows how far the fit is.

    Attributes
    ----------
    history : History
    is_open : bool
        Whether the fit is running; a closed record takes no more values.
    nonfinite : dict
        `{label: Nonfinite}` of the labels that were infinite or NaN, as far as they were read.
    is_reported : bool
        Whether the reader of the fit was told.
    progress : Progress

    Raises
    ------
    TypeError, ValueError
        If `plot_train_per_epoch` or `plot_valid_per_epoch` of the model is not a finite number, or
        is negative.
    """

    def __init__(self, model: Any, num_train_batches: int, progress: Progress):
        self._points = {
            train: check_nonnegative(name, getattr(model, name))
            for train, name in ((True, "plot_train_per_epoch"), (False, "plot_valid_per_epoch"))
        }
        self.history = History()
        self.is_open = True
        self.nonfinite: dict[str, Nonfinite] = {}
        self.is_reported = False
        self._board = model.board
        self.progress = progress
        self._num_train_batches = max(1, num_train_batches)
        self._parts: dict[str, list[Part]] = {}
        self._epoch = self._step = 0
        self._began = self._looked = time.perf_counter()

    def add(
        self, step: int, values: Any, sizes: Any, draw: bool = True, replace: bool = False
    ) -> None:
        """
        Keep `{label: value}` of one step, or `{label: values}` of consecutive steps.

        Parameters
        ----------
        step : int
            The number of the first step within the fit.
        values : dict
            Numbers or tensors of shape `()`, or tensors of shape `(k,)`; read later.
        sizes : int, or integers of shape `(k,)`
            The number of examples in each minibatch.
        draw : bool
            Whether the board shows them, too.
        replace : bool
            Whether they take the place of those that the same step has plotted before.
        """
        if not self.is_open:
            return
        # Not within a step, whose values may be replaced.
        if step != self._step and time.perf_counter() - self._looked > LIVE_INTERVAL:
            self.read()
            done = self.history.steps_of_epoch() / self._num_train_batches
            self.progress.update(self._epoch + min(1, done), self.history)
        self._step = step
        if not values.keys() <= self._parts.keys():
            # The loss first: the order decides which line has which colour, and JAX sorts names.
            order = sorted(values, key=lambda label: (not label.endswith("_loss"), label))
            values = {label: values[label] for label in order}
        for label, value in values.items():
            parts = self._parts.setdefault(label, [])
            if replace and parts and parts[-1].first_step == step:
                parts.pop()
            parts.append(Part(step, value, sizes, draw))

    def read(self) -> None:
        """Write the training values so far to history and board, waiting for the device."""
        for label in [label for label in self._parts if label.startswith("train_")]:
            steps, values, sizes, drawn = self._take(label)
            self.history.extend(label, values, sizes)
            xs = steps[drawn] / self._num_train_batches
            every_n = points_to_average(self._num_train_batches, self._points[True])
            self._board.draw_many(xs, values[drawn], label, every_n=every_n)
        self._looked = time.perf_counter()

    def begin_epoch(self, epoch: int) -> None:
        """Start the clock of epoch number `epoch`."""
        self._epoch, self._began = epoch, time.perf_counter()
        self.progress.begin_epoch(epoch)

    def end_epoch(self) -> None:
        """Write what is left of the epoch, and the averages of its validation values."""
        self.read()
        for label in list(self._parts):
            _, values, sizes, drawn = self._take(label)
            self.history.extend(label, average(values, sizes), sizes)
            values, sizes = values[drawn], sizes[drawn]
            num_points = min(max(1, int(self._points[False])), len(values))
            for part in np.array_split(np.arange(len(values)), num_points) if num_points else ():
                ys = average(values[part], sizes[part])
                self._board.draw_many(np.array([self._epoch + 1]), ys, label)
        self.history.end_epoch(time.perf_counter() - self._began)
        self.progress.update(self._epoch + 1, self.history, is_end=True)

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
        """Return history and board after an epoch as arrays by name, and the order of names."""
        arrays = {f"history/{name}": x for name, x in self.history.to_arrays().items()}
        for kind in BOARD:
            for label, points in getattr(self._board, kind).items():
                arrays[f"{kind}/{label}"] = np.array(points, np.float64).reshape(-1, 2)
        return arrays, {"history": self.history.labels(), "board": list(self._board.data)}

    def from_arrays(
        self, arrays: dict[str, np.ndarray], labels: dict[str, list[str]], step: int
    ) -> None:
        """Set history and board to what `to_arrays` returned, after so many steps."""
        history = {k.partition("/")[2]: x for k, x in arrays.items() if k[:8] == "history/"}
        self.history.from_arrays(history, labels["history"])
        self._step = step
        for kind in BOARD:
            for label in labels["board"]:
                points = [Point(*point) for point in arrays[f"{kind}/{label}"].tolist()]
                getattr(self._board, kind)[label] = points

    def close(self) -> None:
        """End the record, also that of a fit which was interrupted."""
        self.progress.close()
        self.read()
        self.is_open = False
        self._parts.clear()
        self._board.flush()

    def _take(self, label: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the steps, values, sizes and draw flags kept for `label`: arrays `(k,)`."""
        steps: list[int] = []
        values: list[float] = []
        sizes: list[float] = []
        drawn: list[bool] = []
        for part in self._parts.pop(label):
            numbers = read_numbers(part.values)
            steps += range(part.first_step, part.first_step + len(numbers))
            values += numbers
            sizes += read_numbers(part.sizes)
            drawn += [part.draw] * len(numbers)
        array = np.array(values, np.float64)
        if label not in self.nonfinite and not np.isfinite(array).all():
            i = int(np.isfinite(array).argmin())
            self.nonfinite[label] = Nonfinite(self._epoch, steps[i], values[i])
        return np.array(steps), array, np.array(sizes), np.array(drawn)


def draw_at_once(trainer: Any, model: Any, label: str, values: Any) -> None:
    """Draw a value, or those of consecutive steps, on the board, under a `fit` of the reader's."""
    train = label.startswith("train_")
    batches = max(1, trainer.num_train_batches if train else getattr(trainer, "num_val_batches", 1))
    points = model.plot_train_per_epoch if train else model.plot_valid_per_epoch
    ys = read_numbers(values)
    steps = trainer.train_batch_idx + np.arange(len(ys))
    xs = steps / batches if train else np.full(len(ys), trainer.epoch + 1.0)
    model.board.xlabel = "epoch"
    model.board.draw_many(xs, ys, label, every_n=points_to_average(batches, points))


def points_to_average(num_batches: int, points: float) -> int:
    """Return how many values a point on the board averages, for `points` points an epoch."""
    return max(1, int(num_batches / max(1, points)))


def average(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the average of values `(k,)` weighted by their numbers of examples: `(1,)`."""
    return (values * sizes).sum(keepdims=True) / sizes.sum()


def read_numbers(values: Any) -> list[float]:
    """Return numbers of any framework, of shape `()` or `(k,)`, as a list."""
    if isinstance(values, float | int):
        return [values]
    if getattr(values, "shape", None) == ():  # faster than through NumPy
        return [values.item()]
    return to_numpy(values).reshape(-1).tolist()
