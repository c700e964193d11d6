"""Run an example on both backends, from the same weights on the same batches, and compare."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import common
from common import (
    OUTPUT,
    Example,
    check_plot,
    errors_in_one_line,
    four_significant,
    load_backend,
    set_weights,
)

from d2l_parity import Report
from d2l_parity import compare as compare_models


def example_names() -> list[str]:
    """Return the names of the scripts that train a model: those that define `EXAMPLE`."""
    scripts = sorted(Path(__file__).parent.glob("*.py"))
    return [path.stem for path in scripts if "\nEXAMPLE = " in path.read_text()]


def compare(example: Example, options: argparse.Namespace) -> Report:
    """Train an example's model on both backends, in both precisions, and return the report."""
    packages = [load_backend(backend) for backend in ("jax", "torch")]
    d2l_torch = packages[1]
    data = example.make_data(d2l_torch, options)
    if example.images and options.data == "auto":  # the choice, made once
        options.data = "digits" if isinstance(data, d2l_torch.Digits) else "fashion_mnist"
    jax_model, torch_model = (example.make_model(d2l, data, options) for d2l in packages)
    set_weights(d2l_torch, torch_model, options.seed, example.scheme)
    return compare_models(
        jax_model,
        torch_model,
        lambda d2l: example.make_data(d2l, options),
        epochs=options.epochs,
        num_gpus=choose_num_gpus(options.device, packages),
        name=example.title.strip().splitlines()[0].split(" (")[0],
    )


def choose_num_gpus(device: str, packages: Sequence[ModuleType]) -> int:
    """Return 1 if both frameworks find a GPU to train on, else 0; for "gpu", raise instead."""
    if device == "gpu":
        for d2l in packages:
            d2l.gpu()  # raises if it is missing
    return int(device != "cpu" and all(d2l.num_gpus() > 0 for d2l in packages))


def run(name: str, example: Example, options: argparse.Namespace, plot: Path | None) -> bool:
    """Compare one example, print and write the report, and return whether the backends agree."""
    if not options.epochs:
        print("no epochs, so nothing to compare")
        return True
    report = compare(example, options)
    print(f"{report}\n\nThe epochs in float32:\n")
    print(report.epochs().to_string(float_format=four_significant))
    paths = report.save((plot or OUTPUT / f"compare_{name}.png").with_suffix(""))
    print("\nreport: " + ", ".join(map(str, paths.values())))
    return report.agree


def main(arguments: list[str]) -> None:
    """Read the examples' names; the options after them go to the examples."""
    names = example_names()
    program = common.program or "compare.py"
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
    if first[0] != "--all" and first[0] not in names:
        parser.error(f"the name of an example comes first, one of {', '.join(names)}")
    agree = True
    for name in names if first[0] == "--all" else first:
        example: Example = importlib.import_module(name).EXAMPLE
        options_parser = example.parser()
        options_parser.prog = f"{program} {name}"
        if first[0] == "--all":
            # Only some examples have an option such as --data; the others ignore it.
            options, _ = options_parser.parse_known_args(rest)
            plot = options.plot and options.plot.with_stem(f"{options.plot.stem}_{name}")
        else:
            options = options_parser.parse_args(rest)
            plot = options.plot
        with errors_in_one_line(options_parser):
            check_plot(plot)
            agree &= run(name, example, options, plot)
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
