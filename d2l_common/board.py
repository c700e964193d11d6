"""
The board on which training shows its progress (section 3.2.1 of the book).

Recording is not drawing: `draw` notes a point, and only in a notebook, and only every now and
then, does it draw the lines so far. matplotlib and IPython are imported when first drawn with.
"""

import io
import math
from collections.abc import Hashable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.figures import notebook_shell
from d2l_common.hyperparameters import HyperParameters

# Seconds. A frame of a small figure takes 0.05 to 0.1, the first one also imports matplotlib.
FIRST_FRAME_AFTER = 0.5
FRAME_PERIOD = 0.2
# After a frame that took t seconds none is drawn for 4 t: drawing takes a fifth of the time.
PAUSE_PER_FRAME = 4.0
# An SVG grows with its points, and a browser slows down; beyond this many the notebook gets a PNG.
MAX_SVG_POINTS = 10_000
LARGEST_DRAWN = 1e300


class Point(NamedTuple):
    """A point of a line."""

    x: float
    y: float


class ProgressBoard(HyperParameters):
    """
    A figure of lines that grow while a model trains (section 3.2.1 of the book).

    Parameters
    ----------
    xlabel, ylabel : str, optional
        The names of the axes.
    xlim, ylim : pair of float, optional
        The limits of the axes; by default they follow the points.
    xscale, yscale : str
        `'linear'`, `'log'`, or another scale of matplotlib.
    ls, colors : sequence of str
        Line styles and colours of the lines. Where there are more lines than these, they start
        anew, so combined that as many lines as possible look different.
    fig, axes : matplotlib figure and axes, optional
        Where to draw. The axes are cleared for each drawing. By default every drawing is a figure
        of its own, which pyplot does not know.
    figsize : pair of float
        Width and height of the figure in inches.
    display : bool
        Whether a notebook shows the board.

    Attributes
    ----------
    data : dict of list of Point
        For each label the points of its line, averages of `every_n` points recorded.
    raw_points : dict of list of Point
        For each label the points recorded since the last of `data`.

    Notes
    -----
    All parameters are attributes as well. One that is changed counts from the next drawing on.

    Examples
    --------
    >>> board = ProgressBoard('x')
    >>> for x in range(4):
    ...     board.draw(x, x ** 2, 'square', every_n=2)
    >>> board.data['square']
    [Point(x=0.5, y=0.5), Point(x=2.5, y=6.5)]
    """

    xlabel: str | None
    ylabel: str | None
    xlim: Sequence[float] | None
    ylim: Sequence[float] | None
    xscale: str
    yscale: str
    ls: Sequence[str]
    colors: Sequence[str]
    fig: Any
    axes: Any
    figsize: tuple[float, float]
    display: bool

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
        # What the running cell of a notebook shows of the board; see `_leave_cell`.
        self._slot: Any = None
        self._attached = False
        self._next_frame = 0.0
        self._num_shown = 0

    def draw(self, x: Any, y: Any, label: Hashable, every_n: float = 1) -> None:
        """
        Record a point of the line `label`, and show the lines so far when a frame is due.

        The line gets one point for every `every_n` calls, the average of x and of y over them.

        Parameters
        ----------
        x : number
            Anything that `float` takes.
        y : number, or callable
            Likewise, such as a 0-d array or tensor of any framework, or a function of no
            arguments that returns one. A function is called at once: the value is the one of now.
        label : str
            The name of the line.
        every_n : number
            How many calls make a point, rounded down, but at least 1.
        """
        if type(y) is not float:
            y = _to_float(y)
        points = self.raw_points.get(label)
        if points is None:
            points = self.raw_points[label] = []
            self.data.setdefault(label, [])
        points.append(Point(float(x), y))
        # Not `==` as in the book: with an `every_n` that shrinks, a line would never go on.
        if len(points) >= int(every_n):
            self.data[label].append(points[0] if len(points) == 1 else _average(points))
            points.clear()
        if self.display and perf_counter() >= self._next_frame:
            self._animate()

    def draw_many(self, xs: Any, ys: Any, label: Hashable, every_n: float = 1) -> None:
        """
        Record many points at once, with the result of calling `draw` for each in turn.

        Parameters
        ----------
        xs, ys : array or sequence, shape (k,)
            The points.
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
                f"xs and ys must both have shape (k,), but xs has {x.shape} and ys has {y.shape}"
            )
        if not len(x):
            return
        points = self.raw_points.setdefault(label, [])
        line = self.data.setdefault(label, [])
        n = max(1, int(every_n))
        if points:
            # What is missing in the average that `draw` has begun.
            head = max(1, n - len(points))
            points.extend(map(Point, x[:head].tolist(), y[:head].tolist()))
            x, y = x[head:], y[head:]
            if len(points) >= n:
                line.append(_average(points))
                points.clear()
        whole = len(x) // n * n
        rows = (_average_rows(values[:whole].reshape(-1, n)) for values in (x, y))
        line.extend(map(Point._make, zip(*rows, strict=True)))
        points.extend(map(Point, x[whole:].tolist(), y[whole:].tolist()))
        if self.display and perf_counter() >= self._next_frame:
            self._animate()

    def figure(self) -> Any:
        """
        Draw the lines, and return the `matplotlib.figure.Figure`.

        That is the one of `axes` or `fig`, where they are given, and a new one otherwise. A value
        that the scale cannot show (NaN, infinite or about to be, not positive on a logarithmic
        scale) leaves a gap in its line.
        """
        if self.axes is not None:
            axes = self.axes
        elif self.fig is not None:
            axes = self.fig.gca()
        else:
            from matplotlib.figure import Figure

            axes = Figure(figsize=self.figsize, layout="constrained").add_subplot()
        axes.cla()
        # Scales go first: on a logarithmic one matplotlib checks the limits that it gets.
        axes.set_xscale(self.xscale)
        axes.set_yscale(self.yscale)
        # The styles repeat after `period` lines; from then on the colours move on by one.
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
                    # One point alone makes no line: the first epoch's would be invisible.
                    marker="o" if np.count_nonzero(np.isfinite(x + y)) == 1 else None,
                    label=str(label),
                )
        axes.set_xlim(self.xlim)
        axes.set_ylim(self.ylim)
        axes.set_xlabel(self.xlabel or "")
        axes.set_ylabel(self.ylabel or "")
        if axes.lines:
            axes.legend()
        return axes.figure

    def save(self, path: str | Path) -> Path:
        """
        Write the figure to a file, and return its path.

        Parameters
        ----------
        path : str or pathlib.Path
            Where to; the ending `.png`, `.svg` or `.pdf` tells the format. Folders that are
            missing are made.

        Raises
        ------
        ValueError
            If the ending is another one.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise ValueError(f"a figure is saved as .png, .svg or .pdf, not as {path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.figure().savefig(path, dpi=200)
        return path

    def flush(self) -> None:
        """
        Show the final figure in a notebook, in place of what the cell has shown of it so far.

        The end of a cell does the same for points that no one has shown. Outside a notebook
        nothing is shown; then this draws into `fig` or `axes`, if they are given.
        """
        if not self.display or not any(self.data.values()):
            return
        if self._attach():
            self._show()
        elif self.fig is not None or self.axes is not None:
            self.figure()

    def _animate(self) -> None:
        """Show a frame, or settle when to look again."""
        start = perf_counter()
        if not self._attach():
            self._next_frame = start + FRAME_PERIOD
        elif not self._next_frame:
            self._next_frame = start + FIRST_FRAME_AFTER
        else:
            self._show()
            end = perf_counter()
            self._next_frame = end + max(FRAME_PERIOD, PAUSE_PER_FRAME * (end - start))

    def _show(self) -> None:
        """Show the lines so far in the running cell, in place of what it has shown of them."""
        from IPython.display import SVG, Image, display

        figure, file = self.figure(), io.BytesIO()
        self._num_shown = self._num_points()
        image: Any
        if self._num_shown <= MAX_SVG_POINTS:
            figure.savefig(file, format="svg")
            image = SVG(data=file.getvalue().decode())
        else:
            # Twice the resolution, shown at the nominal size.
            figure.savefig(file, format="png", dpi=2 * figure.dpi)
            image = Image(data=file.getvalue(), format="png", retina=True)
        if self._slot is None:
            self._slot = display(image, display_id=True)
        else:
            self._slot.update(image)

    def _num_points(self) -> int:
        """Return the number of points on all lines."""
        return sum(map(len, self.data.values()))

    def _attach(self) -> bool:
        """Tell whether this is a notebook, and have it call `_end_cell` when the cell ends."""
        shell = notebook_shell()
        if shell is not None and not self._attached:
            shell.events.register("post_run_cell", self._end_cell)
            self._attached = True
        return shell is not None

    def _end_cell(self, *_: Any) -> None:
        """Show the points that the cell has drawn without a `flush`, as in the 1.0.3 edition."""
        shell = notebook_shell()
        if shell is not None:
            shell.events.unregister("post_run_cell", self._end_cell)
        try:
            if self.display and self._num_points() != self._num_shown:
                self._show()
        finally:
            self._leave_cell()

    def _leave_cell(self) -> None:
        """Forget the running cell: the next one gets a figure of its own."""
        self._slot = None
        self._attached = False
        self._next_frame = 0.0

    def __getstate__(self) -> dict[str, Any]:
        # A copy, as of a model that is deep-copied or pickled, is not part of the running cell.
        return {**self.__dict__, "_slot": None, "_attached": False, "_next_frame": 0.0}


def _to_float(y: Any) -> float:
    """Return a number, a 0-d array or tensor, or what a function returns, as a float."""
    if isinstance(y, float | int):
        return float(y)
    if callable(y) and not hasattr(y, "__float__"):
        return _to_float(y())
    # PyTorch warns when a tensor that requires gradients becomes a float.
    return float(y.detach() if hasattr(y, "detach") else y)


def _average(points: list[Point]) -> Point:
    """Return the average of points, added up one after the other."""
    # Not with `sum`, which from Python 3.12 on compensates for rounding: `draw_many` could not
    # do the same, and the recorded numbers would depend on Python's version.
    x, y = points[0]
    for next_x, next_y in points[1:]:
        x += next_x
        y += next_y
    return Point(x / len(points), y / len(points))


def _average_rows(rows: np.ndarray) -> list[float]:
    """Return the average of each row, shape `(k, n)`, added up one after the other."""
    # NumPy's own sum and mean add in pairs, and so round differently.
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.add.accumulate(rows, axis=1)[:, -1] / rows.shape[1]).tolist()


def _drawable(values: np.ndarray, scale: str) -> np.ndarray:
    """Return the values with NaN for those that the scale cannot show."""
    # Losses that diverge come close to the ends of float64, where matplotlib's limits and ticks
    # overflow and raise. Comparisons with NaN are false.
    shown = np.abs(values) < LARGEST_DRAWN
    if scale == "log":
        shown &= values > 1 / LARGEST_DRAWN
    return np.where(shown, values, np.nan)
