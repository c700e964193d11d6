"""
The board on which training shows its progress (section 3.2.1).

Recording is not drawing: `draw` records a point, and draws the lines only in a notebook and at a
bounded rate (`cell.py`). matplotlib is imported when it is first used.
"""

import math
import sys
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.hyperparameters import HyperParameters
from d2l_common.plotting.cell import RunningCell

LARGEST_DRAWN = 1e300
# A legend above the axes, clear of the curves.
ABOVE: dict[str, Any] = {
    "loc": "lower center",
    "bbox_to_anchor": (0.5, 1),
    "frameon": False,
    "borderaxespad": 0.2,
    "columnspacing": 1.2,
    "handlelength": 1.6,
    "handletextpad": 0.5,
}
CHARACTERS_PER_INCH, MARK = 14.5, 6.5  # of a legend: the mark and its space in characters


class Point(NamedTuple):
    """A point of a line."""

    x: float
    y: float


class ProgressBoard(RunningCell, HyperParameters):
    """
    A figure of lines that grow while a model trains (section 3.2.1).

    Parameters
    ----------
    xlabel, ylabel : str, optional
        The names of the axes.
    xlim, ylim : pair of float, optional
        The limits of the axes; by default they follow the points.
    xscale, yscale : str
        `'linear'`, `'log'`, or another scale of matplotlib.
    ls, colors : sequence of str
        Line styles and colours of the lines. They repeat if there are more lines, combined so that
        as many lines as possible look different.
    fig, axes : matplotlib figure and axes, optional
        Where to draw. The axes are cleared for each drawing. By default every drawing is a new
        figure, outside pyplot.
    figsize : pair of float
        Width and height of the figure in inches.
    display : bool
        Whether a notebook shows the board.

    Attributes
    ----------
    data : dict of list of Point
        The points of each line by label, averages of `every_n` recorded points.
    raw_points : dict of list of Point
        The points of each line that are not yet part of an average.

    Notes
    -----
    All parameters are attributes, too; a change takes effect at the next drawing.

    Examples
    --------
    >>> board = ProgressBoard('x')
    >>> for x in range(4):
    ...     board.draw(x, x ** 2, 'square', every_n=2)
    >>> board.data['square']
    [Point(x=0.5, y=0.5), Point(x=2.5, y=6.5)]
    """

    machinery: tuple[str, ...] = ("animate", "draw_many", "raw_points")

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        xlim: Sequence[float] | None = None,
        ylim: Sequence[float] | None = None,
        xscale: str = "linear",
        yscale: str = "linear",
        ls: Sequence[str] = ("-", "--", "-.", ":"),
        colors: Sequence[str] = ("C0", "C1", "C2", "C3"),
        fig: Any = None,
        axes: Any = None,
        figsize: tuple[float, float] = (3.5, 2.5),
        display: bool = True,
    ) -> None:
        self.save_hyperparameters()
        self.raw_points: dict[Hashable, list[Point]] = {}
        self.data: dict[Hashable, list[Point]] = {}

    def draw(self, x: Any, y: Any, label: Hashable, every_n: float = 1) -> None:
        """
        Record a point of the line `label`, and show the lines if a frame is due.

        The line gets one point for every `every_n` calls, the average of their x and y.

        Parameters
        ----------
        x : number
            Anything that `float` takes.
        y : number, or callable
            Likewise, such as a 0-d array or tensor of any framework, or a function without
            arguments that returns one, which is called at once.
        label : str
            The name of the line.
        every_n : number
            The number of calls for a point, rounded down, at least 1.
        """
        if type(y) is not float:
            y = _to_float(y)
        points = self.raw_points.get(label)
        if points is None:
            points = self.raw_points[label] = []
            self.data.setdefault(label, [])
        points.append(Point(float(x), y))
        # Not `==` as in the book: after `every_n` has shrunk, the line would never get a point.
        if len(points) >= int(every_n):
            self.data[label].append(points[0] if len(points) == 1 else _average(points))
            points.clear()
        if "IPython" in sys.modules:  # a notebook, perhaps
            self.animate()

    def draw_many(self, xs: Any, ys: Any, label: Hashable, every_n: float = 1) -> None:
        """
        Record many points at once, with the same result as a call of `draw` for each.

        Parameters
        ----------
        xs, ys : array or sequence, shape (k,)
        label : str
            The name of the line.
        every_n : number
            As for `draw`. Points that `draw` has recorded count towards the first average.

        Raises
        ------
        ValueError
            If `xs` and `ys` have different lengths, or more than one axis.
        """
        x, y = (to_numpy(values).astype(np.float64) for values in (xs, ys))
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(
                f"xs and ys must have the same shape (k,), got {x.shape} and {y.shape}"
            )
        if not len(x):
            return
        points = self.raw_points.setdefault(label, [])
        line = self.data.setdefault(label, [])
        n = max(1, int(every_n))
        if points:
            # Complete the average that `draw` has begun.
            head = max(1, n - len(points))
            points.extend(map(Point, x[:head].tolist(), y[:head].tolist()))
            x, y = x[head:], y[head:]
            if len(points) >= n:
                line.append(_average(points))
                points.clear()
        end = len(x) // n * n
        rows = (_average_rows(values[:end].reshape(-1, n)) for values in (x, y))
        line.extend(map(Point._make, zip(*rows, strict=True)))
        points.extend(map(Point, x[end:].tolist(), y[end:].tolist()))
        if "IPython" in sys.modules:  # a notebook, perhaps
            self.animate()

    def figure(self) -> Any:
        """
        Draw the lines, and return the `matplotlib.figure.Figure`.

        That is the figure of `axes` or `fig` if given, otherwise a new one. A value that the scale
        cannot show (NaN, infinite or nearly so, not positive on a logarithmic scale) leaves a gap
        in its line.
        """
        if self.axes is not None:
            axes = self.axes
        elif self.fig is not None:
            axes = self.fig.gca()
        else:
            from matplotlib.figure import Figure

            axes = Figure(figsize=self.figsize, layout="constrained").add_subplot()
        axes.cla()
        # Scales come before limits, which matplotlib checks on a logarithmic scale.
        axes.set_xscale(self.xscale)
        axes.set_yscale(self.yscale)
        # The combinations repeat after `period` lines, so the colours then shift by one.
        period = math.lcm(len(self.ls), len(self.colors))
        for i, (label, line) in enumerate(self.data.items()):
            if line:
                points = np.array(line, dtype=np.float64)
                x, y = _drawable(points[:, 0], self.xscale), _drawable(points[:, 1], self.yscale)
                axes.plot(
                    x,
                    y,
                    linestyle=self.ls[i % len(self.ls)],
                    color=self.colors[(i + i // period) % len(self.colors)],
                    # A line of one point, as after the first epoch, would be invisible.
                    marker="o" if np.count_nonzero(np.isfinite(x + y)) == 1 else None,
                    label=str(label),
                )
        axes.set_xlim(self.xlim)
        axes.set_ylim(self.ylim)
        axes.set_xlabel(self.xlabel or "")
        axes.set_ylabel(self.ylabel or "")
        if axes.lines and self.axes is None and self.fig is None:
            axes.legend(**ABOVE, ncols=self._legend_columns())
        elif axes.lines:  # the reader's figure may have no place above
            axes.legend()
        return axes.figure

    def _legend_columns(self) -> int:
        """Return how many entries of the legend fit beside each other, at least 1."""
        widest = max(len(str(label)) for label, line in self.data.items() if line)
        return max(1, int(self.figsize[0] * CHARACTERS_PER_INCH / (widest + MARK)))

    def summary(self) -> str:
        """Return the number of points of each line, as a text."""
        counts = ", ".join(f"{label} {len(line)}" for label, line in self.data.items())
        return f"points {counts}" if counts else ""

    def save(self, path: str | Path) -> Path:
        """
        Write the figure to a file, and return its path.

        Parameters
        ----------
        path : str or pathlib.Path
            Its ending, `.png`, `.svg` or `.pdf`, determines the format. Missing folders are
            created.

        Raises
        ------
        ValueError
            If `path` has a different ending.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise ValueError(f"path must end in .png, .svg or .pdf, got {path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.figure().savefig(path, dpi=200)
        return path


def _to_float(y: Any) -> float:
    """Return a number, a 0-d array or tensor, or the result of a function, as a float."""
    if isinstance(y, float | int):
        return float(y)
    if callable(y) and not hasattr(y, "__float__"):
        return _to_float(y())
    # PyTorch warns when a tensor that requires gradients becomes a float.
    return float(y.detach() if hasattr(y, "detach") else y)


def _average(points: list[Point]) -> Point:
    """Return the average of points, added in order."""
    # From Python 3.12 on `sum` compensates for rounding: `draw_many` could not do the same, and
    # the numbers would depend on Python's version.
    x, y = points[0]
    for next_x, next_y in points[1:]:
        x += next_x
        y += next_y
    return Point(x / len(points), y / len(points))


def _average_rows(rows: np.ndarray) -> list[float]:
    """Return the average of each row, shape `(k, n)`, added in order."""
    # NumPy's sum and mean add in pairs, which rounds differently.
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.add.accumulate(rows, axis=1)[:, -1] / rows.shape[1]).tolist()


def _drawable(values: np.ndarray, scale: str) -> np.ndarray:
    """Return the values, with NaN for those that the scale cannot show."""
    # Losses that diverge approach the largest float64, where matplotlib's limits and ticks
    # overflow and raise. Comparisons with NaN are false.
    shown = np.abs(values) < LARGEST_DRAWN
    if scale == "log":
        shown &= values > 1 / LARGEST_DRAWN
    return np.where(shown, values, np.nan)
