"""Explanation of losses that are not finite: by the data, the weights or the learning rate."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.data.loader import TensorLoader
from d2l_common.training.recorder import Nonfinite

PASSES = {"train_loss": ("training", True), "val_loss": ("validation", False)}


def report_nonfinite(trainer: Any, weights: str | None) -> None:
    """
    Warn or raise, once a fit, if a loss of the epoch that ended is not finite.

    It is called when the record has been read, so that no step waits for it.

    Parameters
    ----------
    trainer : Trainer
        Its `on_nonfinite` decides what happens.
    weights : str or None
        The first parameter that was not finite when the fit began.

    Raises
    ------
    FloatingPointError
        If `on_nonfinite` is "raise".
    ValueError
        If the loss is NaN because of a label outside the classes, whatever `on_nonfinite` is.
    """
    recorder = trainer.recorder
    for label, (name, train) in PASSES.items():
        found = recorder.nonfinite.get(label)
        if found is None or recorder.is_reported:
            continue
        recorder.is_reported = True
        if not train:  # JAX has checked the training pass before it kept the epoch
            trainer.recheck(train)
        if trainer.on_nonfinite != "ignore":
            place = f"the {name} loss became {found.value} in epoch {found.epoch + 1}"
            tell(trainer, f"{place}: {cause(trainer, found, name, train, weights)}")


def report_weights(trainer: Any) -> None:
    """Warn or raise if the last update of a fit made a parameter infinite or NaN."""
    recorder = trainer.recorder
    if recorder.is_reported or trainer.on_nonfinite == "ignore" or not trainer.train_batch_idx:
        return
    name = first_nonfinite(trainer.named_parameters())
    if name is not None:
        recorder.is_reported = True
        tell(trainer, f"the last update made {name} infinite or NaN: {advice(trainer)}")


def tell(trainer: Any, message: str) -> None:
    """Warn with `message`, or raise it, as the trainer's `on_nonfinite` says."""
    if trainer.on_nonfinite == "raise":
        raise FloatingPointError(message)
    trainer.recorder.progress.clear()
    warnings.warn(message, stacklevel=5)  # at the line that called `fit`


def cause(trainer: Any, found: Nonfinite, name: str, train: bool, weights: str | None) -> str:
    """Return what made a loss infinite or NaN, with the fix."""
    place = first_in_data(trainer.loader(train))
    if place is not None:
        return f"the {name} data holds {place}; fill such entries or drop their rows"
    if weights is not None:
        return f"{weights} was infinite or NaN before training; create the model again"
    bad = first_nonfinite(trainer.named_parameters())
    losses = trainer.recorder.history.train_loss
    diverged = bad is not None or (len(losses) > 1 and not losses[-1] <= losses[0])
    if (train and found.step == 0) or not diverged:
        return (
            "the data and the weights were finite, so look for a log or a quotient of 0 "
            "in forward and loss, and for very large inputs"
        )
    first = f"; the first parameter that is not finite is {bad}" if bad is not None else ""
    return f"{advice(trainer)} (step {found.step + 1}{first})"


def advice(trainer: Any) -> str:
    """Return the advice after a divergence, with the learning rate of the epoch if it is known."""
    lr = getattr(trainer.model, "lr", None)
    if trainer.schedule is not None:
        lr = float(trainer.recorder.history["lr"][-1])
    return "try a lower learning rate" + (f" than {lr:g}" if isinstance(lr, int | float) else "")


def first_nonfinite(arrays: Iterable[tuple[str, Any]]) -> str | None:
    """Return the first name whose array holds an infinity or NaN, or None."""
    for name, array in sorted(dict(arrays).items()):  # by names alone, each once
        if not np.isfinite(to_numpy(array)).all():
            return name
    return None


def first_in_data(loader: Any) -> str | None:
    """Return the place of the first infinity or NaN in the data of a loader, or None."""
    for where, arrays in parts(loader):
        names = ("X", "y") if len(arrays) == 2 else [f"array {i}" for i in range(len(arrays))]
        for name, array in zip(names, map(to_numpy, arrays), strict=True):
            if array.dtype.kind in "fc" and not np.isfinite(array).all():
                return f"{describe_place(name, array)}{where}"
    return None


def parts(loader: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a loader, or the minibatches of a reader's, and where they are."""
    if isinstance(loader, TensorLoader):
        yield "", loader.arrays
        return
    for number, batch in enumerate(loader or ()):
        yield f" of minibatch {number}", batch


def describe_place(name: str, array: np.ndarray) -> str:
    """Return which entry of `array` is the first one that is not finite, column by column."""
    bad = ~np.isfinite(array)
    if array.ndim == 2:
        column = int(bad.any(axis=0).argmax())
        row = int(bad[:, column].argmax())
        return f"{array[row, column]} in column {column} of {name}, first in row {row}"
    index = np.unravel_index(int(bad.argmax()), array.shape)
    return f"{array[index]} at {name}[{', '.join(map(str, index))}]"
