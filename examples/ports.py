"""Shared parts of the tools that compare a port with its original."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from options import (
    OUTPUT,
    add_common_options,
    add_option,
    in_notebook,
    make_parser,
    read_options,
)


def start_tool(doc: str | None, epochs: int) -> argparse.Namespace:
    """
    Return the options of a tool, before it imports the frameworks.

    Parameters
    ----------
    doc : str
        The script's docstring.
    epochs : int
        The default of `--epochs`.
    """
    parser = make_parser(doc)
    add_option(parser, "epochs", epochs)
    add_common_options(parser, device="cpu")
    return read_options(parser)


def gpus_of(args: argparse.Namespace) -> int:
    """Return how many GPUs to compare on, 1 or 0, by `--device`."""
    from compare import choose_num_gpus

    import d2l_jax
    import d2l_torch

    return choose_num_gpus(args.device, [d2l_jax, d2l_torch])


def finish(passed: bool) -> None:
    """End a script with status 0 if all was as expected, else 1; a notebook goes on."""
    if not in_notebook():
        sys.exit(0 if passed else 1)


def find_mistakes(titles: Sequence[str], compare_port: Callable[..., Any]) -> bool:
    """Compare ports that are mistaken, print the first mistake of each, return if all are found."""
    found = True
    for title in titles:
        report = compare_port(title, 1, nudges=0, dtypes=["float64"])
        print(f"{title}: {report.verdict.value}\n- {report.failures[0]}\n")
        found &= not report.agree
    return found


def prove(name: str, title: str, epochs: int, compare_port: Callable[..., Any]) -> bool:
    """Compare the proven port, print and save the report, and return whether both agree."""
    report = compare_port(title, epochs, nudges=1)
    print(f"{report}\n")
    paths = report.save(OUTPUT / name)
    print("report: " + ", ".join(map(str, paths.values())))
    return report.agree
