"""
Bars of the training core, each against a named alternative that does the same work.

The alternatives: the loop by hand, the fit without a reader's patches, the first fit before a
refit, and the twin's file.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks import inside, structure
from benchmarks.cells import CELLS
from benchmarks.race import ROUNDS, Contender, Race, fit, hand
from benchmarks.report import Bar, Row
from benchmarks.tasks import DROPOUT, LENET, LINEAR, LIST, MLP, TASKS, Task, quick
from benchmarks.workers import Absent, run_once

PART = "Core"
BY_HAND, BY_BATCH = "hand", "hand, a batch at a time"
PATCHED = (LINEAR.name, DROPOUT.name, LENET.name)
REFITTED = (LINEAR, MLP, LENET)

# By backend and task; other tasks have the bar of None.
HAND_BARS = {
    ("jax", None): Bar(1.10),
    ("jax", LENET.name): Bar(1.15),
    ("jax", LIST.name): Bar(1.3),
    ("torch", None): Bar(1.10),
    ("torch", LIST.name): Bar(1.3),
}
PATCH_BAR = Bar(1.3)
LINEAR_BAR = Bar(0.5)  # milliseconds an epoch
REFIT_BAR = Bar(0.05)  # seconds


def measure(
    is_quick: bool, names: Sequence[str] = (), backends: Sequence[str] = ("jax", "torch")
) -> list[Row]:
    """Return the rows of all tasks, or of the named ones, and those of refits and structure."""
    rows = []
    for task in TASKS:
        if not names or task.name in names:
            for backend in backends:
                rows += epochs(
                    quick(task) if is_quick else task, backend, 2 if is_quick else ROUNDS
                )
    if "jax" in backends:
        for task in REFITTED:
            if not names or task.name in names:
                rows += refits(quick(task) if is_quick else task, processes=1 if is_quick else 3)
    return rows if names else rows + entered(backends)


def contenders(task: Task, backend: str) -> dict[str, Contender]:
    """Return the fit of a task and what it is compared with."""
    found = {"fit": fit(task, backend)}
    if backend == "torch":
        found[BY_HAND] = hand(task, backend)
    elif task.channels or task.as_list:
        # On a CPU a convolution in a scan is slow, and a list is not one array to scan over.
        found[BY_HAND] = hand(task, backend, at_once=False)
    else:
        found[BY_HAND] = hand(task, backend)
        found[BY_BATCH] = hand(task, backend, at_once=False)
    if task.name in PATCHED:
        found |= {cell: fit(task, backend, cell=cell) for cell in CELLS}
    return found


def epochs(task: Task, backend: str, rounds: int) -> list[Row]:
    """Return the rows of a task: an epoch of its fit, and the ratios."""
    race = Race(contenders(task, backend), rounds)

    def row(what: str) -> Row:
        return Row(PART, f"{task.name}: {what}", backend)

    is_jax = backend == "jax"
    is_linear = task.name == LINEAR.name
    rows = [race.epoch(row("an epoch of fit"), "fit", LINEAR_BAR if is_jax and is_linear else None)]
    for key in (BY_HAND, BY_BATCH):
        if key in race.contenders:
            bar = HAND_BARS.get((backend, task.name), HAND_BARS[backend, None])
            bar = Bar(1.0) if key == BY_BATCH else bar
            rows.append(race.ratio(row(f"fit / {key}"), "fit", key, bar))
    for cell in CELLS:
        if cell in race.contenders:
            bar = PATCH_BAR if is_jax else None
            rows.append(race.ratio(row(f"fit with patched {cell} / fit"), cell, "fit", bar))
    return rows


def refits(task: Task, processes: int) -> list[Row]:
    """Return the seconds that a fit compiles for: the first, a refit, and in a later process."""

    def row(what: str, values: Sequence[float], bar: Bar | None = None, note: str = "") -> Row:
        low, middle, high = map(float, np.percentile(values, [0, 50, 100]))
        spread = f"{low:.3g} to {high:.3g} s"
        note = f"{note}; {spread}" if note else spread
        return Row(PART, f"{task.name}: {what}", "jax", middle, "s", bar=bar, note=note)

    try:
        first, *later = run_once(f"{inside.__name__}:fits", task, "jax", times=1 + processes)
        others = [
            run_once(f"{inside.__name__}:fits", task, "jax", times=1)[0] for _ in range(processes)
        ]
    except Absent as reason:
        return [Row(PART, f"{task.name}: refits", "jax", note=f"skipped: {reason}")]
    return [
        row(
            "the first fit compiles for",
            [first["compiling"]],
            note="less if an earlier run has filled the library's cache",
        ),
        row("a refit compiles for", [x["compiling"] for x in later], REFIT_BAR),
        row("a fit in a later process compiles for", [x["compiling"] for x in others], REFIT_BAR),
    ]


def entered(backends: Sequence[str]) -> list[Row]:
    """Return the rows of a fit's functions and files, and of what the trainers share."""
    rows = []
    for backend in backends:
        max_functions, max_files = structure.BARS[backend]
        what = "linear regression, the first fit"
        try:
            found = run_once(f"{structure.__name__}:entered", backend)
        except Absent as reason:
            rows.append(Row(PART, f"{what}: functions", backend, note=f"skipped: {reason}"))
            continue
        note = f"{found['calls']:,} calls, {found['jumps']:,} of them into another file"
        rows += [
            Row(PART, f"{what}: functions", backend, found["functions"], bar=Bar(max_functions)),
            Row(PART, f"{what}: files", backend, found["files"], bar=Bar(max_files), note=note),
        ]
    share = structure.shared_lines("training/trainer.py")
    what = "training/trainer.py: lines in common with the twin"
    return [*rows, Row(PART, what, "both", 100 * share, "%", bar=Bar(60, at_least=True))]
