"""The framework-free half of a Trainer: the loop over epochs and the record of a fit."""

import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import psutil

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.fits import check_class_labels, check_trainer
from d2l_common.checks.parallel import check_same_start
from d2l_common.data.loader import TensorLoader, as_loader
from d2l_common.hyperparameters import HyperParameters
from d2l_common.training.fit_checkpoints import FitCheckpoints
from d2l_common.training.history import History
from d2l_common.training.interrupts import allowed, held
from d2l_common.training.nonfinite import first_nonfinite, report_nonfinite, report_weights
from d2l_common.training.progress import make_progress
from d2l_common.training.recipe import Recipe, Schedule
from d2l_common.training.recorder import Recorder, draw_at_once
from d2l_common.training.tape import StepRecord
from d2l_common.training.trial import check_batch


class TrainerBase(Recipe, HyperParameters):
    """Base class of the Trainers of both backends (section 3.2.4), with the same arguments."""

    # A backend has devices, checkpoint_backend, place, fit_epoch, named_parameters and the like.
    compile: bool | None = None
    on_nonfinite = "warn"
    checkpoint: Any = None
    every, keep = 1, 3
    progress: bool | None = None
    num_devices: int | None = None
    recorder: Recorder | None = None
    epoch = train_batch_idx = val_batch_idx = num_train_batches = num_val_batches = 0
    num_classes: int | None = None  # of a classifier's outputs; 0 for any other model
    keep_rng: Callable[..., AbstractContextManager[Any]] = nullcontext  # PyTorch's random state
    check_batch = check_batch
    room: int | None = None  # what `room_for_data` returned for this fit
    machinery: tuple[str, ...] = (
        "agreed", "alone", "as_tensor", "average_of", "base_lrs", "check_batch",
        "checkpoint_backend", "choose_gpus", "chunks", "classifier_class", "devices",
        "follow_schedule", "keep_rng", "learning_rates", "loader", "module_class", "move",
        "named_parameters", "num_classes", "place", "receive", "recheck", "record",
        "recorder", "room", "run", "run_epochs", "set_learning_rates", "try_out",
    )  # fmt: skip

    def __init__(
        self,
        max_epochs: int,
        num_gpus: int = 0,
        gradient_clip_val: float = 0,
        compile: bool | None = None,
        schedule: Schedule | None = None,
        ema_decay: float | None = None,
        on_nonfinite: str = "warn",
        checkpoint: Any = None,
        every: int = 1,
        keep: int = 3,
        progress: bool | None = None,
        num_devices: int | None = None,
    ):
        self.save_hyperparameters()
        check_trainer(self)
        self.gpus = self.choose_gpus() if num_gpus or num_devices else []

    @property
    def history(self) -> History:
        """The record of the running or last fit, there from its first step on."""
        if self.recorder is None:
            return History()
        with held():
            self.recorder.read()
        return self.recorder.history

    def summary(self) -> str:
        """Return what was trained and how far, as a text."""
        if self.recorder is None:
            return "nothing trained yet"
        return f"{type(self.model).__name__}, {self.recorder.history.summary()}"

    def alone(self) -> threading.Lock:
        """
        Return the lock that a fit holds.

        Raises
        ------
        RuntimeError
            If the Trainer is running a fit.
        """
        lock = vars(self).setdefault("_lock", threading.Lock())  # one step, also for two threads
        if lock.locked():
            raise RuntimeError("this Trainer is already running fit(); create a new Trainer")
        return lock

    def prepare_data(self, data: Any) -> None:
        """Make the loaders of the data module `data` and count their minibatches."""
        self.recorder = None
        with allowed():  # it may download
            make = data.train_dataloader
            self.train_dataloader = as_loader(make(), self.receive, make)
            make = data.val_dataloader
            self.val_dataloader = as_loader(make(), self.receive, make)
        if self.train_dataloader is None:
            raise ValueError("train_dataloader() returned None: there is nothing to train on")
        self.num_train_batches = len(self.train_dataloader)
        self.num_val_batches = 0 if self.val_dataloader is None else len(self.val_dataloader)
        if self.num_train_batches == 0:
            raise ValueError("the training data has no minibatches")
        for loader in (self.train_dataloader, self.val_dataloader):
            if isinstance(loader, TensorLoader):
                loader.release()  # a data module may return the loader of another fit
        # Read once: data that stays on the device takes part of what is free.
        self.room = self.agreed(self.room_for_data())
        check_nonnegative("room_for_data()", self.room)

    def prepare_batch(self, batch: Any) -> Any:
        """Return the minibatch as the model gets it; redefine it to change minibatches."""
        return self.to_device(batch)

    def to_device(self, tensors: Any) -> Any:
        """Return tensors where the model is: on the GPU or the devices that are used."""
        return tensors if self.place is None else [self.move(x, self.place) for x in tensors]

    def room_for_data(self) -> int:
        """
        Return the number of bytes of the data's arrays that may stay on the device during a fit.

        Larger data stays on the host and is streamed: a chunk of minibatches is moved while the
        one before it is computed. The numbers are the same either way. By default there is room
        for half of the memory that is free on the device in use; redefine it for another bound.
        """
        return psutil.virtual_memory().available // 2

    def loader(self, train: bool) -> Any:
        """Return the loader of a pass, whatever the reader has set in its place."""
        return as_loader(self.train_dataloader if train else self.val_dataloader, self.receive)

    def chunks(self, loader: TensorLoader) -> Generator[tuple[Any, np.ndarray], None, None]:
        """
        Yield the next epoch as arrays on the device and the order in which to take their rows.

        All the data is one chunk if there is room for it; otherwise a chunk is some minibatches.
        """
        loaders = (self.train_dataloader, self.val_dataloader)
        needed = sum(x.bytes_on_host() for x in loaders if isinstance(x, TensorLoader))
        if self.room is not None and needed > self.room and loader.bytes_on_host():
            yield from loader.streamed(self.to_device, self.room)
        else:
            yield loader.resident(self.to_device), loader.next_order()

    def receive(self, batch: Any) -> Any:
        """Return a minibatch of a reader's own loader as tensors, checked."""
        batch = [self.as_tensor(x) for x in batch]
        is_default = getattr(self.prepare_batch, "__func__", None) is TrainerBase.prepare_batch
        if self.num_classes is None:
            self.check_batch(batch)
        elif self.num_classes and is_default:  # a reader's may draw other numbers in a second call
            check_class_labels(batch[-1], self.num_classes)
        return batch

    def run_epochs(self, data: Any, resume: bool) -> History:
        """Call `fit_epoch` once an epoch and return what was recorded; write checkpoints."""
        # Before a checkpoint or a schedule sets others.
        self.base_lrs = self.learning_rates(self.optim) if self.schedule else ()
        model, checkpoints = self.model, None
        if self.checkpoint is not None:
            checkpoints = FitCheckpoints(self.checkpoint_backend, self, data, resume)
        progress = make_progress(self.progress if self.rank == 0 else False, self.max_epochs)
        self.recorder = recorder = Recorder(model, self.num_train_batches, progress)
        model.board.data.clear()
        model.board.raw_points.clear()
        model.board.xlabel = "epoch"
        self.epoch = self.train_batch_idx = self.val_batch_idx = 0
        try:
            start = 0
            if checkpoints:
                start = checkpoints.resume(recorder)
                check_same_start(start, self.agreed(start))
            weights = first_nonfinite(self.named_parameters())
            stop = start > 0 and self.agreed(self.should_stop(recorder.history))
            for epoch in range(start, 0 if stop else self.max_epochs):
                self.epoch = epoch
                recorder.begin_epoch(epoch)
                if self.schedule is not None:
                    self.follow_schedule(self.schedule)
                with allowed():
                    self.fit_epoch()
                recorder.end_epoch()
                report_nonfinite(self, weights)
                stop = self.agreed(self.should_stop(recorder.history))
                if checkpoints:
                    checkpoints.end_epoch(epoch + 1, is_last=stop)
                if stop:
                    break
            report_weights(self)
        finally:  # also after an interrupt: keep the record; leave the model ready to predict
            recorder.close()
            model.eval()
        return recorder.history

    def recheck(self, train: bool) -> None:
        """Raise what a step of a pass could not: nothing, unless steps are compiled as in JAX."""

    def record(self, step: StepRecord, train: bool) -> None:
        """Record what a step, or consecutive steps of one program, left; count them."""
        first = self.train_batch_idx if train else self.val_batch_idx
        if self.recorder is None:  # under a `fit` of the reader's own
            for label, values in step.plotted.items():
                draw_at_once(self, self.model, label, values)
        else:
            self.recorder.add(first, step.plotted, step.num_examples)
            if step.returned:
                self.recorder.add(first, step.returned, step.num_examples, draw=False)
        num_steps = 1 if isinstance(step.num_examples, int) else np.size(step.num_examples)
        if train:
            self.train_batch_idx += num_steps
        else:
            self.val_batch_idx += num_steps

    def should_stop(self, history: History) -> bool:
        """
        Return whether to stop after this epoch (section 5.5.3); redefine it for early stopping.

        Parameters
        ----------
        history : History
            The record so far, such as `history.val_loss`.
        """
        return False

    def choose_gpus(self) -> list[Any]:
        """Return the GPUs to use, with a warning if there are fewer than `num_gpus`."""
        found = self.devices.num_gpus()
        if found < self.num_gpus:
            where = f"on {found}" if found else "on the CPU"
            warnings.warn(
                f"num_gpus={self.num_gpus}, but {found} found: training {where}", stacklevel=3
            )
        return [self.devices.gpu(i) for i in range(min(self.num_gpus, found))]

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy or a file keeps: what is not bound to a running fit."""
        bound = ("_compiled", "_lock", "_replicas")
        return {name: value for name, value in vars(self).items() if name not in bound}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes of a copy, and tie its model to it."""
        vars(self).update(state)
        # The model of a shallow copy stays with the original.
        if getattr(state.get("model"), "trainer", self) is None:
            self.model.trainer = self
