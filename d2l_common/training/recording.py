"""What a fit records: every value comes here, from `Module.plot` or from the loop."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from d2l_common.arrays import dtype_name
from d2l_common.training.own_methods import OwnMethods
from d2l_common.training.recorder import Recorder, every_n


class Recording:
    """The half of a Trainer that records, for its history and for the model's board."""

    own: OwnMethods

    model: Any
    train_dataloader: Any
    val_dataloader: Any
    recorder: Recorder | None = None
    records_results = takes_offers = fit_is_over = False
    _offered: Mapping[str, Any] = MappingProxyType({})
    _plotted: dict[str, tuple[int, int]]
    epoch = train_batch_idx = val_batch_idx = 0
    num_train_batches = num_val_batches = 0
    _drawn_by_steps: dict[str, bool]

    def count_batches(self, number: int, train: bool) -> None:
        """Count minibatches that were gone through."""
        if train:
            self.train_batch_idx += number
        else:
            self.val_batch_idx += number

    def record(self, key: str, value: Any, train: bool, draw: bool = True) -> None:
        """Record `value`, a number or a tensor of one element, for the step under way."""
        label = plot_label(key, train)
        if self.recorder is None:  # a reader's own `fit` calls for points, not for a history
            x = self.train_batch_idx / max(1, self.num_train_batches) if train else self.epoch + 1
            self.model.board.draw(x, value, label, every_n=self._every_n(train))
            return
        loader = self.train_dataloader if train else self.val_dataloader
        size = getattr(loader, "batch_examples", 1) or 1
        now = self.train_batch_idx, self.val_batch_idx
        if self.takes_offers and self._plotted.get(label) == now:
            self.recorder.replace(label, value, size)  # the last value of a step counts
        else:
            self.recorder.add(label, self._step(train), value, size, draw)
        if self.takes_offers:
            self._plotted[label] = now

    @contextmanager
    def recording_results(self) -> Iterator[None]:
        """
        Within this context the library's own steps do not plot: what a step returns is recorded.

        Where a reader's step calls the library's and returns something else, or nothing, the
        library's results are offered: they count if the reader's step returns none.
        """
        model = self.model
        # Where all is the library's there is nothing to choose, which is a third of the cost.
        self.records_results = bool(
            self.recorder and self.own.steps(model) and self.own.plots(model)
        )
        self.takes_offers, self._plotted = not self.records_results, {}
        try:
            yield
        finally:
            self.records_results = self.takes_offers = False
            self._offered = {}

    def offer(self, key: str, value: Any, train: bool) -> None:
        """Take a result of one of the library's steps, in case that nobody returns another."""
        self._offered = {**self._offered, plot_label(key, train): value}

    def record_missing(self, metrics: dict[str, Any]) -> None:
        """Record those of a step's metrics, `{label: value}`, that it did not plot itself."""
        if self.records_results and self.recorder is not None:
            for label, value in metrics.items():
                loader = self.train_dataloader if label == "train_loss" else self.val_dataloader
                step = self._step(label == "train_loss")
                self.recorder.add(label, step, value, loader.batch_examples)
            return
        metrics, self._offered = {**self._offered, **metrics}, {}
        for label, value in metrics.items():
            train = label.startswith("train_")
            if self.recorder is not None and self.recorder.has(label, self._step(train)):
                continue
            key = label.split("_", 1)[1]
            if self.recorder is not None and self.own.plots(self.model):
                self.record(key, value, train)
                continue
            # Without a recorder, or with a reader's own `plot`, the board tells whether the step
            # plots this by itself: it knows the label by the end of the first step.
            known = self.__dict__.setdefault("_drawn_by_steps", {})
            drawn = known.setdefault(label, label in self.model.board.raw_points)
            if not drawn:
                self.model.plot(key, value, train)
            if self.recorder is not None and not self.recorder.has(label, self._step(train)):
                self.record(key, value, train, draw=False)

    def record_epoch(self, metrics: dict[str, Any], train: bool, sizes: np.ndarray) -> None:
        """Record `{label: values}`, values of shape `(num_steps,)`, of a whole pass at once."""
        # Losses first, whatever order the dict has: it decides which line gets which color.
        for label in sorted(metrics, key=lambda label: (not label.endswith("loss"), label)):
            if self.recorder is not None:
                self.recorder.add_many(label, self._step(train), metrics[label], sizes)
                continue
            xs = np.full(len(sizes), self.epoch + 1.0)
            if train:
                steps = self.train_batch_idx + np.arange(len(sizes))
                xs = steps / max(1, self.num_train_batches)
            self.model.board.draw_many(xs, metrics[label], label, every_n=self._every_n(train))

    def _every_n(self, train: bool) -> int:
        batches = self.num_train_batches if train else self.num_val_batches
        return every_n(
            batches, getattr(self.model, f"plot_{'train' if train else 'valid'}_per_epoch", 1)
        )

    def _step(self, train: bool) -> int:
        return self.train_batch_idx if train else self.val_batch_idx


def plot_label(key: str, train: bool) -> str:
    """Return the name under which board and history keep `key`, such as `val_acc`."""
    return ("train_" if train else "val_") + key


def check_plotted(key: Any, value: Any) -> None:
    """
    Raise unless `key` and `value` can be plotted, whether or not the value is known yet.

    Raises
    ------
    TypeError
        If `key` is no text, or `value` no real number and no tensor of real numbers.
    ValueError
        If `value` is a tensor of more than one number, or of none.
    """
    if not isinstance(key, str):
        raise TypeError(f"plot() takes a name, such as 'loss', and then a number, not {key!r}")
    shape = getattr(value, "shape", None)
    if shape is None:
        if not isinstance(value, Real):
            raise TypeError(f"plot() takes a number or a tensor of one, not {value!r}")
        return
    if math.prod(shape) != 1:
        raise ValueError(f"plot() takes one number, not a tensor of shape {tuple(shape)}")
    if "complex" in dtype_name(value.dtype):
        raise TypeError(f"plot() takes real numbers, not {dtype_name(value.dtype)}")


def plot_value(model: Any, key: str, value: Any, train: bool) -> None:
    """Give a plotted value to the model's trainer, or to its board if a reader made the trainer."""
    trainer = model.trainer
    if isinstance(trainer, Recording):
        trainer.record(key, value, train)
        return
    batches = trainer.num_train_batches if train else trainer.num_val_batches
    points = model.plot_train_per_epoch if train else model.plot_valid_per_epoch
    x = trainer.train_batch_idx / batches if train else trainer.epoch + 1
    model.board.xlabel = "epoch"
    model.board.draw(x, value, plot_label(key, train), every_n=every_n(batches, points))
