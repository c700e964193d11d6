"""Run an example on both backends, from the same weights on the same batches, and compare."""

import argparse
import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from common import OUTPUT, Example, Run

COLORS = {"jax": "C0", "torch": "C1"}


def example_names() -> list[str]:
    """Return the names of the example scripts."""
    scripts = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return [name for name in scripts if name not in ("common", "compare")]


def epoch_table(runs: dict[str, Run]) -> pd.DataFrame:
    """Return a table with a row an epoch and the columns of both backends side by side."""
    frames = {backend: run.history.to_frame() for backend, run in runs.items()}
    columns = [(column, backend) for column in frames["jax"] for backend in frames]
    return pd.concat(frames, axis=1).swaplevel(axis=1)[columns]


def largest_gap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest absolute difference of two arrays."""
    return float(np.max(np.abs(one - other), initial=0.0))


def summary(runs: dict[str, Run]) -> pd.DataFrame:
    """Return a table of how far the two runs are apart."""
    jax, torch = runs["jax"], runs["torch"]
    rows = {
        "initial weights": (jax.initial, torch.initial),
        "weights": (jax.weights, torch.weights),
    }
    gaps = {
        what: max(largest_gap(one[name], other[name]) for name in one)
        for what, (one, other) in rows.items()
    }
    for label in jax.history.labels():
        gaps[label] = largest_gap(jax.history[label], torch.history[label])
    return pd.DataFrame({"largest difference": gaps})


def draw(title: str, runs: dict[str, Run], path: Path) -> None:
    """Write a picture: both loss curves, and the gap between them at each step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    curves, gaps = figure.subplots(1, 2)
    losses = {backend: run.history.train_loss for backend, run in runs.items()}
    epochs = len(runs["jax"].history.seconds)
    steps = np.linspace(0, epochs, len(losses["jax"]), endpoint=False)
    for (backend, loss), style in zip(losses.items(), ("-", "--"), strict=True):
        curves.plot(steps, loss, style, color=COLORS[backend], label=backend)
    curves.set(xlabel="epoch", ylabel="training loss", title=title)
    curves.legend()
    gap = np.abs(losses["jax"] - losses["torch"]) / np.abs(losses["torch"])
    # A gap of 0 has no place on a log scale: it is drawn at the bottom, below every other.
    floor = np.finfo(np.float32).eps / 16
    gaps.semilogy(steps, np.maximum(gap, floor), ".", color="C2", markersize=3)
    gaps.axhline(np.finfo(np.float32).eps, color="gray", linewidth=1, label="float32 eps")
    gaps.set(xlabel="epoch", ylabel="relative gap", title="jax against torch, each step")
    gaps.legend()
    for axes in (curves, gaps):
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def compare(name: str, arguments: list[str]) -> None:
    """Run the example `name` on both backends, print the comparison and write its picture."""
    example: Example = importlib.import_module(name).EXAMPLE
    parser = example.parser()
    parser.prog = f"compare.py {name}"
    options = parser.parse_args(arguments)
    try:
        runs = {backend: example.train(backend, options) for backend in ("jax", "torch")}
    except (ImportError, OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")
    title = example.title.splitlines()[0].split(" (")[0]
    print(f"{title}: the same weights, the same batches\n")
    print(epoch_table(runs).to_string(float_format="%.4f"), end="\n\n")
    print(summary(runs).to_string(float_format="%.1e"), end="\n\n")
    path = options.plot or OUTPUT / f"compare_{name}.png"
    draw(title, runs, path)
    print(f"figure: {path}")


def main(arguments: list[str]) -> None:
    """Read the example's name; what follows it goes to the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", choices=example_names(), help="which example to run")
    which.add_argument("--all", action="store_true", help="run all of them")
    options, rest = parser.parse_known_args(arguments)
    for name in example_names() if options.all else [options.name]:
        compare(name, rest)


if __name__ == "__main__":
    main(sys.argv[1:])
