"""
Interrupts of a fit: they take effect between steps, never in the middle of one.

A signal's handler, such as the one that raises KeyboardInterrupt on Ctrl-C, may run before any
bytecode of the main thread: between two parameters of an update, or before a context that turns
gradients off has noted that it did. Within a fit the handlers written in Python therefore wait for
the end of the section that is held. A second signal while one waits is handled at once, so that a
step that never ends can still be interrupted.
"""

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

MAIN = threading.main_thread().ident  # the only thread that handles signals


class _Signals:
    """
    The handlers of the process and the signals that wait; used by the main thread alone.

    Attributes
    ----------
    is_held : bool
        Whether signals wait.
    waiting : list of (int, frame)
        The signal that waits, if there is one.
    """

    def __init__(self) -> None:
        self.is_held = False
        self._handlers: dict[int, Any] = {}
        self.waiting: list[tuple[int, FrameType | None]] = []

    def install(self) -> bool:
        """Put `receive` in the place of handlers that are Python functions; return if any were."""
        found: dict[int, Any] = {k: signal.getsignal(k) for k in signal.valid_signals()}
        new = {k: x for k, x in found.items() if callable(x) and x != self.receive}
        self._handlers |= new
        for number in new:
            signal.signal(number, self.receive)
        return bool(new)

    def uninstall(self) -> None:
        """Put the handlers back, except where someone has set another one since."""
        try:
            for number, handler in self._handlers.items():
                if signal.getsignal(number) == self.receive:
                    signal.signal(number, handler)
        except BaseException:  # of a handler that is back already: the others follow
            self.uninstall()
            raise

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Let a signal wait in a held section; handle any other, and a second one, at once."""
        if self.is_held and not self.waiting:
            self.waiting.append((number, frame))
        else:
            self.waiting.clear()
            self._handlers[number](number, frame)

    def deliver(self) -> None:
        """Handle the signal that waits, unless a second one has just been handled in its place."""
        for number, frame in self.waiting[:1]:
            self.receive(number, frame)


_signals = _Signals()


class _Section:
    """Context in which signals are held, or are not; in other threads it does nothing."""

    # An attribute is set as the last thing on entry and the first on exit: a signal that arrives
    # before or after finds everything as it was outside.
    _is_held: bool
    _before: bool

    def __enter__(self) -> None:
        if threading.get_ident() == MAIN:
            if _signals.waiting and not self._is_held:
                _signals.deliver()
            self._before, _signals.is_held = _signals.is_held, self._is_held

    def __exit__(self, *error: object) -> None:
        if threading.get_ident() == MAIN:
            _signals.is_held = self._before
            if _signals.waiting and not self._before:
                _signals.deliver()


class held(_Section):  # a context manager, named as one
    """Context at whose end a signal that arrives within it is handled."""

    _is_held = True


class allowed(_Section):
    """Context, within a held one, in which signals are handled at once."""

    _is_held = False


class between_steps(_Section):
    """Context of a fit: held, and with the handlers replaced so that they can be."""

    _is_held = True
    _is_outermost = False

    def __enter__(self) -> None:
        try:
            if threading.get_ident() == MAIN:
                self._is_outermost = _signals.install()
            super().__enter__()
        except BaseException:  # of a handler, before signals were held
            _signals.uninstall()
            raise

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)
        finally:
            if self._is_outermost:
                _signals.uninstall()


def interruptible(iterable: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of `iterable`, each fetched in a context in which signals are allowed."""
    iterator, end, window = iter(iterable), object(), allowed()
    while True:
        with window:
            item = next(iterator, end)
        if item is end:
            return
        yield item
