"""How the time of a fit grows with the examples, and with the width of a hidden layer."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.report import Bar, Row
from benchmarks.tasks import Task, mlp, softmax_regression
from benchmarks.workers import Absent, Worker, there_and_back

PART = "Growth"
ROUNDS = 5
FIT, ARITHMETIC = "benchmarks.fit:Fit", "benchmarks.arithmetic:Arithmetic"
EXAMPLES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 600_000)
WIDTHS = (16, 64, 256, 1_024, 4_096)
EXAMPLES_FOR_WIDTHS = 10_000
# Below this an epoch has few steps, and its own cost counts.
FLAT_FROM = 10_000


@dataclass
class Curve:
    """
    Seconds against a size.

    Attributes
    ----------
    panel : str
        `"examples"` or `"widths"`.
    label, backend : str
    sizes : list of int
    seconds : list of float
        An example, or an epoch.
    """

    panel: str
    label: str
    backend: str
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, size: int, seconds: float) -> None:
        """Add a point."""
        self.sizes.append(size)
        self.seconds.append(seconds)


def measure(
    is_quick: bool, backends: Sequence[str] = ("jax", "torch")
) -> tuple[list[Row], list[Curve]]:
    """Return the rows, and the curves to draw."""
    rows, curves = [], []
    for backend in backends:
        try:
            for make in (softmax_regression, lambda n: mlp(256, n)):
                curve, flatness = over_examples(make, backend, is_quick)
                curves.append(curve)
                rows.append(flatness)
            found = over_widths(backend, is_quick)
        except Absent as reason:
            rows.append(Row(PART, "all", backend, note=f"skipped: {reason}"))
            continue
        curves += found
        rows += points(found)
    return rows, curves


def over_examples(make: Callable[[int], Task], backend: str, is_quick: bool) -> tuple[Curve, Row]:
    """Return the seconds an example of fits on more and more examples, and how flat they are."""
    sizes = EXAMPLES[:2] if is_quick else EXAMPLES
    tasks = {size: (FIT, make(size)) for size in sizes}
    turns = {size: seconds / size for size, seconds in in_turn(tasks, backend, is_quick).items()}
    curve = Curve("examples", make(1).name, backend)
    for size in sizes:
        curve.add(size, float(np.median(turns[size])))
    return curve, summary(curve, turns)


def over_widths(backend: str, is_quick: bool) -> list[Curve]:
    """Return the seconds an epoch of the MLP, and those of its matrix products."""
    curves = {FIT: Curve("widths", "fit", backend)}
    curves[ARITHMETIC] = Curve("widths", "arithmetic", backend)
    tasks = {
        (target, width): (target, mlp(width, 1_000 if is_quick else EXAMPLES_FOR_WIDTHS))
        for width in (WIDTHS[:2] if is_quick else WIDTHS)
        for target in curves
    }
    for (target, width), seconds in in_turn(tasks, backend, is_quick).items():
        curves[target].add(width, float(np.median(seconds)))
    return list(curves.values())


def in_turn(
    tasks: dict[Any, tuple[str, Task]], backend: str, is_quick: bool
) -> dict[Any, np.ndarray]:
    """
    Return the seconds of an epoch of each task in each round.

    A turn is the more epochs, the fewer examples there are. Each has a warm process of its own,
    so that a machine that is slower for some seconds, as shared ones are, is so for all of them.
    """
    seconds: dict[Any, list[float]] = {key: [] for key in tasks}
    with contextlib.ExitStack() as stack:
        workers = {key: stack.enter_context(Worker()) for key in tasks}
        for key, (target, task) in tasks.items():
            workers[key].make(target, task, backend)
            workers[key].ask("epochs", 1)
        for key in there_and_back(tasks, 1 if is_quick else ROUNDS):
            epochs = int(np.clip(100_000 // tasks[key][1].num_train, 1, 20))
            seconds[key].append(float(np.median(workers[key].ask("epochs", epochs)["seconds"])))
    return {key: np.array(values) for key, values in seconds.items()}


def summary(curve: Curve, turns: dict[int, np.ndarray]) -> Row:
    """Return the row that says how flat the seconds an example are, compared round by round."""
    what = f"{curve.label}: most / least seconds an example"
    large = np.array([seconds for size, seconds in turns.items() if size >= FLAT_FROM])
    if not large.size:
        return Row(PART, what, curve.backend, note=f"no data of {FLAT_FROM:,} examples or more")
    relative = np.median(large / np.exp(np.log(large).mean(axis=0)), axis=1)
    first, last = curve.sizes[0], curve.sizes[-1]
    note = (
        f"of {FLAT_FROM:,} to {last:,} examples; {1e6 * curve.seconds[-1]:.3g} us an example; "
        f"with {first:,} examples {np.median(turns[first] / turns[last]):.3g} times that"
    )
    flatness = float(relative.max() / relative.min())
    return Row(PART, what, curve.backend, flatness, "", bar=Bar(1.2), note=note)


def points(curves: Sequence[Curve]) -> list[Row]:
    """Return a row a width: the seconds of a fit's epoch, beside those of its products."""
    fit, products = [curve for curve in curves if curve.panel == "widths"]
    rows = []
    for width, ours, least in zip(fit.sizes, fit.seconds, products.seconds, strict=True):
        what = f"MLP of {width:,} hidden units: fit / arithmetic"
        rows.append(Row(PART, what, fit.backend, ours / least, "", seconds=least))
    return rows
