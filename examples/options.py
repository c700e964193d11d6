"""The options of the examples, on the command line of a script."""

import argparse
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUTPUT = Path("out")


@dataclass
class Command:
    """
    The command that runs an example: the script itself, or `d2l run`, or the comparison.

    Attributes
    ----------
    program : str
        Such as "d2l run mlp", for messages; by default the name of the script.
    backend : str
        The backend of a comparison, whose command line has no `--backend`.
    arguments : sequence of str
        In place of those in `sys.argv`.
    strict : bool
        Whether an option that the example does not have is an error.
    """

    program: str = ""
    backend: str | None = None
    arguments: Sequence[str] | None = None
    strict: bool = True


command = Command()


@contextmanager
def run_by(**attributes: Any) -> Iterator[None]:
    """Return a context in which `command` has these attributes."""
    before = vars(command).copy()
    vars(command).update(attributes)
    try:
        yield
    finally:
        vars(command).update(before)


def in_notebook() -> bool:
    """Return whether a kernel or a prompt runs the cells, so that there is no command line."""
    is_file = hasattr(sys.modules["__main__"], "__file__")
    return not is_file or "kernel_launcher" in Path(sys.argv[0]).name


def is_first_process() -> bool:
    """Return whether this is the process that prints, of those that torchrun has started."""
    return os.environ.get("RANK", "0") == "0"


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help that shows the defaults, and the description as it is written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        """Return the help of an option; one without a default says what happens."""
        return action.help if action.default is None else super()._get_help_string(action)


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser named after the script, or after the command that runs it."""
    return argparse.ArgumentParser(
        prog=command.program or Path(sys.argv[0]).name,
        description=(description or "").strip().removeprefix("# "),
        formatter_class=Help,
        allow_abbrev=False,  # `--n` of one example is not `--num-train` of another
    )


def example_parser(
    doc: str | None, device: str, draws: bool, images: bool, defaults: Mapping[str, Any]
) -> argparse.ArgumentParser:
    """Return the parser of an example; the parameters are those of `start`."""
    parser = make_parser(doc)
    if not command.backend:
        parser.add_argument(
            "--backend", choices=["jax", "torch"], required=True, help="the framework to use"
        )
    if images:
        add_image_options(parser)
    for name, default in defaults.items():
        add_option(parser, name, default)
    add_common_options(parser, device)
    if draws:
        path = default_path(parser, "BACKEND")
        parser.add_argument(
            "--plot", type=Path, metavar="FILE", help=f"where the figure goes (default: {path})"
        )
    return parser


def read_options(
    parser: argparse.ArgumentParser, in_cells: Sequence[str] = ()
) -> argparse.Namespace:
    """Return the options of the command line; in a notebook, those of the arguments `in_cells`."""
    if in_notebook():  # the site's notebooks have `command.arguments`
        return parser.parse_known_args([*in_cells, *(command.arguments or [])])[0]
    if not command.program:  # `d2l` reports errors itself
        sys.excepthook = report_error
    if command.strict:
        return parser.parse_args(command.arguments)
    return parser.parse_known_args(command.arguments)[0]


def report_error(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Print a mistake of the user's, or Ctrl-C, in one line, and end the script."""
    if isinstance(error, KeyboardInterrupt):
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
    if isinstance(error, (ImportError, OSError, ValueError)):
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    traceback.print_exception(kind, error, trace)


@contextmanager
def errors_in_one_line(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Return a context in which a mistake of the user's, or Ctrl-C, ends the script in a line."""
    try:
        yield
    except KeyboardInterrupt:
        parser.exit(130, "\ninterrupted\n")
    except (ImportError, OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")


def count(text: str, minimum: int = 0) -> int:
    """Return the number of an option that counts."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, got {text!r}") from None
    if number < minimum:
        raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {number}")
    return number


def positive(text: str) -> int:
    """Return the number of an option that counts at least one."""
    return count(text, minimum=1)


def rate(text: str) -> float:
    """Return the number of an option that is a rate."""
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}")
    return number


# Options that have the same meaning in all examples.
KNOWN = {
    "epochs": (positive, "passes over the training data"),
    "batch_size": (positive, "examples in a minibatch"),
    "lr": (rate, "the learning rate"),
    "devices": (positive, "how many devices; a CPU counts as several"),
}


def add_option(parser: argparse.ArgumentParser, name: str, default: Any) -> None:
    """Add an option, `num_hiddens` as `--num-hiddens`; a flag if its default is False."""
    flag = "--" + name.replace("_", "-")
    if default is False:
        parser.add_argument(flag, action="store_true", help="default: %(default)s")
        return
    # Without any help text argparse would not print the default.
    kind = count if type(default) is int else type(default)
    kind, text = KNOWN.get(name, (kind, "default: %(default)r"))
    parser.add_argument(flag, type=kind, default=default, help=text)


def add_common_options(parser: argparse.ArgumentParser, device: str) -> None:
    """Add the options that every example has, with the default of `--device`."""
    parser.add_argument("--seed", type=count, default=0, help="of weights, data and shuffling")
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "gpu"],
        default=device,
        help="where to compute; auto: on a GPU if there is one",
    )


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add the choice of data sets."""
    parser.add_argument(
        "--data",
        choices=["auto", "fashion_mnist", "digits", "mnist_sample"],
        default="auto",
        help="auto: Fashion-MNIST, or Digits if it can be neither found nor downloaded",
    )
    parser.add_argument("--root", default="data", help="the folder of Fashion-MNIST")


def check_plot(path: Path | None) -> None:
    """Raise a ValueError if no figure can be written to `path`, before training starts."""
    if path is None:
        return
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"--plot must end in .png, .svg or .pdf, got {path}")
    if path.is_dir() or any(folder.is_file() for folder in path.parents):
        raise ValueError(f"--plot must name a file in a folder, got {path}")


def default_path(parser: argparse.ArgumentParser, backend: str) -> Path:
    """Return the default path of the figure, after the script: `mlp.py`, or `d2l run mlp`."""
    return OUTPUT / f"{Path(parser.prog.split()[-1]).stem}_{backend}.png"
