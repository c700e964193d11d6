"""Two pictures: ratios as points on a line, and growth on logarithmic axes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.growth import Curve
from benchmarks.report import Row

COLORS = {"jax": "C0", "torch": "C1"}
NAMES = {"jax": "JAX", "torch": "PyTorch"}
RATIO_TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
# By label, so that a line style has one meaning in both panels.
STYLES = {"MLP": "o-", "fit": "o-", "softmax regression": "s--", "arithmetic": "x:"}


def draw_ratios(rows: Sequence[Row], path: Path) -> None:
    """Draw the median ratio of every row that has one, its quartiles and its bar."""
    rows = [row for row in rows if is_ratio(row)][::-1]
    figure = Figure(figsize=(9, 1.5 + 0.27 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for y, row in enumerate(rows):
        value, (low, high) = row.value, row.quartiles
        color = COLORS[row.backend]
        axes.errorbar(
            value, y, xerr=[[value - low], [high - value]], fmt="o", color=color, capsize=3
        )
        if row.bar:
            axes.plot(row.bar.limit, y, "|", color="C3", markersize=14, markeredgewidth=2.5)
    axes.axvline(1, color="gray", linewidth=1)
    axes.set_yticks(np.arange(len(rows)), [f"{row.what}  [{NAMES[row.backend]}]" for row in rows])
    axes.set_xscale("log")
    axes.set_xticks(RATIO_TICKS, [f"{tick:g}" for tick in RATIO_TICKS])
    axes.minorticks_off()
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel("ratio of seconds: median, quartiles, and in red the bar")
    axes.grid(alpha=0.3)
    save(figure, path)


def is_ratio(row: Row) -> bool:
    """Return whether a row is a measured ratio with its spread."""
    return row.value is not None and row.quartiles is not None and not row.unit


def draw_growth(curves: Sequence[Curve], path: Path) -> None:
    """Draw seconds an example against examples, and seconds an epoch against the width."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_panel(left, [curve for curve in curves if curve.panel == "examples"], scale=1e6)
    left.set(xlabel="training examples", ylabel="microseconds an example", title="Fit")
    left.set_ylim(bottom=0.8 * min(left.get_ylim()[0], 1), top=1.25 * left.get_ylim()[1])
    draw_panel(right, [curve for curve in curves if curve.panel == "widths"])
    right.set(xlabel="hidden units", ylabel="seconds an epoch")
    right.set_title("MLP: fit, and its matrix products alone")
    save(figure, path)


def draw_panel(axes: Axes, curves: Sequence[Curve], scale: float = 1) -> None:
    """Draw curves on logarithmic axes."""
    for curve in curves:
        label = f"{curve.label}, {NAMES[curve.backend]}"
        seconds = scale * np.array(curve.seconds)
        axes.loglog(
            curve.sizes, seconds, STYLES[curve.label], color=COLORS[curve.backend], label=label
        )
    sizes = sorted({size for curve in curves for size in curve.sizes})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize="small", rotation=30)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=[1, 2, 5]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=2)


def save(figure: Figure, path: Path) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, bbox_inches="tight")
