"""The tape of a step: every number that a step plots or returns is recorded here."""

import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from numbers import Real
from typing import Any, NamedTuple

from d2l_common.arrays import dtype_name
from d2l_common.checks.fits import check_training_loss, named_metrics
from d2l_common.training.recorder import draw_at_once


class StepRecord(NamedTuple):
    """
    Record of a step for the history and the board, or of many steps, stacked along a first axis.

    Attributes
    ----------
    plotted : dict
        `{label: value}` for the board and the history, labels such as `train_loss`.
    returned : dict
        Results that the step returned and did not plot, for the history alone.
    num_examples : int
        The size of the minibatch.
    attributes : dict
        `{path: array}` that a compiled step set on its copy of the model (JAX only).
    """

    plotted: Mapping[str, Any]
    returned: Mapping[str, Any]
    num_examples: Any
    attributes: Mapping[str, Any] = {}


# Board and history keep a training loss as `train_loss`.
PREFIXES = {True: "train_", False: "val_"}

# What the running step has plotted: `{label: value}`, the last value of each.
_tape: ContextVar[dict[str, Any] | None] = ContextVar("tape", default=None)


def in_step() -> bool:
    """Return whether a step of the Trainer is running."""
    return _tape.get() is not None


def record_step(
    model: Any, batch: Any, train: bool, as_scalar: Callable[[Any], Any]
) -> tuple[Any, StepRecord]:
    """
    Run the model's training or validation step; return a training loss, and what it recorded.

    A step that plots decides what the board shows; any other has its results plotted. A returned
    result takes the place of one that was plotted under its name.

    Raises
    ------
    TypeError
        If a training step does not return one number, or a validation step returns anything
        except a loss, `(loss, accuracy)` or None.
    """
    loss: Any = None
    plotted: dict[str, Any] = {}
    returned: dict[str, Any] = {}
    token = _tape.set(plotted)
    try:
        if train:
            loss = model.training_step(batch)
            check_training_loss(loss)
            results = {"loss": loss}
        else:
            results = named_metrics(model.validation_step(batch))
        if not plotted:
            for key, value in results.items():
                model.plot(key, value, train)
    finally:
        _tape.reset(token)
    for key, value in results.items():
        label = PREFIXES[train] + key
        (plotted if label in plotted else returned)[label] = as_scalar(value)
    return loss, StepRecord(plotted, returned, len(batch[-1]))


def plot_results(model: Any, train: bool, **results: Any) -> None:
    """Plot what one of the library's steps returns, unless a reader's own loop does."""
    if in_step() or (model.own_loops_leave_plotting_to_steps and model.trainer is not None):
        for key, value in results.items():
            if getattr(value, "shape", None) == ():  # for any other, the Trainer raises
                model.plot(key, value, train)


def put_on_record(model: Any, key: str, value: Any, train: bool) -> None:
    """Put a plotted value on the tape of the running step, or else on the record of the fit."""
    label, plotted = PREFIXES[bool(train)] + key, _tape.get()
    if plotted is not None:
        plotted[label] = value
        return
    trainer = model.trainer
    if trainer is None:
        raise RuntimeError("plot() needs a Trainer: it records within Trainer.fit")
    recorder = getattr(trainer, "recorder", None)
    if recorder is None:  # a `fit` of the reader's own: a board, as in the book, and no history
        draw_at_once(trainer, model, label, value)
        return
    loader = trainer.train_dataloader if train else trainer.val_dataloader
    step = trainer.train_batch_idx if train else trainer.val_batch_idx
    recorder.add(step, {label: value}, getattr(loader, "batch_examples", 1) or 1, replace=True)


def check_plotted(key: Any, value: Any) -> None:
    """
    Raise unless `key` and `value` can be plotted, whether or not the value is known yet.

    Raises
    ------
    TypeError, ValueError
        If `key` is not a string, or `value` is not one real number.
    """
    if not isinstance(key, str):
        raise TypeError(f"plot() takes a name, such as 'loss', and then a number, got {key!r}")
    shape = getattr(value, "shape", None)
    if shape is None:
        if not isinstance(value, Real):
            raise TypeError(f"plot() takes a number or a tensor of one number, got {value!r}")
        return
    if math.prod(shape) != 1:
        raise ValueError(f"plot() takes one number, got a tensor of shape {tuple(shape)}")
    if "complex" in str(value.dtype):
        raise TypeError(f"plot() takes real numbers, got {dtype_name(value.dtype)}")
