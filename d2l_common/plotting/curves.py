"""
The book's plots of curves (section 2.4).

They draw with `matplotlib.pyplot`, so that a reader can continue with the current figure, and take
NumPy arrays, JAX arrays, PyTorch tensors and lists. matplotlib is imported at the first call.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.plotting.cell import notebook_shell


def use_svg_display() -> None:
    """Show figures as SVG in a notebook; do nothing elsewhere (section 2.4.2)."""
    # Outside a notebook matplotlib_inline would start a new shell.
    if notebook_shell() is None:
        return
    try:
        from matplotlib_inline import backend_inline
    except ImportError:
        return
    backend_inline.set_matplotlib_formats("svg")


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Set the size in inches, `(width, height)`, of new figures (section 2.4.2)."""
    from matplotlib import pyplot as plt

    use_svg_display()
    plt.rcParams["figure.figsize"] = figsize


def set_axes(
    axes: Any,
    xlabel: str | None,
    ylabel: str | None,
    xlim: Sequence[float] | None,
    ylim: Sequence[float] | None,
    xscale: str,
    yscale: str,
    legend: Sequence[str] | str | None,
) -> None:
    """
    Set labels, limits, scales and legend of matplotlib axes, and show a grid (section 2.4.2).

    `None` omits a label, and leaves a limit to matplotlib.
    """
    axes.set_xlabel(xlabel or "")
    axes.set_ylabel(ylabel or "")
    # Scales come before limits, which matplotlib checks on a logarithmic scale.
    axes.set_xscale(xscale)
    axes.set_yscale(yscale)
    axes.set_xlim(xlim)
    axes.set_ylim(ylim)
    if legend is not None and len(legend):
        axes.legend([legend] if isinstance(legend, str) else list(legend))
    # Without the argument a second call would switch the grid off.
    axes.grid(True)


def plot(
    X: Any,
    Y: Any = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend: Sequence[str] | str | None = None,
    xlim: Sequence[float] | None = None,
    ylim: Sequence[float] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    fmts: Sequence[str] | str = ("-", "m--", "g-.", "r:"),
    figsize: tuple[float, float] = (3.5, 2.5),
    axes: Any = None,
) -> None:
    """
    Plot one or several curves (section 2.4.2).

    The values of a curve are an array of shape `(n,)` or `(n, 1)`, a range, or a list of `n`
    numbers. Several curves are a list of these, or an array of shape `(num_curves, n)`.

    Parameters
    ----------
    X : array or sequence
        The x values of each curve, or of all of them; without `Y`, the y values.
    Y : array or sequence, optional
        The y values. Without it, `X` is plotted against the indices 0, 1, ...
    xlabel, ylabel : str, optional
        The names of the axes.
    legend : sequence of str, or str, optional
        One name for each curve.
    xlim, ylim : pair of float, optional
        The limits of the axes.
    xscale, yscale : str
        `'linear'`, `'log'`, or another scale of matplotlib.
    fmts : sequence of str, or str
        matplotlib's formats for the curves, repeated if there are more curves.
    figsize : pair of float
        Width and height of a new figure in inches.
    axes : matplotlib.axes.Axes, optional
        By default the axes of pyplot's current figure. They are cleared first.

    Raises
    ------
    ValueError
        If x and y of a curve have different lengths, if `X` and `Y` hold different numbers of
        curves and `X` more than one, or if a curve has more than one axis.
    """
    from matplotlib import pyplot as plt

    curves = _pair_curves(X, Y)
    set_figsize(figsize)
    if axes is None:
        figure = plt.gcf()
        if not figure.axes:
            # Otherwise the book's small figures cut off their labels.
            figure.set_layout_engine("constrained")
        axes = figure.gca()
    axes.cla()
    formats = itertools.cycle([fmts] if isinstance(fmts, str) else fmts)
    for (x, y), fmt in zip(curves, formats, strict=False):
        axes.plot(x, y, fmt)
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)


def _pair_curves(X: Any, Y: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return `(x, y)`, each of shape `(n,)`, for every curve to plot."""
    if Y is None:
        return [(np.arange(len(y)), y) for y in _split_curves("X", X)]
    xs, ys = _split_curves("X", X), _split_curves("Y", Y)
    if len(xs) == 1:
        xs *= len(ys)
    if len(xs) != len(ys):
        raise ValueError(
            f"X and Y must hold the same number of curves, got {len(xs)} and {len(ys)}"
        )
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if len(x) != len(y):
            raise ValueError(
                f"x and y of curve {i} must have the same length, got {len(x)} and {len(y)}"
            )
    return list(zip(xs, ys, strict=True))


def _split_curves(name: str, values: Any) -> list[np.ndarray]:
    """Return the values of each curve, of shape `(n,)`."""
    if hasattr(values, "ndim"):
        array = to_numpy(values)
        # The outputs of a model with one output, (n, 1), are one curve, not n.
        curves = list(array) if array.ndim == 2 and array.shape[1] != 1 else [array]
    else:
        curves = [to_numpy(item) for item in values]
        if all(curve.ndim == 0 for curve in curves):
            curves = [np.array(curves)]
    for curve in curves:
        if curve.ndim != 1 and not (curve.ndim == 2 and 1 in curve.shape):
            raise ValueError(f"a curve in {name} must have shape (n,) or (n, 1), got {curve.shape}")
    return [curve.reshape(-1) for curve in curves]
