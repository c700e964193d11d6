"""
Processes that stay warm, one for each contender, so that frameworks do not disturb each other.

A worker waits for its next message in a read of a pipe. The threads of PyTorch and of JAX spin for
some milliseconds after their last work and then sleep: an idle worker takes no time.
"""

import importlib
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Packages that may be missing without an error: a backend, or one of the peers.
OPTIONAL = ("flax", "jax", "keras", "lightning", "optax", "torch")


def there_and_back(keys: Iterable[Any], rounds: int) -> Iterator[Any]:
    """Yield the keys in turn, round after round, every second round backwards."""
    keys = list(keys)
    for number in range(rounds):
        yield from keys[:: 1 if number % 2 == 0 else -1]


class Absent(Exception):
    """Error: a package that a contender needs is not installed."""


class Worker:
    """
    Process that constructs one object at a time and calls its methods, or functions.

    Parameters
    ----------
    env : dict of str
        Additional environment variables.
    """

    def __init__(self, env: dict[str, str] | None = None):
        self._errors = tempfile.TemporaryFile()
        self._scratch = tempfile.TemporaryDirectory()
        settings = {
            # Each process would take three quarters of a GPU for itself.
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "MPLBACKEND": "Agg",
            "KERAS_HOME": self._scratch.name,  # Keras writes a settings file
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env={**os.environ, **settings, **(env or {})},
        )
        self._pending = 0

    def make(self, target: str, *args: Any, **kwargs: Any) -> None:
        """Begin to construct `target`, `"module:name"`, in place of the previous object."""
        self._send("make", target, args, kwargs)

    def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """
        Return the result of a method of the object.

        Raises
        ------
        Absent
            If a package that the object needs is not installed.
        RuntimeError
            If the method or the construction of the object raises; with the worker's traceback.
        """
        self._send("ask", method, args, kwargs)
        return self.wait()

    def run(self, target: str, *args: Any, **kwargs: Any) -> Any:
        """Return the result of the function `target`, `"module:name"`; raise as `ask` does."""
        self._send("run", target, args, kwargs)
        return self.wait()

    def wait(self) -> Any:
        """Return the last answer once all messages are answered; raise as `ask` does."""
        answer = None
        while self._pending:
            answer = self._receive()
        return answer

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()
        self._scratch.cleanup()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, *message: Any) -> None:
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        self._pending += 1

    def _receive(self) -> Any:
        try:
            kind, answer = pickle.load(self._process.stdout)
        except EOFError:
            raise self._died() from None
        self._pending -= 1
        if kind == "ok":
            return answer
        while self._pending:  # messages to an object that was not constructed
            self._pending -= 1
            pickle.load(self._process.stdout)
        raise Absent(answer) if kind == "absent" else RuntimeError(f"in a worker:\n{answer}")

    def _died(self) -> RuntimeError:
        self._errors.seek(0)
        tail = self._errors.read().decode(errors="replace")[-2000:]
        return RuntimeError(f"a worker ended unexpectedly; the end of its errors is:\n{tail}")


def run_once(target: str, *args: Any, **kwargs: Any) -> Any:
    """Return the result of the function `target`, `"module:name"`, in a fresh process."""
    with Worker() as worker:
        return worker.run(target, *args, **kwargs)


def serve() -> None:
    """Answer messages from standard input until it ends."""
    messages, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # printed text must not mix with the answers
    made: Any = None
    while True:
        try:
            kind, name, args, kwargs = pickle.load(messages)
        except EOFError:
            return
        try:
            if kind == "ask":
                answer: Any = ("ok", getattr(made, name)(*args, **kwargs))
            else:
                made = None  # frees the previous object
                module, _, attribute = name.partition(":")
                made = getattr(importlib.import_module(module), attribute)(*args, **kwargs)
                answer = ("ok", made if kind == "run" else None)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing in OPTIONAL:
                answer = ("absent", f"{missing} is not installed")
            else:
                answer = ("error", traceback.format_exc())
        except Exception:
            answer = ("error", traceback.format_exc())
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    serve()
