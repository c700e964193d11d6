"""Seconds an epoch of `Trainer.fit` against other ways to train the same model."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.report import Bar, Row, times_as_fast
from benchmarks.tasks import TASKS, Task, quick
from benchmarks.workers import Absent, Worker, there_and_back

ROUNDS = 9
MLP, SOFTMAX = "MLP", "softmax regression"
BY_BATCH, BY_HAND = "hand, a batch at a time", "hand"


@dataclass(frozen=True)
class Contender:
    """Who trains: its name, the object that does it in a worker, and its arguments."""

    name: str
    target: str
    arguments: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


CONTENDERS = {
    "jax": (
        Contender("fit", "benchmarks.fit:Fit", {"backend": "jax"}),
        Contender(BY_HAND, "benchmarks.hand_jax:Hand"),
        Contender(BY_BATCH, "benchmarks.hand_jax:Hand", {"at_once": False}),
        Contender("keras", "benchmarks.peers:Keras", env={"KERAS_BACKEND": "jax"}),
        Contender("arithmetic", "benchmarks.arithmetic:Arithmetic", {"backend": "jax"}),
    ),
    "torch": (
        Contender("fit", "benchmarks.fit:Fit", {"backend": "torch"}),
        Contender(BY_HAND, "benchmarks.hand_torch:Hand"),
        Contender("keras", "benchmarks.peers:Keras", env={"KERAS_BACKEND": "torch"}),
        Contender("lightning", "benchmarks.peers:Lightning"),
        Contender("arithmetic", "benchmarks.arithmetic:Arithmetic", {"backend": "torch"}),
    ),
}
PEERS = ("keras", "lightning")

# By backend, contender and task; None stands for every task.
BARS: dict[tuple[str, str, str | None], Bar] = {
    ("jax", BY_HAND, None): Bar(1.10),
    ("jax", BY_BATCH, None): Bar(1.0),
    ("torch", BY_HAND, None): Bar(1.10),
    ("jax", "keras", SOFTMAX): times_as_fast(1.8),
    ("jax", "keras", MLP): times_as_fast(1.1),
    ("torch", "keras", SOFTMAX): times_as_fast(3),
    ("torch", "keras", MLP): times_as_fast(2),
    ("torch", "lightning", SOFTMAX): times_as_fast(4),
    ("torch", "lightning", MLP): times_as_fast(1.6),
}


def measure(is_quick: bool, names: Sequence[str] = (), backends: Sequence[str] = ()) -> list[Row]:
    """Return the rows of all tasks, or of those named."""
    tasks = [task for task in TASKS if not names or task.name in names]
    contenders = {
        (backend, contender.name): contender
        for backend in backends or CONTENDERS
        for contender in CONTENDERS[backend]
    }
    rows = []
    with contextlib.ExitStack() as stack:
        workers = {key: stack.enter_context(Worker(c.env)) for key, c in contenders.items()}
        for task in tasks:
            task = quick(task) if is_quick else task
            # The products of a linear regression take some nanoseconds: no yardstick.
            keys = [k for k in contenders if not (task.is_regression and k[1] == "arithmetic")]
            taking_part = {key: workers[key] for key in keys}
            absent = prepare(task, contenders, taking_part)
            present = {key: worker for key, worker in taking_part.items() if key not in absent}
            seconds, losses = run_rounds(task, present, rounds=2 if is_quick else ROUNDS)
            for key in keys:
                rows.append(row(task, key, seconds, losses, absent))
    return rows


def prepare(task: Task, contenders: Mapping[Any, Contender], workers: Mapping[Any, Worker]) -> Any:
    """Have every worker make its contender and warm it up; return who is absent, and why."""
    absent = {}
    for key, worker in workers.items():  # they import side by side
        worker.make(contenders[key].target, task, **contenders[key].arguments)
    for key, worker in workers.items():
        try:
            worker.wait()
        except Absent as reason:
            absent[key] = f"skipped: {reason}"
    for key, worker in workers.items():
        if key not in absent:
            worker.ask("epochs", 1, uncounted=1)
    return absent


def run_rounds(task: Task, workers: Mapping[Any, Worker], rounds: int) -> tuple[Any, Any]:
    """Ask the workers in turn, round after round, there and back; return seconds and losses."""
    seconds: dict[Any, list[float]] = {key: [] for key in workers}
    losses: dict[Any, float | None] = {}
    for key in there_and_back(workers, rounds):
        # An epoch of a peer takes a second or so on images: one a turn is enough.
        one = key[1] in PEERS and not task.is_regression
        counts = (1, 0) if one else (task.epochs, task.uncounted)
        answer = workers[key].ask("epochs", *counts)
        seconds[key].append(float(np.median(answer["seconds"])))
        losses.setdefault(key, answer["loss"])
    return seconds, losses


def paired(ours: Sequence[float], others: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the median and the quartiles of the ratios `ours / others`, round by round."""
    ratios = np.asarray(ours, float) / np.asarray(others, float)
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    return float(middle), (float(low), float(high))


def row(task: Task, key: Any, seconds: Any, losses: Any, absent: Any) -> Row:
    """Return the row of one contender: how `fit` compares with it."""
    backend, name = key
    fit = (backend, "fit")
    row = Row("Ratios: fit / other", f"{task.name}: fit / {name}", backend)
    if name == "fit":
        row.what = f"{task.name}: fit"
    if key in absent:
        row.note = absent[key]
        return row
    row.seconds = float(np.median(seconds[key]))
    if name != "fit" and fit in seconds:
        row.value, row.quartiles = paired(seconds[fit], seconds[key])
        row.bar = BARS.get((backend, name, task.name), BARS.get((backend, name, None)))
        row.note = different_work(task, name, losses[fit], losses[key])
    return row


def different_work(task: Task, name: str, ours: float, other: float | None) -> str:
    """Return nothing, or a warning if the first epoch's losses show that the work differed."""
    if other is None:
        return ""
    # The same weights on the same minibatches; peers shuffle, and masks are each one's own.
    tolerance = 0.1 if name in PEERS or task.dropout else 1e-3
    if abs(ours - other) <= tolerance * abs(ours):
        return ""
    return f"NOT THE SAME WORK: a first loss of {other:.4f}, fit's is {ours:.4f}"
