"""Growth of a fit's time with the number of examples, and with the width of a hidden layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.race import FEW_ROUNDS, Contender, Race, arithmetic, fit
from benchmarks.report import Bar, Row
from benchmarks.tasks import Task, mlp, softmax_regression
from benchmarks.workers import Absent

PART = "Growth"
EXAMPLES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 600_000)
WIDTHS = (16, 64, 256, 1_024, 4_096)
EXAMPLES_FOR_WIDTHS = 10_000
# With fewer examples an epoch has few steps, and its own cost counts.
FLAT_FROM = 10_000


@dataclass
class Curve:
    """
    Curve of seconds against a size.

    Attributes
    ----------
    panel : str
        `"examples"` or `"widths"`.
    label, backend : str
    sizes : list of int
    seconds : list of float
        For an example, or for an epoch.
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
    """Return the seconds an example of fits on more and more examples, and their flatness."""
    sizes = EXAMPLES[:2] if is_quick else EXAMPLES
    contenders = {size: fit(with_epochs(make(size)), backend) for size in sizes}
    turns = {size: seconds / size for size, seconds in in_turn(contenders, is_quick).items()}
    curve = Curve("examples", make(1).name, backend)
    for size in sizes:
        curve.add(size, float(np.median(turns[size])))
    return curve, summary(curve, turns)


def over_widths(backend: str, is_quick: bool) -> list[Curve]:
    """Return the seconds an epoch of the MLP, and those of its matrix products."""
    num_train = 1_000 if is_quick else EXAMPLES_FOR_WIDTHS
    curves = {way.__name__: Curve("widths", way.__name__, backend) for way in (fit, arithmetic)}
    contenders = {
        (way.__name__, width): way(with_epochs(mlp(width, num_train)), backend)
        for width in (WIDTHS[:2] if is_quick else WIDTHS)
        for way in (fit, arithmetic)
    }
    for (label, width), seconds in in_turn(contenders, is_quick).items():
        curves[label].add(width, float(np.median(seconds)))
    return list(curves.values())


def with_epochs(task: Task) -> Task:
    """Return a task whose turns have more epochs, the fewer examples it has."""
    return replace(task, epochs=int(np.clip(100_000 // task.num_train, 1, 20)), uncounted=1)


def in_turn(contenders: dict[Any, Contender], is_quick: bool) -> dict[Any, np.ndarray]:
    """
    Return the seconds of an epoch of each contender in each round.

    All sizes take turns, so that slow seconds of a shared machine fall on all of them.
    """
    race = Race(contenders, 1 if is_quick else FEW_ROUNDS)
    if race.absent:
        raise Absent(next(iter(race.absent.values())).removeprefix("skipped: "))
    return {key: np.array(seconds) for key, seconds in race.seconds.items()}


def summary(curve: Curve, turns: dict[int, np.ndarray]) -> Row:
    """Return the row of the flatness of seconds an example, compared round by round."""
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
    """Return a row for each width: an epoch of the fit against its matrix products."""
    fit, products = [curve for curve in curves if curve.panel == "widths"]
    rows = []
    for width, ours, least in zip(fit.sizes, fit.seconds, products.seconds, strict=True):
        what = f"MLP of {width:,} hidden units: fit / arithmetic"
        rows.append(Row(PART, what, fit.backend, ours / least, "", seconds=least))
    return rows
