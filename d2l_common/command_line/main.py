"""
The command line: sections, data and installation.

Nothing heavy is imported before the options are checked.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from d2l_common.command_line import data_sets, installation, scripts

WITH_DEFAULTS = argparse.ArgumentDefaultsHelpFormatter


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="d2l", description="Dive into Deep Learning, in JAX and in PyTorch."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser("list", help="list the sections that have an example")
    command.set_defaults(run=lambda options: scripts.print_list())

    command = commands.add_parser(
        "run",
        help="run the example of a section on one backend",
        usage="d2l run NAME --backend {jax,torch} [options of the example]",
        epilog="d2l list shows the names, d2l run NAME --help the options of an example.",
    )
    add_name(command)
    command.set_defaults(run=lambda options: scripts.run(options.name, options.options))

    command = commands.add_parser(
        "compare",
        help="train the model of an example on both backends, and compare",
        usage="d2l compare (NAME | --all) [options of the example]",
        epilog="d2l compare NAME --help shows the options of an example.",
        prefix_chars="\0",  # the example reads all of them, also --all and --help
        add_help=False,
    )
    command.add_argument("options", nargs=argparse.REMAINDER)
    command.set_defaults(run=lambda options: scripts.compare(options.options))

    command = commands.add_parser("data", help="show or download the data sets")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    action = actions.add_parser(
        "status",
        help="show which data sets are there",
        formatter_class=WITH_DEFAULTS,
    )
    add_root(action)
    action.set_defaults(run=lambda options: data_sets.print_status(options.root))
    action = actions.add_parser("fetch", help="download data sets", formatter_class=WITH_DEFAULTS)
    names = " or ".join(data_sets.FETCH)
    action.add_argument("names", nargs="*", metavar="NAME", help=f"{names} (default: both)")
    add_root(action)
    action.set_defaults(run=lambda options: data_sets.fetch(options.names, options.root))

    command = commands.add_parser("info", help="show versions, devices, precision and caches")
    command.set_defaults(run=lambda options: installation.print_info())
    return parser


def add_name(command: argparse.ArgumentParser) -> None:
    """Add the name of an example and what comes after it."""
    command.add_argument("name", metavar="NAME", help="such as mlp")
    command.add_argument("options", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def add_root(command: argparse.ArgumentParser) -> None:
    """Add the folder of the data."""
    command.add_argument("--root", default="data", help="the folder of the data")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command and return its exit status.

    A mistake of the user's ends in one line and status 2, Ctrl-C in one line and status 130.
    """
    try:
        options = make_parser().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `d2l list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more
        return 0
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
