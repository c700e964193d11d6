"""Run an example on both backends, from the same weights on the same batches, and compare."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from common import four_significant
from options import OUTPUT, check_plot, command, errors_in_one_line, run_by

from d2l_parity import Report
from d2l_parity import compare as compare_models

FOLDER = Path(__file__).parent
TRAINING = "\n# %% Training\n"  # the cell before which an example has its data and its model


def example_names() -> list[str]:
    """Return the names of the examples that train one model: those that have such a cell."""
    scripts = sorted(FOLDER.glob("*.py"))
    return [path.stem for path in scripts if TRAINING in path.read_text(encoding="utf-8")]


def prepare(name: str, backend: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run the cells of an example before its training; return what they define."""
    path = FOLDER / f"{name}.py"
    cells, _, _ = path.read_text(encoding="utf-8").partition(TRAINING)
    defined: dict[str, Any] = {"__name__": name}
    with run_by(backend=backend, arguments=arguments):
        exec(compile(cells, str(path), "exec"), defined)
    return defined


def compare(name: str, arguments: Sequence[str]) -> Report:
    """Train an example's model on both backends, in both precisions, and return the report."""
    sides = [prepare(name, backend, arguments) for backend in ("jax", "torch")]
    args, data = sides[1]["args"], sides[1]["data"]
    if getattr(args, "data", "") == "auto":  # the choice, made once
        kind = "digits" if type(data).__name__ == "Digits" else "fashion_mnist"
        arguments = [*arguments, "--data", kind]
    return compare_models(
        sides[0]["model"],
        sides[1]["model"],
        lambda d2l: prepare(name, d2l.__name__.removeprefix("d2l_"), arguments)["data"],
        epochs=args.epochs,
        num_gpus=choose_num_gpus(args.device, [side["d2l"] for side in sides]),
        name=sides[0]["__doc__"].strip().splitlines()[0].removeprefix("# ").split(" (")[0],
    )


def choose_num_gpus(device: str, packages: Sequence[ModuleType]) -> int:
    """Return 1 if both frameworks find a GPU to train on, else 0; for "gpu", raise instead."""
    if device == "gpu":
        for d2l in packages:
            d2l.gpu()  # raises if it is missing
    return int(device != "cpu" and all(d2l.num_gpus() > 0 for d2l in packages))


def run(name: str, arguments: Sequence[str], plot: Path | None) -> bool:
    """Compare one example, print and write the report, and return whether the backends agree."""
    report = compare(name, arguments)
    print(f"{report}\n\nThe epochs in float32:\n")
    print(report.epochs().to_string(float_format=four_significant))
    paths = report.save((plot or OUTPUT / f"compare_{name}.png").with_suffix(""))
    print("\nreport: " + ", ".join(map(str, paths.values())))
    return report.agree


def plot_option(arguments: Sequence[str]) -> Path | None:
    """Return the path of `--plot`, which the comparison takes in place of the example."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--plot", type=Path)
    return parser.parse_known_args(arguments)[0].plot


def main(arguments: list[str]) -> None:
    """Read the examples' names; the options after them go to the examples."""
    names = example_names()
    program = command.program or "compare.py"
    parser = argparse.ArgumentParser(
        prog=program,
        description=__doc__,
        epilog=f"The options of an example: {program} NAME --help.",
        usage=f"{program} [-h] (NAME | --all) [options of the example]",
        add_help=False,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of " + ", ".join(names))
    parser.add_argument("--all", action="store_true", help="run all of them")
    first, rest = arguments[:1], arguments[1:]
    if not first or first[0] in ("-h", "--help"):
        parser.print_help()
        parser.exit(0 if first else 2)
    every = first[0] == "--all"
    if not every and first[0] not in names:
        parser.error(f"the name of an example comes first, one of {', '.join(names)}")
    agree = True
    for name in names if every else first:
        # Only some examples have an option such as --data; with --all the others ignore it.
        with errors_in_one_line(parser), run_by(program=f"{program} {name}", strict=not every):
            plot = plot_option(rest)
            check_plot(plot)
            if plot and every:
                plot = plot.with_stem(f"{plot.stem}_{name}")
            agree &= run(name, rest, plot)
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
