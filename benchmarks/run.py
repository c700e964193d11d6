"""
Time the library against loops by hand, Keras and Lightning: `python -m benchmarks.run`.

All parts take about half an hour on two idle cores. Tables and pictures go to `out/bench/`:
`bench.md`, `bench.csv`, `ratios.png`, `growth.png`.
"""

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import core, costs, growth, plots, ratios, variants
from benchmarks.race import FEW_ROUNDS, ROUNDS
from benchmarks.report import Row, write
from benchmarks.tasks import TASKS
from benchmarks.workers import Absent, run_once

PARTS = ("core", "ratios", "costs", "growth", "streaming", "compile")
PACKAGES = ("numpy", "jax", "flax", "optax", "torch", "keras", "lightning")

RULES = """\
A ratio is that of seconds an epoch (training, validation, metrics, history, board) in the same
round; the table has the median of {rounds} rounds and the quartiles ({few_rounds} rounds for
growth, streamed and compiled fits), and the seconds of the alternative. Each contender has a warm
process of its own. `hand` is the best loop written for one model, on the library's minibatches and,
in JAX, with the faster layout of the weights; for LeNet and the list of minibatches it calls a
compiled step for each minibatch. A fit with a patched `prepare_batch`, `plot` or `training_step`
runs after the book's cell that redefines it. `arithmetic` is the model's matrix products at the
rate of one large product. Keras and Lightning keep images as uint8, which is faster. All use all
cores and start from the same weights, and the loss of the first epoch shows that they do the same
work. Each trains first for epochs that do not count; `fit` starts each turn with an epoch that does
not count, since JAX traces in it, the others do so where epochs are short."""


def main(arguments: Sequence[str]) -> None:
    """Read the command line and run the parts."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.run")
    parser.add_argument("--quick", action="store_true", help="little data, to check that all runs")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        metavar="NAME",
        help="parts to run: " + ", ".join(PARTS),
    )
    names = [task.name for task in TASKS]
    parser.add_argument(
        "--model",
        nargs="+",
        choices=names,
        default=[],
        metavar="MODEL",
        help="models of the parts core and ratios: " + ", ".join(map(repr, names)),
    )
    parser.add_argument("--backend", nargs="+", choices=("jax", "torch"), default=["jax", "torch"])
    parser.add_argument("--output", type=Path, default=Path("out/bench"))
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    description = describe(options.backend, options.quick)
    for part in [part for part in PARTS if part in options.only]:
        start = time.perf_counter()
        found = run_part(part, options)
        rows += [replace(row, bar=None) for row in found] if options.quick else found
        print(f"{part}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        text = write(options.output, rows, description)  # kept if a later part fails
    if any(map(plots.is_ratio, rows)):
        plots.draw_ratios(rows, options.output / "ratios.png")
    print(text)


def run_part(part: str, options: argparse.Namespace) -> list[Row]:
    """Run one part, draw its picture, and return its rows."""
    quick, backends = options.quick, options.backend
    if part in ("core", "ratios"):
        return (core if part == "core" else ratios).measure(quick, options.model, backends)
    if part == "growth":
        rows, curves = growth.measure(quick, backends)
        plots.draw_growth(curves, options.output / "growth.png")
        return rows
    if part == "costs":
        return costs.measure(quick, backends)
    return (variants.streaming if part == "streaming" else variants.compiled)(quick, backends)


def describe(backends: Sequence[str], is_quick: bool) -> str:
    """Return the description of the machine and of the method."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} absent")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [
        f"{cores} cores ({platform.machine()}, {platform.system()}), "
        f"Python {platform.python_version()}, " + ", ".join(versions) + ".",
    ]
    for backend in () if is_quick else backends:
        try:
            lines.append(f"{backend} on: {run_once('benchmarks.inside:machine', backend)}.")
        except Absent as reason:
            lines.append(f"{backend}: skipped, {reason}.")
    if is_quick:
        lines.append("QUICK: little data and two rounds, so that the numbers have no bars.")
    return "\n".join(lines) + "\n\n" + RULES.format(rounds=ROUNDS, few_rounds=FEW_ROUNDS)


if __name__ == "__main__":
    main(sys.argv[1:])
