"""Variants of a fit against the plain one: data streamed from the host, and `torch.compile`."""

import contextlib
from collections.abc import Sequence
from typing import Any

from benchmarks.ratios import MLP, different_work, paired, run_rounds
from benchmarks.report import Bar, Row
from benchmarks.tasks import TASKS, Task, quick
from benchmarks.workers import Absent, Worker

STREAMING, COMPILE = "Streaming", "PyTorch compiled"
ROUNDS = 5
ROOM = 0.25  # the share of the data that may stay on the device


def streaming(is_quick: bool, backends: Sequence[str] = ("jax", "torch")) -> list[Row]:
    """Return the rows of a fit whose data is streamed, against one whose data is resident."""
    rows = []
    for backend in backends:
        for task in image_tasks(is_quick):
            what = f"{task.name}: streamed / resident"
            try:
                seconds, _, warning = race(task, backend, {"room": ROOM}, is_quick)
            except Absent as reason:
                rows.append(Row(STREAMING, what, backend, note=f"skipped: {reason}"))
                continue
            note = warning or f"room for {ROOM:.0%} of it"
            row = Row(STREAMING, what, backend, bar=Bar(1.3), note=note)
            row.value, row.quartiles = paired(seconds["variant"], seconds["fit"])
            rows.append(row)
    return rows


def compiled(is_quick: bool, backends: Sequence[str] = ("torch",)) -> list[Row]:
    """Return the rows of `Trainer(compile=True)`, against the default."""
    rows = []
    if "torch" not in backends:
        return []
    for task in image_tasks(is_quick):
        what = f"{task.name}: compiled / eager"
        try:
            seconds, first, warning = race(task, "torch", {"trainer": {"compile": True}}, is_quick)
        except Absent as reason:
            rows.append(Row(COMPILE, what, "torch", note=f"skipped: {reason}"))
            continue
        except RuntimeError as error:  # such as a machine without a C++ compiler
            last = str(error).strip().splitlines()[-1]
            rows.append(Row(COMPILE, what, "torch", note=f"failed: {last}"))
            continue
        row = Row(COMPILE, f"{what}, later epochs", "torch", note=warning)
        row.value, row.quartiles = paired(seconds["variant"], seconds["fit"])
        rows.append(row)
        for name, key in (("compiled", "variant"), ("eager", "fit")):
            what = f"{task.name}: first epoch, {name}"
            rows.append(Row(COMPILE, what, "torch", first[key], "s"))
    return rows


def race(task: Task, backend: str, arguments: dict[str, Any], is_quick: bool) -> Any:
    """
    Train by the plain fit and by the variant in turn.

    Returns
    -------
    seconds, first : dicts with the keys `"fit"` and `"variant"`
        Of each round; of the first epoch in a fresh process.
    warning : str
        If the losses show that the work differed.
    """
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker()) for name in ("fit", "variant")}
        first = {}
        for name, worker in workers.items():
            extra = arguments if name == "variant" else {}
            worker.make("benchmarks.fit:Fit", task, backend, **extra)
            first[name] = worker.ask("epochs", 1)["first"]
        by_key = {(backend, name): worker for name, worker in workers.items()}
        seconds, losses = run_rounds(task, by_key, rounds=2 if is_quick else ROUNDS)
    warning = different_work(task, "variant", losses[backend, "fit"], losses[backend, "variant"])
    return {name: seconds[backend, name] for name in workers}, first, warning


def image_tasks(is_quick: bool) -> list[Task]:
    """Return the tasks of variants: softmax regression and the MLP."""
    tasks = [task for task in TASKS if task.name in ("softmax regression", MLP)]
    return [quick(task) if is_quick else task for task in tasks]
