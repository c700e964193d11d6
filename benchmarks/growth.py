"""How the time of a fit grows with the examples, and with the width of a hidden layer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.report import Bar, Row
from benchmarks.tasks import Task, mlp, softmax_regression
from benchmarks.workers import Absent, Worker

PART = "Growth"
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
            with Worker() as worker:
                found = [
                    *over_examples(worker, backend, is_quick),
                    *over_widths(worker, backend, is_quick),
                ]
        except Absent as reason:
            rows.append(Row(PART, "all", backend, note=f"skipped: {reason}"))
            continue
        curves += found
        rows += [summary(curve) for curve in found if curve.panel == "examples"]
        rows += points(found)
    return rows, curves


def over_examples(worker: Worker, backend: str, is_quick: bool) -> list[Curve]:
    """Return the seconds an example of softmax regression and MLP."""
    curves = []
    for make in (softmax_regression, lambda n: mlp(256, n)):
        curve = Curve("examples", make(1).name, backend)
        for size in EXAMPLES[:2] if is_quick else EXAMPLES:
            curve.add(size, seconds_of_fit(worker, make(size), backend) / size)
        curves.append(curve)
    return curves


def over_widths(worker: Worker, backend: str, is_quick: bool) -> list[Curve]:
    """Return the seconds an epoch of the MLP, and those of its matrix products."""
    fit, products = Curve("widths", "fit", backend), Curve("widths", "arithmetic", backend)
    for width in WIDTHS[:2] if is_quick else WIDTHS:
        task = mlp(width, 1_000 if is_quick else EXAMPLES_FOR_WIDTHS)
        fit.add(width, seconds_of_fit(worker, task, backend))
        worker.make("benchmarks.arithmetic:Arithmetic", task, backend)
        turns = [worker.ask("epochs", 1)["seconds"][0] for _ in range(3)]
        products.add(width, float(np.median(turns)))
    return [fit, products]


def seconds_of_fit(worker: Worker, task: Task, backend: str) -> float:
    """Return the median seconds of an epoch; the smaller the data, the more epochs."""
    worker.make("benchmarks.fit:Fit", task, backend)
    epochs = int(np.clip(100_000 // task.num_train, 1, 20))
    return float(np.median(worker.ask("epochs", epochs)["seconds"]))


def summary(curve: Curve) -> Row:
    """Return the row that says how flat the seconds an example are."""
    sizes, seconds = np.array(curve.sizes), np.array(curve.seconds)
    what = f"{curve.label}: most / least seconds an example"
    large = seconds[sizes >= FLAT_FROM]
    if not large.size:
        return Row(PART, what, curve.backend, note=f"no data of {FLAT_FROM:,} examples or more")
    note = (
        f"of {FLAT_FROM:,} to {sizes.max():,} examples; {1e6 * seconds[-1]:.3g} us an example; "
        f"with {sizes.min():,} examples {seconds[0] / seconds[-1]:.3g} times that"
    )
    return Row(
        PART, what, curve.backend, float(large.max() / large.min()), "", bar=Bar(1.2), note=note
    )


def points(curves: Sequence[Curve]) -> list[Row]:
    """Return a row a width: the seconds of a fit's epoch, beside those of its products."""
    fit, products = [curve for curve in curves if curve.panel == "widths"]
    rows = []
    for width, ours, least in zip(fit.sizes, fit.seconds, products.seconds, strict=True):
        what = f"MLP of {width:,} hidden units: fit / arithmetic"
        rows.append(Row(PART, what, fit.backend, ours / least, "", seconds=least))
    return rows
