"""What the example scripts share: the command line, the data, and one training run."""

import argparse
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from d2l_common.history import History
from d2l_common.weights import initial_weights

OUTPUT = Path("out")


@dataclass
class Run:
    """What came of one training run: its history, and the weights before and after."""

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
        The book's choices, unless the command line says otherwise.
    images : bool
        Whether the data are images, with a choice of data sets.
    """

    title: str
    make_data: Callable[[ModuleType, argparse.Namespace], Any]
    make_model: Callable[[ModuleType, Any, argparse.Namespace], Any]
    lr: float
    epochs: int
    batch_size: int
    images: bool = False

    def parser(self) -> argparse.ArgumentParser:
        """Return the command line that all examples have; `main` adds the backend."""
        parser = argparse.ArgumentParser(
            description=self.title, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        if self.images:
            parser.add_argument(
                "--data",
                choices=["auto", "fashion_mnist", "digits"],
                default="auto",
                help="auto: Fashion-MNIST, or Digits if it can be neither found nor downloaded",
            )
            parser.add_argument("--root", default="data", help="the folder of Fashion-MNIST")
        parser.add_argument("--epochs", type=int, default=self.epochs)
        parser.add_argument("--batch-size", type=int, default=self.batch_size)
        parser.add_argument("--lr", type=float, default=self.lr, help="the learning rate")
        parser.add_argument("--seed", type=int, default=0, help="of weights, data and shuffling")
        parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
        parser.add_argument("--plot", type=Path, metavar="FILE", help="where the figure goes")
        return parser

    def train(self, backend: str, options: argparse.Namespace) -> Run:
        """Train the model on `backend`, from weights that depend on the seed alone."""
        d2l = load_backend(backend)
        choose = {"auto": d2l.try_gpu, "cpu": d2l.cpu, "gpu": d2l.gpu}[options.device]
        device = choose()
        with d2l.use_device(device):
            data = self.make_data(d2l, options)
            model = self.make_model(d2l, data, options)
            shapes = {name: array.shape for name, array in d2l.export_weights(model).items()}
            d2l.import_weights(model, initial_weights(shapes, options.seed))
            initial = d2l.export_weights(model)
            trainer = d2l.Trainer(options.epochs, num_gpus=0 if device == d2l.cpu() else 1)
            history = trainer.fit(model, data)
        return Run(history, initial, d2l.export_weights(model), model)

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run the script: train, print the table of epochs, write the figure."""
        parser = self.parser()
        parser.add_argument("--backend", choices=["jax", "torch"], required=True)
        options = parser.parse_args(arguments)
        try:
            run = self.train(options.backend, options)
        except (ImportError, OSError, ValueError) as error:
            parser.exit(2, f"error: {error}\n")
        print(run.history.to_frame().to_string(float_format="%.4f"))
        name = Path(parser.prog).stem
        path = options.plot or OUTPUT / f"{name}_{options.backend}.png"
        run.model.board.save(path)
        print(f"figure: {path}")


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


def image_data(d2l: ModuleType, options: argparse.Namespace) -> Any:
    """Return the image data set that was asked for."""
    common = {"batch_size": options.batch_size, "seed": options.seed}
    if options.data == "digits":
        return d2l.Digits(**common)
    try:
        return d2l.FashionMNIST(root=options.root, **common)
    except ConnectionError:
        if options.data == "fashion_mnist":
            raise
        print(f"no Fashion-MNIST in {options.root} and no network: using the Digits data set")
        return d2l.Digits(**common)


def num_pixels(data: Any) -> int:
    """Return the number of pixels in an image of the data set."""
    X, _ = data.val_dataloader().first()
    return X[0].reshape(-1).shape[0]
