"""The framework-free half of a Trainer: checks, loaders, the loop over epochs, the record."""

import warnings
from typing import Any

import numpy as np

from d2l_common.checks import (
    check_count,
    check_images,
    check_integer,
    check_label_range,
    check_nonnegative,
    dtype_name,
)
from d2l_common.history import History
from d2l_common.hyperparameters import HyperParameters
from d2l_common.loader import ReaderLoader, TensorLoader, as_loader
from d2l_common.recorder import Recorder


class TrainerBase(HyperParameters):
    """
    What the Trainers of both backends do alike (section 3.2.4 of the book).

    Parameters
    ----------
    max_epochs : int
        How many times `fit` goes over the training data; 0 trains nothing.
    num_gpus : int
        With 1 or more, training runs on the first GPU, as in the book.
    gradient_clip_val : float
        The largest norm of the gradient (of all parameters together); 0 for no limit.

    Raises
    ------
    TypeError, ValueError
        If one of them is no number, negative or, for the first two, not whole.
    """

    model: Any
    train_dataloader: TensorLoader | ReaderLoader
    val_dataloader: TensorLoader | ReaderLoader | None
    recorder: Recorder | None = None
    epoch = train_batch_idx = val_batch_idx = 0
    _num_classes: int | None = None  # of the model's outputs, once known; 0 if no classifier

    def __init__(self, max_epochs: int, num_gpus: int = 0, gradient_clip_val: float = 0):
        check_count("max_epochs", max_epochs, minimum=0)
        check_count("num_gpus", num_gpus, minimum=0)
        check_nonnegative("gradient_clip_val", gradient_clip_val)
        self.save_hyperparameters()

    def prepare_data(self, data: Any) -> None:
        """Make the loaders of the data module `data` and count their minibatches."""
        if not hasattr(data, "train_dataloader"):
            raise TypeError(
                "fit takes a model and then a data module with a train_dataloader, "
                f"not {type(data).__name__}"
            )
        train_dataloader = as_loader(data.train_dataloader, self.check_batch)
        if train_dataloader is None:
            raise ValueError("train_dataloader() returned None: there is nothing to train on")
        self.train_dataloader = train_dataloader
        self.val_dataloader = as_loader(data.val_dataloader, self.check_batch)
        self.num_train_batches = len(self.train_dataloader)
        self.num_val_batches = len(self.val_dataloader) if self.val_dataloader is not None else 0
        if self.num_train_batches == 0:
            raise ValueError("the training data has no minibatches")

    def run_epochs(self) -> History:
        """Call `fit_epoch` once an epoch and return what was recorded."""
        model = self.model
        model.board.data.clear()
        model.board.raw_points.clear()
        model.board.xlabel = "epoch"
        recorder = self.recorder = Recorder(
            model.board,
            self.num_train_batches,
            getattr(model, "plot_train_per_epoch", 2),
            getattr(model, "plot_valid_per_epoch", 1),
        )
        self.epoch = self.train_batch_idx = self.val_batch_idx = 0
        try:
            for epoch in range(self.max_epochs):
                self.epoch = epoch
                recorder.begin_epoch()
                self.fit_epoch()
                recorder.end_epoch()
                self.warn_of_divergence(recorder.history)
                if self.should_stop(recorder.history):
                    break
        finally:  # also after an interrupt, the epochs that ended are on the board
            self.recorder = None
            model.board.flush()
        return recorder.history

    def fit_epoch(self) -> None:
        """Train for one epoch and validate."""
        raise NotImplementedError

    def warn_of_divergence(self, history: History) -> None:
        """Warn in the epoch in which the training loss first is infinite or no number."""
        finite = np.isfinite(history.train_loss)
        if not finite.all() and finite[: -self.num_train_batches].all():
            warnings.warn(
                f"the training loss became {history.train_loss[~finite][0]} "
                f"in epoch {self.epoch + 1}: try a lower learning rate",
                stacklevel=4,
            )

    def should_stop(self, history: History) -> bool:
        """
        Return whether to stop after this epoch (section 5.5.3); redefine it for early stopping.

        Parameters
        ----------
        history : History
            What was recorded so far, such as `history.val_loss`.
        """
        return False

    def prepare_batch(self, batch: Any) -> Any:
        """Return the minibatch as the model gets it."""
        raise NotImplementedError

    def scores_shape(self, batch: Any) -> tuple[int, ...] | None:
        """Return the shape of a classifier's output for a minibatch; None for other models."""
        raise NotImplementedError

    def choose_gpus(self, devices: Any) -> list[Any]:
        """Return the GPUs to use, with a warning if there are fewer than `num_gpus`."""
        found = devices.num_gpus()
        if found < self.num_gpus:
            where = f"on {found}" if found else "on the CPU"
            warnings.warn(
                f"num_gpus={self.num_gpus}, but {found} found: training {where}", stacklevel=3
            )
        return [devices.gpu(i) for i in range(min(self.num_gpus, found))]

    def check_data(self) -> None:
        """
        Look once at the data in memory, whether this model can be trained on it.

        Raises
        ------
        TypeError, ValueError
            If images hold integers, a label is outside the classes, or a shape does not fit.
        """
        self._num_classes = None
        loaders = (self.train_dataloader, self.val_dataloader)
        for resident in [loader for loader in loaders if isinstance(loader, TensorLoader)]:
            self.check_batch(resident.first(), labels=resident.arrays[-1])

    @property
    def data_is_checked(self) -> bool:
        """Whether `check_data` saw every label: those of a reader's own loader come later."""
        loaders = (self.train_dataloader, self.val_dataloader)
        return not any(isinstance(loader, ReaderLoader) for loader in loaders)

    def check_batch(self, batch: Any, labels: Any = None) -> None:
        """Raise unless the model can be trained on a minibatch (or on all of its `labels`)."""
        labels = batch[-1] if labels is None else labels
        if self._num_classes is None:
            batch = self.prepare_batch(batch)
            check_images(batch[0])
            shape = self.scores_shape(batch)
            self._num_classes = 0 if shape is None else shape[-1]
        if self._num_classes:
            is_integer = dtype_name(labels.dtype).startswith(("int", "uint"))
            check_integer("y", is_integer, labels.dtype)
            check_label_range(int(labels.min()), int(labels.max()), self._num_classes)

    def count_batches(self, number: int, train: bool) -> None:
        """Count minibatches that were gone through."""
        if train:
            self.train_batch_idx += number
        else:
            self.val_batch_idx += number

    def record(self, key: str, value: Any, train: bool) -> None:
        """Record `value`, a number or a tensor of one element, for the step under way."""
        label = plot_label(key, train)
        x = self.train_batch_idx / self.num_train_batches if train else self.epoch + 1
        loader = self.train_dataloader if train else self.val_dataloader
        if self.recorder is None:  # a reader's own `fit` calls for points, not for a history
            per_epoch = self.num_train_batches if train else self.num_val_batches
            points = getattr(self.model, f"plot_{'train' if train else 'valid'}_per_epoch", 1)
            self.model.board.draw(x, value, label, every_n=max(1, int(per_epoch / points)))
            return
        size = getattr(loader, "batch_examples", 1) or 1
        self.recorder.add(label, x, value, size, self._step)

    def record_missing(self, metrics: dict[str, Any]) -> None:
        """Record those of a step's metrics, `{label: value}`, that it did not plot itself."""
        for label, value in metrics.items():
            if self.recorder is None or not self.recorder.has(label, self._step):
                kind, key = label.split("_", 1)
                self.record(key, value, train=kind == "train")

    def record_epoch(self, metrics: dict[str, Any], train: bool, sizes: np.ndarray) -> None:
        """Record `{label: values}`, values of shape `(num_steps,)`, of a whole pass at once."""
        if train:
            xs = (self.train_batch_idx + np.arange(len(sizes))) / self.num_train_batches
        else:
            xs = np.full(len(sizes), self.epoch + 1)
        # Losses first, whatever order the dict has: it decides which line gets which color.
        for label in sorted(metrics, key=lambda label: (not label.endswith("loss"), label)):
            values = metrics[label]
            if self.recorder is None:
                points = getattr(self.model, f"plot_{'train' if train else 'valid'}_per_epoch", 1)
                every_n = max(1, int(len(sizes) / points))
                self.model.board.draw_many(xs, values, label, every_n=every_n)
            else:
                self.recorder.add_many(label, xs, values, sizes)

    @property
    def _step(self) -> tuple[int, ...]:
        return self.train_batch_idx, self.val_batch_idx


def plot_label(key: str, train: bool) -> str:
    """Return the name under which board and history keep `key`, such as `val_acc`."""
    return ("train_" if train else "val_") + key


def named_metrics(result: Any) -> dict[str, Any]:
    """
    Name what a `validation_step` returned: a loss, `(loss, accuracy)`, or None.

    Raises
    ------
    TypeError
        If it returned anything else.
    """
    if result is None:
        return {}
    if isinstance(result, tuple | list):
        if len(result) != 2:
            raise TypeError(
                f"validation_step must return a loss or (loss, accuracy), not {len(result)} values"
            )
        return {"val_loss": result[0], "val_acc": result[1]}
    return {"val_loss": result}


def check_training_loss(loss: Any) -> None:
    """Raise a `TypeError` unless a `training_step` returned a tensor of one element."""
    if loss is None or getattr(loss, "shape", None) is None:
        raise TypeError(f"training_step must return the loss, not {loss!r}")
    if tuple(loss.shape) != ():
        raise TypeError(
            f"training_step must return one number, not a loss of shape {tuple(loss.shape)}; "
            "average it over the minibatch"
        )
