"""Ratios of `Trainer.fit` to its peers, and to the matrix products alone."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.race import ROUNDS, Contender, Race, arithmetic, fit
from benchmarks.report import Row, times_as_fast
from benchmarks.tasks import DROPOUT, LINEAR, MLP, SOFTMAX, Task, quick

PART = "Ratios: fit / peer"
TASKS = (LINEAR, SOFTMAX, MLP, DROPOUT)

# By backend, contender and task.
BARS = {
    ("jax", "keras", SOFTMAX.name): times_as_fast(1.8),
    ("jax", "keras", MLP.name): times_as_fast(1.1),
    ("torch", "keras", SOFTMAX.name): times_as_fast(3),
    ("torch", "keras", MLP.name): times_as_fast(2),
    ("torch", "lightning", SOFTMAX.name): times_as_fast(4),
    ("torch", "lightning", MLP.name): times_as_fast(1.6),
}


def measure(
    is_quick: bool, names: Sequence[str] = (), backends: Sequence[str] = ("jax", "torch")
) -> list[Row]:
    """Return the rows of all tasks, or of the named ones."""
    rows = []
    for task in TASKS:
        if names and task.name not in names:
            continue
        task = quick(task) if is_quick else task
        race = Race(
            {(backend, name): c for backend in backends for name, c in contenders(task, backend)},
            2 if is_quick else ROUNDS,
        )
        for backend, name in race.contenders:
            row = Row(PART, f"{task.name}: fit / {name}", backend)
            if name == "fit":
                row.what = f"{task.name}: an epoch of fit"
                rows.append(race.epoch(row, (backend, name)))
            else:
                bar = BARS.get((backend, name, task.name))
                rows.append(race.ratio(row, (backend, "fit"), (backend, name), bar))
    return rows


def contenders(task: Task, backend: str) -> list[tuple[str, Contender]]:
    """Return the names and contenders of a race on one backend."""
    # An epoch of a peer takes a second or so on images: a turn has one.
    short = task if task.is_regression else replace(task, epochs=1, uncounted=0)
    keras = Contender(
        "benchmarks.peers:Keras", short, env={"KERAS_BACKEND": backend}, shuffles=True
    )
    found = [("fit", fit(task, backend)), ("keras", keras)]
    if backend == "torch":
        found.append(("lightning", Contender("benchmarks.peers:Lightning", short, shuffles=True)))
    # The products of a linear regression take some nanoseconds, too little to compare with.
    return found if task.is_regression else [*found, ("arithmetic", arithmetic(task, backend))]
