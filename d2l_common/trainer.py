"""The framework-free half of a Trainer: loaders, the loop over epochs, the record."""

import warnings
from typing import Any

import numpy as np

from d2l_common.checks import check_count, check_nonnegative
from d2l_common.data_checks import DataChecks
from d2l_common.history import History
from d2l_common.hyperparameters import HyperParameters
from d2l_common.loader import as_loader
from d2l_common.recorder import Recorder


class TrainerBase(DataChecks, HyperParameters):
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

    recorder: Recorder | None = None
    epoch = train_batch_idx = val_batch_idx = 0
    num_train_batches = num_val_batches = 0
    _drawn_by_steps: dict[str, bool]

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
        train_dataloader = as_loader(data.train_dataloader, self.receive)
        if train_dataloader is None:
            raise ValueError("train_dataloader() returned None: there is nothing to train on")
        self.train_dataloader = train_dataloader
        self.val_dataloader = as_loader(data.val_dataloader, self.receive)
        self.num_train_batches = len(self.train_dataloader)
        self.num_val_batches = len(self.val_dataloader) if self.val_dataloader is not None else 0
        if self.num_train_batches == 0:
            raise ValueError("the training data has no minibatches")

    def receive(self, batch: Any) -> Any:
        """Return a minibatch of a reader's own loader as tensors, checked."""
        batch = [self.as_tensor(x) for x in batch]
        # `prepare_batch` is the loop's to call; here it only shows what the model will get.
        self.check_batch(batch if self.own.prepares_nothing(self) else self.prepare_batch(batch))
        return batch

    def as_tensor(self, x: Any) -> Any:
        """Return an array of any kind as a tensor of this framework."""
        raise NotImplementedError

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
        self._drawn_by_steps = {}
        try:
            for epoch in range(self.max_epochs):
                self.epoch = epoch
                recorder.begin_epoch()
                self.fit_epoch()
                recorder.end_epoch()
                if recorder.diverged_at is not None and not recorder.warned:
                    recorder.warned = True
                    warnings.warn(
                        f"the training loss became {recorder.diverged_at} in epoch {epoch + 1}: "
                        "try a lower learning rate",
                        stacklevel=3,
                    )
                if self.should_stop(recorder.history):
                    break
        finally:  # also after an interrupt, the epochs that ended are on the board
            self.recorder = None
            model.board.flush()
        return recorder.history

    def fit_epoch(self) -> None:
        """Train for one epoch and validate."""
        raise NotImplementedError

    def should_stop(self, history: History) -> bool:
        """
        Return whether to stop after this epoch (section 5.5.3); redefine it for early stopping.

        Parameters
        ----------
        history : History
            What was recorded so far, such as `history.val_loss`.
        """
        return False

    def choose_gpus(self, devices: Any) -> list[Any]:
        """Return the GPUs to use, with a warning if there are fewer than `num_gpus`."""
        found = devices.num_gpus()
        if found < self.num_gpus:
            where = f"on {found}" if found else "on the CPU"
            warnings.warn(
                f"num_gpus={self.num_gpus}, but {found} found: training {where}", stacklevel=3
            )
        return [devices.gpu(i) for i in range(min(self.num_gpus, found))]

    def count_batches(self, number: int, train: bool) -> None:
        """Count minibatches that were gone through."""
        if train:
            self.train_batch_idx += number
        else:
            self.val_batch_idx += number

    # -- the record: every value comes here, from `Module.plot` or from the loop ---------------

    def record(self, key: str, value: Any, train: bool, draw: bool = True) -> None:
        """Record `value`, a number or a tensor of one element, for the step under way."""
        label = plot_label(key, train)
        x = self.train_batch_idx / max(1, self.num_train_batches) if train else self.epoch + 1
        if self.recorder is None:  # a reader's own `fit` calls for points, not for a history
            self.model.board.draw(x, value, label, every_n=self._every_n(train))
            return
        loader = self.train_dataloader if train else self.val_dataloader
        size = getattr(loader, "batch_examples", 1) or 1
        self.recorder.add(label, x, value, size, self._step, draw)

    def record_missing(self, metrics: dict[str, Any]) -> None:
        """Record those of a step's metrics, `{label: value}`, that it did not plot itself."""
        for label, value in metrics.items():
            if self.recorder is not None and self.recorder.has(label, self._step):
                continue
            kind, key = label.split("_", 1)
            if self.recorder is not None and self.own.plots(self.model):
                self.record(key, value, train=kind == "train")
                continue
            # Without a recorder, or with a reader's own `plot`, the board tells whether the step
            # plots this by itself: it knows the label by the end of the first step.
            known = self.__dict__.setdefault("_drawn_by_steps", {})
            drawn = known.setdefault(label, label in self.model.board.raw_points)
            if not drawn:
                self.model.plot(key, value, train=kind == "train")
            if self.recorder is not None and not self.recorder.has(label, self._step):
                self.record(key, value, train=kind == "train", draw=False)

    def record_epoch(self, metrics: dict[str, Any], train: bool, sizes: np.ndarray) -> None:
        """Record `{label: values}`, values of shape `(num_steps,)`, of a whole pass at once."""
        if train:
            xs = (self.train_batch_idx + np.arange(len(sizes))) / max(1, self.num_train_batches)
        else:
            xs = np.full(len(sizes), self.epoch + 1)
        # Losses first, whatever order the dict has: it decides which line gets which color.
        for label in sorted(metrics, key=lambda label: (not label.endswith("loss"), label)):
            values = metrics[label]
            if self.recorder is None:
                self.model.board.draw_many(xs, values, label, every_n=self._every_n(train))
            else:
                self.recorder.add_many(label, xs, values, sizes)

    def _every_n(self, train: bool) -> int:
        batches = self.num_train_batches if train else self.num_val_batches
        points = getattr(self.model, f"plot_{'train' if train else 'valid'}_per_epoch", 1)
        return max(1, int(batches / max(1, points)))

    @property
    def _step(self) -> tuple[int, ...]:
        return self.train_batch_idx, self.val_batch_idx


