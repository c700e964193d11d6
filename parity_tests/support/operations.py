"""Every operation with its truth: importing a theme registers what it has."""

from parity_tests.support import (
    truth_cross_correlation,
    truth_elementwise,
    truth_information,
    truth_losses,
    truth_products,
    truth_recipes,
    truth_training,
)
from parity_tests.support.truth import GRADIENTS, VALUES

__all__ = [
    "GRADIENTS",
    "VALUES",
    "truth_cross_correlation",
    "truth_elementwise",
    "truth_information",
    "truth_losses",
    "truth_products",
    "truth_recipes",
    "truth_training",
]
