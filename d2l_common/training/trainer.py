"""The framework-free half of a Trainer: loaders, the loop over epochs, the record."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.data.loader import TensorLoader
from d2l_common.data.readers import as_loader
from d2l_common.hyperparameters import HyperParameters
from d2l_common.training.data_checks import DataChecks
from d2l_common.training.history import History
from d2l_common.training.recorder import Recorder
from d2l_common.training.recording import Recording


class TrainerBase(DataChecks, Recording, HyperParameters):
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
    compile : bool
        Whether the steps are compiled; None for what suits the backend.

    Raises
    ------
    TypeError, ValueError
        If `compile` is something else, or another one is no number, negative or, for the first
        two, not whole.
    """

    compile: bool | None = None
    room: int | None = None  # what `room_for_data` returned for this fit

    def __init__(
        self,
        max_epochs: int,
        num_gpus: int = 0,
        gradient_clip_val: float = 0,
        compile: bool | None = None,
    ):
        check_count("max_epochs", max_epochs, minimum=0)
        check_count("num_gpus", num_gpus, minimum=0)
        check_nonnegative("gradient_clip_val", gradient_clip_val)
        if not isinstance(compile, bool | None):
            raise TypeError(f"compile must be True, False or None, not {compile!r}")
        self.save_hyperparameters()

    @property
    def train_dataloader(self) -> Any:
        """The loader of the training data; a reader may set any, at any time."""
        return self._train_dataloader

    @train_dataloader.setter
    def train_dataloader(self, loader: Any) -> None:
        self._train_dataloader = as_loader(lambda: loader, self.receive)

    @property
    def val_dataloader(self) -> Any:
        """The loader of the validation data; None where there is none."""
        return self._val_dataloader

    @val_dataloader.setter
    def val_dataloader(self, loader: Any) -> None:
        self._val_dataloader = as_loader(lambda: loader, self.receive)

    def prepare_data(self, data: Any) -> None:
        """Make the loaders of the data module `data` and count their minibatches."""
        train_dataloader = as_loader(data.train_dataloader, self.receive)
        if train_dataloader is None:
            raise ValueError("train_dataloader() returned None: there is nothing to train on")
        self.train_dataloader = train_dataloader
        self.val_dataloader = as_loader(data.val_dataloader, self.receive)
        self.num_train_batches = len(self.train_dataloader)
        self.num_val_batches = len(self.val_dataloader) if self.val_dataloader is not None else 0
        if self.num_train_batches == 0:
            raise ValueError("the training data has no minibatches")
        for loader in (self.train_dataloader, self.val_dataloader):
            if isinstance(loader, TensorLoader):
                loader.release()  # a data module may return the loader of another fit
        # Asked once: data that stays on the device takes of what is free.
        self.room = self.room_for_data()
        check_nonnegative("room_for_data()", self.room)

    def room_for_data(self) -> int:
        """Return how many bytes of data may stay on the device."""
        raise NotImplementedError

    def chunks(self, loader: TensorLoader) -> Iterator[tuple[Any, np.ndarray]]:
        """
        Yield the next epoch as arrays on the device, with the order in which to take their rows.

        All the data is one chunk if there is room for it; otherwise each chunk is some minibatches.
        """
        loaders = (self.train_dataloader, self.val_dataloader)
        needed = sum(x.bytes_on_host() for x in loaders if isinstance(x, TensorLoader))
        if self.room is not None and needed > self.room and loader.bytes_on_host():
            yield from loader.streamed(self.prepare_batch, self.room)
        else:
            yield loader.resident(self.prepare_batch), loader.next_order()

    def prepared(self, loader: Any) -> Iterator[Any]:
        """Yield the minibatches of `loader` one at a time, as the model gets them."""
        for batch in loader:
            batch = self.prepare_batch(batch)
            loader.batch_examples = len(batch[-1])  # which may be fewer, or more
            yield batch

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
        recorder = self.recorder = Recorder(
            model.board,
            self.num_train_batches,
            getattr(model, "plot_train_per_epoch", 2),
            getattr(model, "plot_valid_per_epoch", 1),
        )
        model.board.data.clear()
        model.board.raw_points.clear()
        model.board.xlabel = "epoch"
        self.epoch = self.train_batch_idx = self.val_batch_idx = 0
        self._drawn_by_steps, self.fit_is_over = {}, False
        try:
            for epoch in range(self.max_epochs):
                self.epoch = epoch
                recorder.begin_epoch(epoch)
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
            self.fit_is_over = True
            model.board.flush()
            model.eval()  # for predictions without dropout
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
