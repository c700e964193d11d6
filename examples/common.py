"""Shared parts of the example scripts: the command line, the data, and one training run."""

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.training.history import History
from d2l_common.weights import initial_weights

OUTPUT = Path("out")
program = ""  # such as "d2l run mlp", which sets it; by default the name of the script
NAME_WIDTH = 32  # of the names that `show` prints before the numbers


@dataclass
class Run:
    """Result of one training run: its history, and the weights before and after."""

    history: History
    initial: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    model: Any


@dataclass
class Example:
    """
    A section's model on its data, for either backend.

    Attributes
    ----------
    title : str
        The script's docstring.
    make_data, make_model : callable
        `make_data(d2l, options)` and `make_model(d2l, data, options)`.
    lr, epochs, batch_size : numbers
        The book's choices; options of the command line override them.
    images : bool
        Whether the data are images, with a choice of data sets.
    scheme : str
        The scheme of `initial_weights`.
    extra : dict
        Further options of the command line, with their default values.
    report : callable
        `report(d2l, run, options)` prints further results after the table of epochs.
    """

    title: str
    make_data: Callable[[ModuleType, argparse.Namespace], Any]
    make_model: Callable[[ModuleType, Any, argparse.Namespace], Any]
    lr: float
    epochs: int
    batch_size: int
    images: bool = False
    scheme: str = "normal"
    extra: Mapping[str, Any] = field(default_factory=dict)
    report: Callable[[ModuleType, Run, argparse.Namespace], None] | None = None

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of the options that all examples share; `main` adds the backend."""
        parser = make_parser(self.title)
        if self.images:
            add_image_options(parser)
        parser.add_argument(
            "--epochs", type=count, default=self.epochs, help="passes over the training data"
        )
        parser.add_argument(
            "--batch-size", type=positive, default=self.batch_size, help="examples in a minibatch"
        )
        parser.add_argument("--lr", type=rate, default=self.lr, help="the learning rate")
        add_extra_options(parser, self.extra)
        add_common_options(parser, device="auto")
        add_plot_option(parser)
        return parser

    def train(self, backend: str, options: argparse.Namespace) -> Run:
        """Train the model on `backend`, from weights that depend only on the seed."""
        d2l = load_backend(backend)
        device = choose_device(d2l, options.device)
        with d2l.use_device(device):
            data = self.make_data(d2l, options)
            model = self.make_model(d2l, data, options)
            if self.images:  # layers learn their shapes from a minibatch
                model.apply_init(data.val_dataloader().first()[:-1])
            set_weights(d2l, model, options.seed, self.scheme)
            initial = d2l.export_weights(model)
            trainer = d2l.Trainer(options.epochs, num_gpus=0 if device == d2l.cpu() else 1)
            history = trainer.fit(model, data)
        return Run(history, initial, d2l.export_weights(model), model)

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run the script: train, print the table of epochs, write the figure."""
        parser = self.parser()
        add_backend_option(parser)
        options = parser.parse_args(arguments)
        with errors_in_one_line(parser):
            check_plot(options.plot)
            run = self.train(options.backend, options)
        if not options.epochs:
            print("no epochs: nothing was trained")
            return
        print(run.history.to_frame().to_string(float_format=four_significant))
        if self.report:
            self.report(load_backend(options.backend), run, options)
        path = options.plot or default_path(parser, options)
        run.model.board.save(path)
        print(f"figure: {path}")