def plot_label(key: str, train: bool) -> str:
    """Return the name under which board and history keep `key`, such as `val_acc`."""
    return ("train_" if train else "val_") + key


def plot_value(model: Any, key: str, value: Any, train: bool) -> None:
    """Give a plotted value to the model's trainer, or to its board if a reader made the trainer."""
    trainer = model.trainer
    if isinstance(trainer, TrainerBase):
        trainer.record(key, value, train)
        return
    batches = trainer.num_train_batches if train else trainer.num_val_batches
    points = model.plot_train_per_epoch if train else model.plot_valid_per_epoch
    x = trainer.train_batch_idx / batches if train else trainer.epoch + 1
    model.board.xlabel = "epoch"
    model.board.draw(x, value, plot_label(key, train), every_n=max(1, int(batches / points)))


def named_metrics(result: Any) -> dict[str, Any]:
    """
    Name what a `validation_step` returned: a loss, `(loss, accuracy)`, or None.

    Raises
    ------
    TypeError
        If it returned anything else, or a loss for each example.
    """
    if result is None:
        return {}
    values = tuple(result) if isinstance(result, tuple | list) else (result,)
    if len(values) > 2:
        raise TypeError(
            f"validation_step must return a loss or (loss, accuracy), not {len(values)} values"
        )
    for value in values:
        if not isinstance(value, int | float) and getattr(value, "shape", None) is None:
            raise TypeError(
                "validation_step must return a loss or (loss, accuracy), "
                f"not a {type(value).__name__}"
            )
        if getattr(value, "shape", ()) != ():
            raise TypeError(
                "validation_step must return one number for a minibatch, "
                f"not shape {tuple(value.shape)}"
            )
    return dict(zip(("val_loss", "val_acc"), values, strict=False))


def check_training_loss(loss: Any) -> None:
    """Raise a `TypeError` unless a `training_step` returned a tensor of one element."""
    if loss is None or getattr(loss, "shape", None) is None:
        raise TypeError(f"training_step must return the loss, not {loss!r}")
    if tuple(loss.shape) != ():
        raise TypeError(
            f"training_step must return one number, not a loss of shape {tuple(loss.shape)}; "
            "average it over the minibatch"
        )
