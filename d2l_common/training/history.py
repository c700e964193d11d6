"""The record of a fit."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from d2l_common.descriptions import Described

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class History(Described):
    """
    Record of a training run, as float64 arrays (section 3.2).

    `history["train_loss"]` has one value per training step, `history["val_loss"]` one per epoch
    (averaged over the examples, not over the minibatches), and so has each other name that was
    plotted. The usual ones are attributes as well. Under a schedule, `history["lr"]` has the
    learning rate of each epoch.
    """

    machinery: tuple[str, ...] = (
        "end_epoch",
        "extend",
        "from_arrays",
        "steps_of_epoch",
        "to_arrays",
    )

    def __init__(self) -> None:
        self._series: dict[str, list[float]] = {}
        self._epochs: dict[str, list[int]] = {}  # the epoch of each value
        self._sizes: list[float] = []
        self._seconds: list[float] = []
        self._ends: list[int] = []  # the number of training steps at the end of each epoch

    def extend(self, label: str, values: np.ndarray, sizes: np.ndarray) -> None:
        """Append `values` to the series `label`; `sizes` are the examples behind each."""
        self._series.setdefault(label, []).extend(values.tolist())
        self._epochs.setdefault(label, []).extend([len(self._seconds)] * len(values))
        if label == "train_loss":
            self._sizes.extend(sizes.tolist())

    def end_epoch(self, seconds: float) -> None:
        """Record the end of an epoch that took `seconds`."""
        self._seconds.append(seconds)
        self._ends.append(len(self._sizes))

    def __getitem__(self, label: str) -> np.ndarray:
        """Return the series `label`; a KeyError names those that there are."""
        if label not in self._series:
            raise KeyError(f"nothing was recorded as {label!r}, only as {sorted(self._series)}")
        return np.array(self._series[label])

    def labels(self) -> list[str]:
        """Return the names of the series, in the order in which they began."""
        return list(self._series)

    @property
    def train_loss(self) -> np.ndarray:
        """The loss of each minibatch before its update: `(num_steps,)`."""
        return np.array(self._series.get("train_loss", []))

    @property
    def val_loss(self) -> np.ndarray:
        """The validation loss of each epoch that had one: `(num_epochs,)`."""
        return np.array(self._series.get("val_loss", []))

    @property
    def val_acc(self) -> np.ndarray:
        """The validation accuracy of each epoch that had one: `(num_epochs,)`."""
        return np.array(self._series.get("val_acc", []))

    @property
    def batch_sizes(self) -> np.ndarray:
        """Number of examples in each training minibatch: `(num_steps,)`."""
        return np.array(self._sizes)

    @property
    def seconds(self) -> np.ndarray:
        """The wall-clock time of each epoch in seconds: `(num_epochs,)`."""
        return np.array(self._seconds)

    @property
    def epoch_train_loss(self) -> np.ndarray:
        """The training loss of each epoch, averaged over its examples: `(num_epochs,)`."""
        losses, sizes = self.train_loss, self.batch_sizes
        return np.array(
            [
                np.average(losses[start:end], weights=sizes[start:end]) if end > start else np.nan
                for start, end in pairwise([0, *self._ends])
            ]
        )

    def steps_of_epoch(self) -> int:
        """Return the number of training steps since the last epoch ended."""
        return len(self._sizes) - (self._ends[-1] if self._ends else 0)

    def latest(self) -> dict[str, float]:
        """
        Return the latest loss and accuracy of each kind by label, such as `val_acc`.

        Values of training steps are averaged over the examples of the last epoch that has some.
        """
        found = {}
        for label, values in self._series.items():
            if not values or label == "lr":
                continue
            start = bisect_left(self._epochs[label], self._epochs[label][-1])
            weights = self._weights(label)[start:]
            found[label] = float(np.average(values[start:], weights=weights))
        return found

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the whole record as arrays by name, for `from_arrays`."""
        arrays = {f"values/{label}": np.array(x) for label, x in self._series.items()}
        arrays |= {f"epochs/{label}": np.array(x, int) for label, x in self._epochs.items()}
        arrays |= {"sizes": self.batch_sizes, "seconds": self.seconds}
        return arrays | {"ends": np.array(self._ends, int)}

    def from_arrays(self, arrays: dict[str, np.ndarray], labels: list[str]) -> None:
        """Set the record to that which `to_arrays` returned; `labels` are in their order."""
        self._series = {label: arrays[f"values/{label}"].tolist() for label in labels}
        self._epochs = {label: arrays[f"epochs/{label}"].tolist() for label in labels}
        self._sizes, self._seconds = arrays["sizes"].tolist(), arrays["seconds"].tolist()
        self._ends = arrays["ends"].tolist()

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas table: loss, validation loss, accuracy, rate, seconds of each epoch."""
        import pandas as pd

        columns = {"loss": pd.Series(self.epoch_train_loss)}
        for label in ("val_loss", "val_acc"):
            if label == "val_loss" or self.val_acc.size:
                columns[label] = pd.Series(
                    self._series.get(label, []), self._epochs.get(label, []), dtype=float
                )
        if "lr" in self._series:
            columns["lr"] = pd.Series(self._series["lr"], self._epochs["lr"], dtype=float)
        columns["seconds"] = pd.Series(self.seconds)
        frame = pd.DataFrame(columns)
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="epoch")
        return frame

    def to_csv(self, path: str | Path) -> Path:
        """Write the table of epochs to a file, with all digits, and return its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.to_frame().to_csv(path)
        return path

    def plot(self) -> Figure:
        """
        Return a matplotlib Figure with a panel for each quantity, such as loss and accuracy.

        The values of training steps are a faint line behind their averages over each epoch. A
        notebook shows the figure at the end of a cell; elsewhere `history.plot().savefig(path)`.
        """
        from d2l_common.plotting.history import draw_history

        return draw_history(
            {
                label: (np.array(self._epochs[label]), np.array(values), self._weights(label))
                for label, values in self._series.items()
            }
        )

    def _weights(self, label: str) -> np.ndarray:
        """Return the number of examples behind each value of training steps, otherwise ones."""
        num_values = len(self._series[label])
        is_step = label.startswith("train_") and num_values == len(self._sizes)
        return self.batch_sizes if is_step else np.ones(num_values)

    def summary(self) -> str:
        """Return the numbers of epochs and steps, the latest values and the seconds, as a text."""
        parts = [f"{len(self._seconds)} epochs", f"{len(self._sizes)} steps"]
        parts += [f"{label} {value:.4g}" for label, value in self.latest().items()]
        return f"{', '.join(parts)}; {sum(self._seconds):.1f} s"

    def __repr__(self) -> str:
        """Return the numbers of epochs and steps, the latest values and the seconds."""
        return f"History({self.summary()})"
