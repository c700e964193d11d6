"""Every planted fault: importing a theme registers what it has."""

from parity_tests.faults import checkpoints, comparison, data, formulas, models, training, weights
from parity_tests.faults.planting import FAULTS

__all__ = [
    "FAULTS",
    "checkpoints",
    "comparison",
    "data",
    "formulas",
    "models",
    "training",
    "weights",
]
