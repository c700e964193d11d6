"""Every planted fault: importing a theme registers what it has."""

from parity_tests.faults import (
    bad_input,
    bfloat16,
    checkpoints,
    comparison,
    cross_correlation,
    data,
    formulas,
    images,
    models,
    networks,
    parallel,
    recipes,
    training,
    weights,
)
from parity_tests.faults.planting import FAULTS

__all__ = [
    "FAULTS",
    "bad_input",
    "bfloat16",
    "checkpoints",
    "comparison",
    "cross_correlation",
    "data",
    "formulas",
    "images",
    "models",
    "networks",
    "parallel",
    "recipes",
    "training",
    "weights",
]
