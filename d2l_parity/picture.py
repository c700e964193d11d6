"""Draw a comparison: the loss curves of both backends, and the gap between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from d2l_parity.report import Report

COLORS = {"float32": "C2", "float64": "C4"}


def draw(report: Report) -> Any:
    """Return a matplotlib figure: loss curves, and the gap between them at each step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    curves, gaps = figure.subplots(1, 2)
    _draw_curves(curves, report)
    _draw_gaps(gaps, report)
    for axes in (curves, gaps):
        axes.grid(alpha=0.3)
        axes.set_xlabel("epoch")
    return figure


def _draw_curves(axes: Any, report: Report) -> None:
    dtype, each = next(iter(report.comparisons.items()))
    for run, label, style in ((each.jax, "JAX", "C0-"), (each.torch, "PyTorch", "C1--")):
        axes.plot(_epochs(each), run.history.train_loss, style, label=label, linewidth=1.3)
    axes.set(ylabel=f"training loss, {dtype}", title=report.name)
    losses = each.torch.history.train_loss
    if 0 < losses.min() < losses.max() / 20:
        axes.set_yscale("log")
    axes.legend()


def _draw_gaps(axes: Any, report: Report) -> None:
    # A log scale has no 0: a gap of 0 is drawn on a band below every other possible gap, for each
    # precision at its own height.
    floor = np.finfo(np.float64).eps / 2**10
    for i, (dtype, each) in enumerate(report.comparisons.items()):
        color, x, zero = COLORS[dtype], _epochs(each), floor / 4**i
        gap = np.maximum(each.loss_gap, zero)
        axes.semilogy(x, gap, ".", color=color, markersize=3, label=f"{dtype}: JAX and PyTorch")
        if each.nudged:
            opened = np.maximum(each.one_ulp_gap, zero)
            axes.semilogy(x, opened, color=color, linewidth=1, label=f"{dtype}: moved by one ulp")
        spacing, label = np.finfo(dtype).eps, f"{dtype}: spacing"
        axes.axhline(spacing, color=color, linewidth=0.8, linestyle=":", label=label)
    axes.axhspan(floor / 32, 4 * floor, color="0.93")
    axes.set_title("Gap between JAX and PyTorch")
    axes.set_ylabel("gap of the losses / size of the losses")
    axes.set_ylim(floor / 32, max(axes.get_ylim()[1], 1e-4) * 1e4)  # space for the legend
    axes.legend(loc="upper left", ncols=2, fontsize="x-small")
    ticks = [1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1]
    zeros = floor / 2 ** (len(report.comparisons) - 1)  # in the middle of the heights
    axes.set_yticks([zeros, *ticks], ["0", *(f"$10^{{{round(np.log10(t))}}}$" for t in ticks)])
    axes.minorticks_off()


def _epochs(each: Any) -> np.ndarray:
    """Return where each step is, in epochs."""
    epochs = len(each.torch.history.seconds)
    return np.linspace(0, epochs, len(each.torch.history.train_loss), endpoint=False)
