"""Shared parts of the examples: the start of a script or notebook, data, weights, figures."""

import argparse
import importlib
import inspect
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import numpy as np
from frameworks import count_cpu_as, set_seed
from options import (
    check_plot,
    command,
    default_path,
    errors_in_one_line,
    example_parser,
    in_notebook,
    is_first_process,
    read_options,
)

from d2l_common.arrays import to_numpy
from d2l_common.weights import initial_weights

NAME_WIDTH = 32  # of the names that `show` prints before the numbers
device_in_use: AbstractContextManager[Any] = nullcontext()


def start(
    doc: str | None,
    backend: str,
    device: str = "cpu",
    draws: bool = True,
    images: bool = False,
    **defaults: Any,
) -> tuple[ModuleType, argparse.Namespace]:
    """
    Return the library of a backend, and the options of an example.

    In a notebook the options have their defaults. In a script the command line changes them, and
    must name the backend; a mistake there ends the script in one line.

    Parameters
    ----------
    doc : str
        The script's docstring.
    backend : str
        The notebook's backend, "jax" or "torch".
    device : str
        The default of `--device`: "auto" for examples that train a network, else "cpu".
    draws : bool
        Whether there is a figure, so that there is an option `--plot`.
    images : bool
        Whether the data are images, with a choice of data sets.
    defaults : dict
        Further options with their defaults: `num_hiddens=256` is `--num-hiddens`. With `devices`
        the CPU counts as several.

    Returns
    -------
    tuple
        `(d2l, args)`: the package, and an object with an attribute for each option.
    """
    parser = example_parser(doc, device, draws, images, defaults)
    args = read_options(parser, in_cells=["--backend", backend])
    args.backend = command.backend or args.backend
    args.figure = default_path(parser, args.backend)
    if not is_first_process():
        sys.stdout = open(os.devnull, "w")
    if "devices" in defaults:
        count_cpu_as(args.devices, alone=args.device == "cpu")
    with errors_in_one_line(parser) if not in_notebook() else nullcontext():
        check_plot(args.plot if draws else None)
        d2l = load_backend(args.backend)
        if not command.backend:  # a comparison chooses by itself
            use_device(d2l, args)
        set_seed(d2l, args.seed)
    return d2l, args


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


def choose_device(d2l: ModuleType, name: str) -> Any:
    """Return the device of `--device`; a ValueError says that there is no GPU."""
    if name == "gpu" and not d2l.num_gpus():
        raise ValueError(f"--device gpu needs a GPU that {d2l.__name__} finds; use --device cpu")
    return {"auto": d2l.try_gpu, "cpu": d2l.cpu, "gpu": d2l.gpu}[name]()


def use_device(d2l: ModuleType, args: argparse.Namespace) -> None:
    """Create what follows on the device of `--device`; set `args.num_gpus` for a Trainer."""
    global device_in_use
    device_in_use.__exit__(None, None, None)
    device = choose_device(d2l, args.device)
    args.num_gpus = int(device != d2l.cpu())
    # Where there is no GPU, all is on the CPU already.
    device_in_use = d2l.use_device(device) if d2l.num_gpus() else nullcontext()
    device_in_use.__enter__()


def synthetic_data(d2l: ModuleType, args: argparse.Namespace) -> Any:
    """Return the book's synthetic regression data."""
    return d2l.SyntheticRegressionData(
        w=d2l.tensor([2, -3.4]), b=4.2, batch_size=args.batch_size, seed=args.seed
    )


def image_data(d2l: ModuleType, args: argparse.Namespace, **keywords: Any) -> Any:
    """Return the image data set of `--data`; pass `keywords` such as `resize` to it."""
    common = {"batch_size": args.batch_size, "seed": args.seed, **keywords}
    if args.data in ("digits", "mnist_sample"):
        without_download = {"digits": d2l.Digits, "mnist_sample": d2l.MNISTSample}
        return without_download[args.data](**common)
    try:
        return d2l.FashionMNIST(root=args.root, **common)
    except ConnectionError:
        if args.data == "fashion_mnist":
            raise
        # To standard error, so that both backends print the same text to standard output.
        print(
            f"Fashion-MNIST is not complete in {args.root} and cannot be downloaded: "
            "using the Digits data set",
            file=sys.stderr,
        )
        return d2l.Digits(**common)


def num_pixels(data: Any) -> int:
    """Return the number of pixels in an image of the data set."""
    X, _ = data.val_dataloader().first()
    return X[0].reshape(-1).shape[0]


def set_weights(d2l: ModuleType, model: Any, seed: int, scheme: str = "normal") -> None:
    """Set initial weights that depend only on the seed, not on the backend."""
    d2l.import_weights(model, initial_weights(d2l.export_weights(model), seed, scheme))


def show_source(definition: Any) -> Any:
    """Return the source of a class or function, which a notebook shows; a script does not."""
    if not in_notebook():
        return None
    from IPython.display import Code

    return Code(inspect.getsource(definition), language="python")


def show_table(history: Any) -> None:
    """Print the table of epochs."""
    print(history.to_frame().to_string(float_format=four_significant))


def save_figure(args: argparse.Namespace, figure: Any) -> None:
    """Write a figure or a board to the file of `--plot`; a notebook has shown it already."""
    if in_notebook() or not is_first_process():
        return
    path = args.plot or args.figure
    path.parent.mkdir(parents=True, exist_ok=True)
    if hasattr(figure, "savefig"):
        figure.savefig(path, dpi=150)
    else:
        figure.save(path)
    print(f"figure: {path}")


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
