"""
Progress of a fit on standard error: a bar in a terminal, or a line an epoch.

It is updated where the values of steps are read anyway, at the end of an epoch and twice a second
in a long one, so that no step waits for it.
"""

import importlib.util
import os
import sys
import time
from typing import Any

from d2l_common.training.history import History

DELAY = 0.5  # seconds before a bar appears: a fit of the blink of an eye shows none
INTERVAL = 0.1  # seconds between two updates, also of epochs of a millisecond
FORMAT = "{desc}: {percentage:3.0f}%|{bar:10}| {elapsed}<{remaining}{postfix}"
FRAME = len(": 100%|1234567890| 1:00:00<1:00:00, ")  # around the name and the values


class Progress:
    """
    Progress that is shown nowhere, and the base class of those that are.

    Parameters
    ----------
    max_epochs : int
    """

    def __init__(self, max_epochs: int):
        self.max_epochs = max_epochs

    def begin_epoch(self, epoch: int) -> None:
        """Take note that epoch number `epoch`, from 0, begins."""

    def update(self, position: float, history: History, is_end: bool = False) -> None:
        """
        Show how far a fit is.

        Parameters
        ----------
        position : float
            The number of epochs that are done, such as 2.25.
        history : History
            The record so far, whose latest losses and accuracies are shown.
        is_end : bool
            Whether an epoch has ended.
        """

    def clear(self) -> None:
        """Clear the line for other output."""

    def close(self) -> None:
        """Leave the last line as it is."""


class Lines(Progress):
    """A line an epoch, for a log."""

    def begin_epoch(self, epoch: int) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def update(self, position: float, history: History, is_end: bool = False) -> None:
        """Write a line if an epoch has ended."""
        if is_end:
            seconds = time.perf_counter() - self._began
            values = ", ".join([f"{seconds:.2f} s", *format_values(history)])
            title = f"epoch {position:.0f}/{self.max_epochs}"
            print(f"{title}: {values}", file=sys.stderr, flush=True)


class Bar(Progress):
    """A bar of tqdm, which is imported when the first epoch begins."""

    _bar: Any = None
    _due: tuple[float, History] | None = None
    _next_update = 0.0

    def begin_epoch(self, epoch: int) -> None:
        """Name the epoch; create the bar in the first one, also that of a resumed fit."""
        title = f"epoch {epoch + 1}/{self.max_epochs}"
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=title,
                total=self.max_epochs,
                initial=epoch,
                delay=DELAY,
                mininterval=INTERVAL,
                miniters=0,
                bar_format=FORMAT,
                dynamic_ncols=True,
                file=sys.stderr,
            )
        self._bar.set_description_str(title, refresh=False)

    def update(self, position: float, history: History, is_end: bool = False) -> None:
        """Move the bar, if the last time was `INTERVAL` seconds ago."""
        self._due = position, history
        if time.perf_counter() >= self._next_update:
            self._move()

    def clear(self) -> None:
        """Clear the line of the bar, until it is drawn again."""
        if self._bar is not None:
            self._bar.clear()

    def close(self) -> None:
        """Show the last state of the fit, and end the line."""
        if self._bar is not None:
            self._move()
            self._bar.close()
        self._bar = self._due = None

    def _move(self) -> None:
        """Move the bar to what the last update told."""
        self._next_update = time.perf_counter() + INTERVAL
        if self._bar is not None and self._due is not None:
            position, history = self._due
            texts = format_values(history)
            room = columns() - len(self._bar.desc) - FRAME
            while len(texts) > 1 and len(", ".join(texts)) > room:
                del texts[0]  # those of validation come last; tqdm would cut off numbers
            self._bar.set_postfix_str(", ".join(texts), refresh=False)
            self._bar.update(position - self._bar.n)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes of a copy, which does not share the terminal."""
        return {**vars(self), "_bar": None, "_due": None}


def make_progress(progress: bool | None, max_epochs: int) -> Progress:
    """
    Return the progress to show.

    Parameters
    ----------
    progress : bool, optional
        None shows a bar where standard error is a terminal, and nothing elsewhere; True a bar or,
        elsewhere, a line an epoch; False nothing. Without tqdm a terminal gets the lines.
    max_epochs : int
    """
    # A bar needs a terminal: in a file each of its states would be a line.
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if progress is False or not (progress or is_terminal):
        return Progress(max_epochs)
    has_bar = is_terminal and importlib.util.find_spec("tqdm") is not None
    return Bar(max_epochs) if has_bar else Lines(max_epochs)


def columns() -> int:
    """Return the width of the terminal; a large number if that is not known."""
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):  # a stream of one's own
        width = 0
    return width or 10**6


def format_values(history: History) -> list[str]:
    """Return the latest losses and accuracies as texts such as `val_acc 0.8431`."""
    return [f"{label} {value:.4g}" for label, value in history.latest().items()]
