"""From plotted values to a history and to the points on a board."""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_nonnegative
from d2l_common.plotting.board import ProgressBoard
from d2l_common.training.history import History

# How often a running epoch puts its training values on the board, in seconds. Reading a value
# waits for the device, so it must be rare.
LIVE_INTERVAL = 0.5


class Series:
    """
    The values of one label in the epoch under way.

    Attributes
    ----------
    steps, values, sizes : list
        Of each value the step, the number or tensor, and the examples that it speaks for.
    num_drawn : int
        How many of them the board has.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.values: list[Any] = []
        self.sizes: list[int] = []
        self.num_drawn = 0
        self._num_read = 0

    def add(self, step: int, value: Any, size: int) -> None:
        """Append one value, which is not read yet."""
        self.steps.append(step)
        self.values.append(value)
        self.sizes.append(size)

    def replace(self, value: Any, size: int) -> None:
        """Put one value, which is not read yet, in the place of the last."""
        self.values[-1], self.sizes[-1] = value, size
        self._num_read = min(self._num_read, len(self.values) - 1)

    def extend(self, steps: Iterable[int], values: Iterable[float], sizes: Iterable[int]) -> None:
        """Append many numbers."""
        self.read()
        self.steps.extend(steps)
        self.values.extend(values)
        self.sizes.extend(sizes)
        self._num_read = len(self.values)

    def read(self) -> np.ndarray:
        """Return the values so far, float64 `(num_values,)`, waiting for their device."""
        self.values[self._num_read :] = map(read_number, self.values[self._num_read :])
        self._num_read = len(self.values)
        return np.array(self.values, np.float64)


class Recorder:
    """
    Keeps what a step plotted until its epoch ends, then writes it to history and board.

    Nothing is read off the device while an epoch runs (but for a look at long ones, for the
    board's sake), so recording never makes a step wait.

    Parameters
    ----------
    board : ProgressBoard
        Gets a point for every `num_train_batches / plot_train_per_epoch` training values, their
        average, and `plot_valid_per_epoch` points an epoch for the validation values, averaged
        over examples.
    num_train_batches, plot_train_per_epoch, plot_valid_per_epoch : int

    Raises
    ------
    TypeError, ValueError
        If the last two are no finite numbers that are not negative.
    """

    def __init__(
        self,
        board: ProgressBoard,
        num_train_batches: int,
        plot_train_per_epoch: int = 2,
        plot_valid_per_epoch: int = 1,
    ):
        check_nonnegative("plot_train_per_epoch", plot_train_per_epoch)
        check_nonnegative("plot_valid_per_epoch", plot_valid_per_epoch)
        self.history = History()
        self._board = board
        self.diverged_at: float | None = None  # the first training loss that is not finite
        self.warned = False
        self._every_n = every_n(num_train_batches, plot_train_per_epoch)
        self._valid_points = max(1, int(plot_valid_per_epoch))
        self._num_train_batches = max(1, num_train_batches)
        self._epoch = 0
        self._series: defaultdict[str, Series] = defaultdict(Series)  # of the epoch under way
        self._undrawn: set[str] = set()
        self._began = self._looked = time.perf_counter()

    def add(self, label: str, step: int, value: Any, size: int, draw: bool = True) -> None:
        """
        Record one value.

        Parameters
        ----------
        label : str
            Begins with `train_` or `val_`.
        step : int
            The number of the minibatch, of all that the fit has trained or validated on.
        value : number, or a tensor of one element
            Read when the epoch ends.
        size : int
            The number of examples that it speaks for.
        draw : bool
            Whether the board gets it, too.
        """
        if not draw:
            self._undrawn.add(label)
        self._series[label].add(step, value, size)
        if time.perf_counter() - self._looked > LIVE_INTERVAL:
            self._draw_train()
            self._looked = time.perf_counter()

    def replace(self, label: str, value: Any, size: int) -> None:
        """Record `value`, that of `size` examples, in the place of the last one of `label`."""
        self._series[label].replace(value, size)

    def has(self, label: str, step: int) -> bool:
        """Return whether `step` has recorded something as `label`."""
        return label in self._series and self._series[label].steps[-1] == step

    def add_many(self, label: str, first_step: int, values: Any, sizes: np.ndarray) -> None:
        """Record the values of consecutive steps at once: `values` and `sizes` `(num_steps,)`."""
        steps = range(first_step, first_step + len(sizes))
        values = np.asarray(values, np.float64).tolist()
        self._series[label].extend(steps, values, sizes.tolist())

    def begin_epoch(self, epoch: int) -> None:
        """Start the clock of epoch number `epoch`."""
        self._epoch = epoch
        self._began = time.perf_counter()

    def end_epoch(self) -> None:
        """Write what the epoch recorded to the history and to the board."""
        self._draw_train()
        for label, series in self._series.items():
            values, sizes = series.read(), np.array(series.sizes)
            if label.startswith("train_"):
                self.history.extend(label, values, sizes)
                if label == "train_loss" and self.diverged_at is None:
                    self.diverged_at = next(iter(values[~np.isfinite(values)]), None)
                continue
            self.history.extend(label, average(values, sizes), sizes)
            if label in self._undrawn:
                continue
            num_points = min(self._valid_points, len(values))
            for part in np.array_split(np.arange(len(values)), num_points):
                self._board.draw(self._epoch + 1, average(values[part], sizes[part])[0], label)
        self._series.clear()
        self.history.end_epoch(time.perf_counter() - self._began)

    def _draw_train(self) -> None:
        for label, series in self._series.items():
            if label.startswith("train_") and label not in self._undrawn:
                values, drawn = series.read(), series.num_drawn
                xs = np.array(series.steps[drawn:]) / self._num_train_batches
                self._board.draw_many(xs, values[drawn:], label, every_n=self._every_n)
                series.num_drawn = len(values)


def every_n(num_batches: int, points: float) -> int:
    """Return of how many values a point on the board is the average, for `points` an epoch."""
    return max(1, int(num_batches / max(1, points)))


def average(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the average of values that speak for `sizes` examples each, of shape `(1,)`."""
    return (values * sizes).sum(keepdims=True) / sizes.sum()


def read_number(value: Any) -> float:
    """Return the value of a number, or of a tensor of one element, waiting for its device."""
    if isinstance(value, float | int) or getattr(value, "shape", None) == ():
        return float(value)
    return float(to_numpy(value).reshape(()))
