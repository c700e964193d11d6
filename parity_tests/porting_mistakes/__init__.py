"""
Classic mistakes of ports from PyTorch to JAX, and what the comparison says of each.

Each file holds the entries of a section of the catalogue in `docs/porting.md`, which
`docs/make_porting.py` writes. With `--run` it also writes `reports.json`: the first reason of each
report, without the places of calls, or the message of the error.
"""

import importlib
import json
from pathlib import Path

FILES = ("layers", "normalization", "attention", "recurrent", "training")
REPORTS = Path(__file__).with_name("reports.json")


def entries():
    """Return the entries of the catalogue by name, in its order."""
    from parity_tests.porting_mistakes.entry import Mistake

    modules = [importlib.import_module(f"{__name__}.{file}") for file in FILES]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Mistake) and value is not Mistake
    }


def reports():
    """Return the first reason of the report on each mistaken port, by the name of the entry."""
    return json.loads(REPORTS.read_text(encoding="utf-8"))
