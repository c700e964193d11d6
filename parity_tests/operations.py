"""Every operation with its truth: importing a theme registers what it has."""

import truth_elementwise
import truth_information
import truth_losses
import truth_products
import truth_training
from truth import GRADIENTS, VALUES

__all__ = [
    "GRADIENTS",
    "VALUES",
    "truth_elementwise",
    "truth_information",
    "truth_losses",
    "truth_products",
    "truth_training",
]