@dataclass
class Section:
    """
    A section that is not a single training run, for either backend.

    Attributes
    ----------
    title : str
        The script's docstring.
    run : callable
        `run(d2l, options)` prints the results, and returns the figure if `draws`.
    draws : bool
        Whether there is a figure.
    images : bool
        Whether the data are images, with a choice of data sets.
    extra : dict
        Further options of the command line, with their default values.
    """

    title: str
    run: Callable[[ModuleType, argparse.Namespace], Any]
    draws: bool = True
    images: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = make_parser(self.title)
        add_backend_option(parser)
        if self.images:
            add_image_options(parser)
        add_extra_options(parser, self.extra)
        add_common_options(parser, device="cpu")
        if self.draws:
            add_plot_option(parser)
        return parser

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run the script, and write the figure."""
        parser = self.parser()
        options = parser.parse_args(arguments)
        with errors_in_one_line(parser):
            check_plot(options.plot if self.draws else None)
            d2l = load_backend(options.backend)
            with d2l.use_device(choose_device(d2l, options.device)):
                figure = self.run(d2l, options)
        if self.draws:
            path = options.plot or default_path(parser, options)
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=150)
            d2l.plt.close(figure)
            print(f"figure: {path}")


def prove_ports(
    doc: str | None,
    name: str,
    titles: Sequence[str],
    compare_port: Callable[..., Any],
    weights_travel: Callable[[], bool],
) -> None:
    """
    Compare ports of a model, all of them mistaken except the last one, and exit.

    Parameters
    ----------
    doc : str
        The script's docstring.
    name : str
        The name of the report's files.
    titles : sequence of str
    compare_port : callable
        `compare_port(title, epochs, **options)` returns the report on a port.
    weights_travel : callable
        Returns whether the weights of the proven port come back from a file.
    """
    parser = make_parser(doc)
    parser.add_argument("--epochs", type=positive, default=2, help="passes over the training data")
    options = parser.parse_args()
    *mistaken, proven = titles
    found = True
    with errors_in_one_line(parser):
        for title in mistaken:
            report = compare_port(title, 1, nudges=0, dtypes=["float64"])
            print(f"{title}: {report.verdict.value}\n- {report.failures[0]}\n")
            found &= not report.agree
        report = compare_port(proven, options.epochs, nudges=1)
        print(f"{report}\n")
        paths = report.save(OUTPUT / name)
        print("report: " + ", ".join(map(str, paths.values())))
        found &= weights_travel()
    sys.exit(0 if report.agree and found else 1)


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help that shows the defaults, and the description as it is written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        """Return the help of an option; one without a default says what happens."""
        return action.help if action.default is None else super()._get_help_string(action)


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser named after the script, or after the command that runs it."""
    return argparse.ArgumentParser(
        prog=program or Path(sys.argv[0]).name, description=description, formatter_class=Help
    )


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


def add_backend_option(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the backend."""
    parser.add_argument(
        "--backend", choices=["jax", "torch"], required=True, help="the framework to use"
    )


def add_common_options(parser: argparse.ArgumentParser, device: str) -> None:
    """Add the options that every example has, with the default of `--device`."""
    parser.add_argument("--seed", type=count, default=0, help="of weights, data and shuffling")
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "gpu"],
        default=device,
        help="where to compute; auto: on a GPU if there is one",
    )


def add_plot_option(parser: argparse.ArgumentParser) -> None:
    """Add the path of the figure."""
    default = OUTPUT / f"{script_name(parser)}_BACKEND.png"
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help=f"where the figure goes (default: {default})"
    )


def choose_device(d2l: ModuleType, name: str) -> Any:
    """Return the device of `--device`; a ValueError says that there is no GPU."""
    if name == "gpu" and not d2l.num_gpus():
        raise ValueError(f"--device gpu needs a GPU that {d2l.__name__} finds; use --device cpu")
    return {"auto": d2l.try_gpu, "cpu": d2l.cpu, "gpu": d2l.gpu}[name]()


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add the choice of data sets."""
    parser.add_argument(
        "--data",
        choices=["auto", "fashion_mnist", "digits", "mnist_sample"],
        default="auto",
        help="auto: Fashion-MNIST, or Digits if it can be neither found nor downloaded",
    )
    parser.add_argument("--root", default="data", help="the folder of Fashion-MNIST")


def add_extra_options(parser: argparse.ArgumentParser, extra: Mapping[str, Any]) -> None:
    """Add an option for each name, `num_hiddens` as `--num-hiddens`; a flag if it is False."""
    for name, default in extra.items():
        flag = "--" + name.replace("_", "-")
        if default is False:
            parser.add_argument(flag, action="store_true", help="default: %(default)s")
            continue
        kind = count if type(default) is int else type(default)
        # Without any help text argparse would not print the default.
        parser.add_argument(flag, type=kind, default=default, help="default: %(default)r")


def check_plot(path: Path | None) -> None:
    """Raise a ValueError if no figure can be written to `path`, before training starts."""
    if path is None:
        return
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"--plot must end in .png, .svg or .pdf, got {path}")
    if path.is_dir() or any(folder.is_file() for folder in path.parents):
        raise ValueError(f"--plot must name a file in a folder, got {path}")


