"""The figure of a history: a panel for each quantity, training and validation in the same one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from d2l_common.plotting.board import ABOVE
from d2l_common.plotting.curves import use_svg_display

WIDTH, HEIGHT = 3.5, 2.5  # inches of a panel
NAMES = {"acc": "accuracy", "lr": "learning rate"}
COLOURS = {"train": "C0", "val": "C1"}
LEGEND = {"train": "training", "val": "validation"}
MAX_MARKED = 50  # points of a line that get a mark

Series = tuple[np.ndarray, np.ndarray, np.ndarray]


def draw_history(series: Mapping[str, Series]) -> Any:
    """
    Return a `matplotlib.figure.Figure`, which a notebook shows at the end of a cell.

    Parameters
    ----------
    series : dict of (epochs, values, weights), arrays of shape `(k,)`
        By label, such as `train_loss`; `epochs` are the epoch of each value, from 0.
    """
    from matplotlib.figure import Figure

    use_svg_display()
    panels: dict[str, list[str]] = {}
    for label in sorted(series, key=lambda x: x == "lr"):  # the loss is on the left
        panels.setdefault(split_label(label)[1], []).append(label)
    figure = Figure(figsize=(WIDTH * max(1, len(panels)), HEIGHT), layout="constrained")
    for i, (quantity, labels) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), i)
        for label in labels:
            draw_series(axes, split_label(label)[0], *series[label])
        axes.set_xlabel("epoch")
        axes.set_ylabel(NAMES.get(quantity, quantity))
        axes.grid(True, alpha=0.4)
        if any(split_label(label)[0] for label in labels):
            axes.legend(**ABOVE, ncols=2)
    return figure


def draw_series(
    axes: Any, kind: str, epochs: np.ndarray, values: np.ndarray, weights: np.ndarray
) -> None:
    """Draw the averages of each epoch, and behind them the values of its steps as a faint line."""
    numbers, starts, counts = np.unique(epochs, return_index=True, return_counts=True)
    colour = COLOURS.get(kind, "C2")
    if len(numbers) < len(epochs):
        # The values of an epoch are spread over it; the last one is at its end.
        places = 1 + np.arange(len(epochs)) - np.repeat(starts, counts)
        x = epochs + places / np.repeat(counts, counts)
        axes.plot(x, values, color=colour, linewidth=0.6, alpha=0.5)
        numbers = numbers - 0.5  # an average stands in the middle of its steps
    means = [
        np.average(values[start : start + count], weights=weights[start : start + count])
        for start, count in zip(starts, counts, strict=True)
    ]
    axes.plot(
        numbers + 1,
        means,
        color=colour,
        linestyle="--" if kind == "val" else "-",
        marker="." if len(numbers) <= MAX_MARKED else None,
        label=LEGEND.get(kind),
    )


def split_label(label: str) -> tuple[str, str]:
    """Return the pass and the quantity of a label: `("val", "acc")`; no pass for `lr`."""
    kind, _, quantity = label.partition("_")
    return (kind, quantity) if kind in COLOURS and quantity else ("", label)
