"""Every planted fault: importing a theme registers what it has."""

from parity_tests.faults import data, formulas, models, training, weights
from parity_tests.faults.planting import FAULTS

__all__ = ["FAULTS", "data", "formulas", "models", "training", "weights"]