def default_path(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Path:
    """Return the default path of the figure."""
    return OUTPUT / f"{script_name(parser)}_{options.backend}.png"


def script_name(parser: argparse.ArgumentParser) -> str:
    """Return the name of the script, which runs as `mlp.py` or as `d2l run mlp`."""
    return Path(parser.prog.split()[-1]).stem


def set_weights(d2l: ModuleType, model: Any, seed: int, scheme: str = "normal") -> None:
    """Set initial weights that depend only on the seed, not on the backend."""
    d2l.import_weights(model, initial_weights(d2l.export_weights(model), seed, scheme))


def show(name: str, value: Any) -> None:
    """Print a tensor or a number beside its name, to four digits."""
    prefix = f"{name:<{NAME_WIDTH}} "
    print(prefix + four_digits(value, prefix))


def four_digits(value: Any, prefix: str = "") -> str:
    """Return numbers as text, with four digits after the point, or none if all are integers."""
    array = to_numpy(value)
    if array.dtype.kind != "f":
        return np.array2string(array, prefix=prefix)
    array = np.round(array.astype(float), 4) + 0.0  # the sum turns -0 into 0
    digits = 0 if np.array_equal(array, np.round(array)) else 4
    return np.array2string(
        array,
        precision=digits,
        floatmode="fixed",
        suppress_small=True,
        prefix=prefix,
        max_line_width=100,
    )


def four_significant(number: float) -> str:
    """Return a number as text, to four significant digits."""
    return f"{number:#.4g}"


def load_backend(name: str) -> ModuleType:
    """
    Return the package `d2l_jax` or `d2l_torch`.

    Raises
    ------
    ImportError
        If its framework is not installed.
    """
    try:
        return importlib.import_module(f"d2l_{name}")
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("d2l_"):
            raise ImportError("d2l-twins is not installed: run pip install -e .") from error
        raise ImportError(
            f"{error.name} is not installed: run pip install 'd2l-twins[{name}]'"
        ) from error


def synthetic_data(d2l: ModuleType, options: argparse.Namespace) -> Any:
    """Return the book's synthetic regression data."""
    return d2l.SyntheticRegressionData(
        w=d2l.tensor([2, -3.4]), b=4.2, batch_size=options.batch_size, seed=options.seed
    )


def image_data(d2l: ModuleType, options: argparse.Namespace, **keywords: Any) -> Any:
    """Return the image data set of `--data`; pass `keywords` such as `resize` to it."""
    common = {"batch_size": options.batch_size, "seed": options.seed, **keywords}
    if options.data in ("digits", "mnist_sample"):
        without_download = {"digits": d2l.Digits, "mnist_sample": d2l.MNISTSample}
        return without_download[options.data](**common)
    try:
        return d2l.FashionMNIST(root=options.root, **common)
    except ConnectionError:
        if options.data == "fashion_mnist":
            raise
        # To standard error, so that both backends print the same text to standard output.
        print(
            f"Fashion-MNIST is not complete in {options.root} and cannot be downloaded: "
            "using the Digits data set",
            file=sys.stderr,
        )
        return d2l.Digits(**common)


def num_pixels(data: Any) -> int:
    """Return the number of pixels in an image of the data set."""
    X, _ = data.val_dataloader().first()
    return X[0].reshape(-1).shape[0]
