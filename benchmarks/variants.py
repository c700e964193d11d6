"""Variants of a fit against the plain one: data streamed from the host, and `torch.compile`."""

from collections.abc import Sequence

from benchmarks.race import FEW_ROUNDS, Race, fit
from benchmarks.report import Bar, Row
from benchmarks.tasks import MLP, SOFTMAX, Task, quick

STREAMING, COMPILE = "Streaming", "PyTorch compiled"
RESIDENT = 0.25  # share of the data that may stay on the device


def streaming(is_quick: bool, backends: Sequence[str] = ("jax", "torch")) -> list[Row]:
    """Return the rows of a fit whose data is streamed, against one whose data is resident."""
    rows = []
    for backend in backends:
        for task in image_tasks(is_quick):
            contenders = {
                "resident": fit(task, backend),
                "streamed": fit(task, backend, resident=RESIDENT),
            }
            race = Race(contenders, 2 if is_quick else FEW_ROUNDS)
            note = f"{RESIDENT:.0%} of the data is resident"
            row = Row(STREAMING, f"{task.name}: streamed / resident", backend, note=note)
            rows.append(race.ratio(row, "streamed", "resident", Bar(1.3)))
    return rows


def compiled(is_quick: bool, backends: Sequence[str] = ("torch",)) -> list[Row]:
    """Return the rows of `Trainer(compile=True)`, against the default."""
    rows = []
    for task in image_tasks(is_quick) if "torch" in backends else []:
        contenders = {
            "compiled": fit(task, "torch", trainer={"compile": True}),
            "eager": fit(task, "torch"),
        }
        row = Row(COMPILE, f"{task.name}: compiled / eager, later epochs", "torch")
        rows.append(row)
        try:
            race = Race(contenders, 2 if is_quick else FEW_ROUNDS)
        except RuntimeError as error:  # such as a machine without a C++ compiler
            row.note = f"failed: {str(error).strip().splitlines()[-1]}"
            continue
        race.ratio(row, "compiled", "eager")
        for key, answer in race.warm_up.items():
            what = f"{task.name}: first epoch, {key}"
            rows.append(Row(COMPILE, what, "torch", answer["first"], "s"))
    return rows


def image_tasks(is_quick: bool) -> list[Task]:
    """Return the tasks of variants: softmax regression and the MLP."""
    return [quick(task) if is_quick else task for task in (SOFTMAX, MLP)]
