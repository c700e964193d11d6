"""Races: contenders train in turn, round after round, each in a warm process of its own."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.report import Bar, Row
from benchmarks.tasks import Task
from benchmarks.workers import Absent, Worker, there_and_back

ROUNDS = 9
FEW_ROUNDS = 5


@dataclass(frozen=True)
class Contender:
    """
    A way to train a task.

    Attributes
    ----------
    target : str
        `"module:name"` of a class that a worker constructs as `name(task, **arguments)`. Its
        method `epochs(counted, uncounted)` trains from the initial weights and returns a dict:
        `"seconds"`, a list, and `"loss"`, the training loss of the first epoch or None.
    task : Task
    arguments : dict
    env : dict of str
        Additional environment variables of the worker.
    shuffles : bool
        Whether it draws its own order of the examples; otherwise it takes that of `task.order`.
    """

    target: str
    task: Task
    arguments: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    shuffles: bool = False


def fit(task: Task, backend: str, **arguments: Any) -> Contender:
    """Return the contender `Trainer.fit`; `arguments` are those of `benchmarks.fit.Fit`."""
    return Contender("benchmarks.fit:Fit", task, {"backend": backend, **arguments})


def hand(task: Task, backend: str, **arguments: Any) -> Contender:
    """Return the hand-written loop."""
    return Contender(f"benchmarks.hand_{backend}:Hand", task, arguments)


def arithmetic(task: Task, backend: str) -> Contender:
    """Return the matrix products of the task alone."""
    return Contender("benchmarks.arithmetic:Arithmetic", task, {"backend": backend})


class Race:
    """
    Race of contenders.

    Every contender trains for a turn in each round, and every second round goes backwards. Before
    the first round each trains for two epochs that do not count.

    Parameters
    ----------
    contenders : dict of Contender
    rounds : int

    Attributes
    ----------
    seconds : dict of list of float
        Median seconds of an epoch in each round.
    losses : dict of float
        Training loss of the first epoch.
    warm_up : dict of dict
        Answer of each contender's first turn, in which it compiles.
    absent : dict of str
        Reasons why contenders could not take part.

    Raises
    ------
    RuntimeError
        If a contender fails for any reason except a missing package.
    """

    def __init__(self, contenders: Mapping[Any, Contender], rounds: int):
        self.contenders = contenders
        self.seconds: dict[Any, list[float]] = {}
        self.losses: dict[Any, float | None] = {}
        self.warm_up: dict[Any, dict[str, Any]] = {}
        self.absent: dict[Any, str] = {}
        with contextlib.ExitStack() as stack:
            workers = {
                key: stack.enter_context(Worker(contender.env))
                for key, contender in contenders.items()
            }
            for key, contender in contenders.items():  # imports run side by side
                workers[key].make(contender.target, contender.task, **contender.arguments)
            for key, worker in workers.items():
                try:
                    worker.wait()
                except Absent as reason:
                    self.absent[key] = f"skipped: {reason}"
            present = [key for key in contenders if key not in self.absent]
            for key in present:
                self.warm_up[key] = workers[key].ask("epochs", 1, uncounted=1)
                self.losses[key] = self.warm_up[key]["loss"]
                self.seconds[key] = []
            for key in there_and_back(present, rounds):
                task = contenders[key].task
                answer = workers[key].ask("epochs", task.epochs, task.uncounted)
                self.seconds[key].append(float(np.median(answer["seconds"])))

    def ratio(self, row: Row, ours: Any, other: Any, bar: Bar | None = None) -> Row:
        """Return `row` with the ratio of seconds `ours / other`, its spread, bar and warning."""
        missing = self.absent.get(ours) or self.absent.get(other)
        if missing:
            row.note = missing
            return row
        row.value, row.quartiles = paired(self.seconds[ours], self.seconds[other])
        row.seconds, row.bar = float(np.median(self.seconds[other])), bar
        row.note = self.different_work(ours, other) or row.note
        return row

    def epoch(self, row: Row, key: Any, bar: Bar | None = None) -> Row:
        """Return `row` with the milliseconds of an epoch and their spread."""
        if key in self.absent:
            row.note = self.absent[key]
            return row
        low, row.value, high = map(float, np.percentile(self.seconds[key], [25, 50, 75]) * 1e3)
        row.quartiles, row.unit, row.bar = (low, high), "ms", bar
        return row

    def different_work(self, ours: Any, other: Any) -> str:
        """Return a warning if the losses of the first epoch differ, or an empty string."""
        a, b = self.losses[ours], self.losses[other]
        if a is None or b is None:
            return ""
        return "" if close(self.contenders[other], a, b) else f"NOT THE SAME WORK: {b:.4f}, {a:.4f}"


def close(contender: Contender, ours: float, other: float) -> bool:
    """Return whether two first losses are those of the same work."""
    # Each framework draws its own dropout masks.
    tolerance = 0.1 if contender.shuffles or contender.task.dropout else 1e-3
    return abs(ours - other) <= tolerance * abs(ours)  # False for NaN


def paired(ours: Sequence[float], others: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the median and the quartiles of the ratios `ours / others`, round by round."""
    ratios = np.asarray(ours, float) / np.asarray(others, float)
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    return float(middle), (float(low), float(high))
