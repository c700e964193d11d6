"""Every planted fault: importing a theme registers what it has."""

from parity_tests.faults import (
    comparison,
    data,
    formulas,
    images,
    models,
    recipes,
    training,
    weights,
)
from parity_tests.faults.planting import FAULTS

__all__ = [
    "FAULTS",
    "comparison",
    "data",
    "formulas",
    "images",
    "models",
    "recipes",
    "training",
    "weights",
]
