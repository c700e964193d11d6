"""Run an example on both backends, from the same weights on the same batches, and compare."""

import argparse
import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from common import OUTPUT, Example, Run, check_plot

COLORS = {"jax": "C0", "torch": "C1"}
EPS = float(np.finfo(np.float32).eps)


def example_names() -> list[str]:
    """Return the names of the scripts that train a model: those that define `EXAMPLE`."""
    scripts = sorted(Path(__file__).parent.glob("*.py"))
    return [path.stem for path in scripts if "\nEXAMPLE = " in path.read_text()]


def epoch_table(runs: dict[str, Run]) -> pd.DataFrame:
    """Return a table with a row an epoch and the columns of both backends side by side."""
    frames = {backend: run.history.to_frame() for backend, run in runs.items()}
    columns = [(column, backend) for column in frames["jax"] for backend in frames]
    return pd.concat(frames, axis=1).swaplevel(axis=1)[columns]


def relative_gap(one: np.ndarray, other: np.ndarray, scale: float = 0.0) -> np.ndarray:
    """
    Return how far two arrays are apart, relative to the second one and `scale`.

    For losses `scale` is the first loss, that of a model that knows nothing yet: a loss that has
    come close to 0 is a small difference of large numbers, and rounding is as large as they are.
    """
    size = np.abs(other) + scale
    return np.abs(one - other) / np.where(size == 0, 1, size)


def summary(runs: dict[str, Run]) -> pd.DataFrame:
    """Return a table of how far the two runs are apart at most."""
    jax, torch = runs["jax"], runs["torch"]
    gaps = {
        "initial weights": max(
            np.abs(jax.initial[name] - value).max() for name, value in torch.initial.items()
        ),
        "final weights, relative in norm": max(
            np.linalg.norm(jax.weights[name] - value) / max(np.linalg.norm(value), EPS)
            for name, value in torch.weights.items()
        ),
    }
    first = np.abs(torch.history.train_loss[:1]).sum()
    for label in jax.history.labels():
        scale = first if label.endswith("loss") else 0.0
        gap = relative_gap(jax.history[label], torch.history[label], scale)
        gaps[f"{label}, relative to it and the first loss" if scale else label] = gap.max()
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
    if losses["torch"].min() < losses["torch"].max() / 20:
        curves.set_yscale("log")
    curves.legend()
    gap = relative_gap(losses["jax"], losses["torch"], losses["torch"][0])
    # A gap of 0 has no place on a log scale: it is drawn below every other that there can be.
    floor = EPS / 64
    equal = gap < floor
    gaps.semilogy(steps[~equal], gap[~equal], ".", color="C2", markersize=4, label="a step")
    gaps.semilogy(
        steps[equal], np.full(equal.sum(), floor), "_", color="C2", alpha=0.5, label="no gap"
    )
    gaps.axhline(EPS, color="gray", linewidth=1, label="float32 eps")
    gaps.set(xlabel="epoch", ylabel="gap / (loss + first loss)", title="jax against torch")
    gaps.set_ylim(floor / 3, max(100 * EPS, 10 * np.nanmax(gap)))
    gaps.legend(loc="upper left", ncols=3, fontsize="small")
    for axes in (curves, gaps):
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def compare(name: str, example: Example, options: argparse.Namespace, plot: Path | None) -> None:
    """Run one example on both backends, print the comparison and write its picture."""
    runs = {backend: example.train(backend, options) for backend in ("jax", "torch")}
    title = example.title.strip().splitlines()[0].split(" (")[0]
    print(f"{title}: the same weights, the same batches\n")
    if not options.epochs:
        print("no epochs, so nothing to compare")
        return
    print(epoch_table(runs).to_string(float_format="{:#.4g}".format))
    print("(JAX compiles in its first epoch)\n")
    print(summary(runs).to_string(float_format="%.1e"), end="\n\n")
    path = plot or OUTPUT / f"compare_{name}.png"
    draw(title, runs, path)
    print(f"figure: {path}")


def main(arguments: list[str]) -> None:
    """Read the examples' names; the options after them go to the examples."""
    names = example_names()
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The options of an example: compare.py NAME --help.",
        usage="compare.py [-h] (NAME | --all) [options of the example]",
        add_help=False,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of " + ", ".join(names))
    parser.add_argument("--all", action="store_true", help="run all of them")
    first, rest = arguments[:1], arguments[1:]
    if not first or first[0] in ("-h", "--help"):
        parser.print_help()
        parser.exit(0 if first else 2)
    if first[0] != "--all" and first[0] not in names:
        parser.error(f"the name of an example comes first, one of {', '.join(names)}")
    for name in names if first[0] == "--all" else first:
        example: Example = importlib.import_module(name).EXAMPLE
        options_parser = example.parser()
        options_parser.prog = f"compare.py {name}"
        if first[0] == "--all":
            # An option of some examples only, such as --data, is none of the others' business.
            options, _ = options_parser.parse_known_args(rest)
            plot = options.plot and options.plot.with_stem(f"{options.plot.stem}_{name}")
        else:
            options = options_parser.parse_args(rest)
            plot = options.plot
        try:
            check_plot(plot)
            compare(name, example, options, plot)
        except (ImportError, OSError, ValueError) as error:
            options_parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
