"""The checkpoints of a fit: one at the end of an epoch, and the way back (section 6.6)."""

import json
from collections.abc import Mapping
from typing import Any

from d2l_common.training import checkpoint_files as files
from d2l_common.training.checkpoints import (
    Backend,
    is_plain,
    last_good,
    restore,
    write_checkpoint,
)
from d2l_common.training.streams import stream_states


class FitCheckpoints:
    """
    The checkpoints of one fit.

    Parameters
    ----------
    backend : Backend
    trainer : Trainer
        Its `checkpoint`, `every` and `keep` say where to write, how often, and how many to keep.
    data : DataModule
    resume : bool
        Whether to go on from the last good checkpoint, if there is one.

    Raises
    ------
    FileExistsError
        If the folder holds checkpoints and `resume` is False.
    OSError
        If nothing can be written to the folder.
    """

    def __init__(self, backend: Backend, trainer: Any, data: Any, resume: bool):
        self._backend, self._trainer, self._data, self._resume = backend, trainer, data, resume
        self._folder = files.check_folder(trainer.checkpoint)
        self._written = 0
        existing = files.numbers(self._folder)
        if existing and not resume:
            raise FileExistsError(
                f"checkpoint must be a folder without checkpoints, got {str(self._folder)!r} with "
                f"those up to epoch {existing[0]}; fit with resume=True, or choose another folder"
            )
        # As they were when the fit began, since a reader may change them later.
        self._hyperparameters = hyperparameters(trainer, data)

    def resume(self, recorder: Any) -> int:
        """
        Set everything to the last good checkpoint; return the number of epochs that it holds.

        Raises
        ------
        ValueError
            If the checkpoints are damaged, or of a newer format, or do not fit model, optimizer,
            data or the Trainer; then nothing has been written.
        """
        found = last_good(self._folder) if self._resume else None
        if found is None:
            return 0
        (path, taken, history, about), trainer = found, self._trainer
        if "fit" not in about:
            raise ValueError(
                f"{str(path)!r} must be written by a Trainer, got one of save_checkpoint; "
                "read it with load_checkpoint"
            )
        fit = about["fit"]
        check_hyperparameters(self._hyperparameters, fit["hyperparameters"])
        restore(self._backend, path, taken, trainer.model, trainer.optim, self._owners())
        for name, value in fit["trainer"].items():
            setattr(trainer, name, value)
        if fit["data_epoch"] is not None:
            self._data._epoch = fit["data_epoch"]
        recorder.from_arrays(history, fit["labels"], trainer.train_batch_idx)
        self._written = fit["epochs"]
        return self._written

    def end_epoch(self, epochs: int, is_last: bool = False) -> None:
        """Write a checkpoint after so many epochs, if one is due."""
        trainer = self._trainer
        is_due = is_last or epochs % trainer.every == 0 or epochs == trainer.max_epochs
        if not is_due or epochs == self._written:
            return
        if trainer.rank == 0:
            self._write(epochs)
        trainer.agreed(True)  # the other processes wait for it
        self._written = epochs

    def _write(self, epochs: int) -> None:
        """Write a checkpoint after so many epochs."""
        trainer = self._trainer
        owners, recorder = self._owners(), trainer.recorder
        history, labels = recorder.to_arrays()
        for damaged in [x for x in files.numbers(self._folder) if x > self._written]:
            files.remove(self._folder, damaged)
        names = ("train_batch_idx", "val_batch_idx", "num_classes")
        fit = {
            "epochs": epochs,
            "hyperparameters": self._hyperparameters,
            "trainer": {name: getattr(trainer, name) for name in names},
            "data_epoch": getattr(self._data, "_epoch", None),
            "labels": labels,
        }
        write_checkpoint(
            self._backend,
            self._folder,
            epochs,
            self._backend.take(trainer.model, trainer.optim, owners),
            stream_states({**owners, **self._backend.modules(trainer.model)}),
            keep=trainer.keep,
            history=history,
            step=trainer.train_batch_idx,
            fit=fit,
        )

    def _owners(self) -> dict[str, Any]:
        """Return the objects whose random streams belong to the fit."""
        trainer, owners = self._trainer, {"d2l": self._backend.streams, "data": self._data}
        for side in ("train", "val"):
            loader = getattr(trainer, f"{side}_dataloader")
            owners[side] = loader = getattr(loader, "_loader", loader)
            owners[f"{side}.sampler"] = getattr(loader, "sampler", None)
        return {**owners, "trainer": trainer}


def hyperparameters(trainer: Any, data: Any) -> dict[str, Any]:
    """Return by name the numbers and texts that a resumed fit must share with the first one."""
    model = getattr(trainer.model, "hparams", {})
    found = {f"model.{name}": value for name, value in model.items() if name[:5] != "plot_"}
    found |= {f"data.{name}": getattr(data, name, None) for name in ("batch_size", "seed")}
    found["gradient_clip_val"] = trainer.gradient_clip_val
    found["num_train_batches"] = trainer.num_train_batches
    found["num_val_batches"] = trainer.num_val_batches
    found = {name: value for name, value in found.items() if is_plain(value)}
    return found | {"ema_decay": trainer.ema_decay}  # None, too


def check_hyperparameters(now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """
    Raise a ValueError if a hyperparameter that both have differs from that of the checkpoint.

    One that only one backend or edition has, such as `model.num_inputs`, does not count.
    """
    now = json.loads(json.dumps(now))
    for name in sorted(now.keys() & before.keys()):
        if now[name] != before[name]:
            raise ValueError(
                f"{name} must be {before[name]!r}, as in the checkpoint, got {now[name]!r}; "
                "restore it, or begin a new fit after load_checkpoint"
            )
