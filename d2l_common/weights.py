"""Weights on their way from one model to another, by name."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def check_weights(shapes: Mapping[str, Sequence[int]], weights: Mapping[str, Any]) -> None:
    """
    Check that `weights`, `{name: array}`, are those of a model with parameters of these `shapes`.

    Raises
    ------
    ValueError
        If a name is missing or unknown, or a shape differs.
    """
    missing = [name for name in shapes if name not in weights]
    unknown = [name for name in weights if name not in shapes]
    if missing or unknown:
        raise ValueError(
            f"the weights do not belong to this model: missing {missing}, unknown {unknown}; "
            f"its parameters are {list(shapes)}"
        )
    for name, shape in shapes.items():
        if tuple(np.shape(weights[name])) != tuple(shape):
            raise ValueError(
                f"{name} has shape {tuple(np.shape(weights[name]))} in the weights, "
                f"but {tuple(shape)} in the model"
            )


def initial_weights(
    shapes: Mapping[str, Sequence[int]], seed: int, sigma: float = 0.01
) -> dict[str, np.ndarray]:
    """
    Draw initial weights that are the same for both backends, the book's way for linear models.

    Parameters
    ----------
    shapes : dict
        `{name: shape}` of the parameters, in PyTorch's names and layout.
    seed : int
    sigma : float
        The standard deviation of weights; biases (parameters with one axis) begin at 0.

    Returns
    -------
    dict of float64 arrays
    """
    rng = np.random.default_rng(seed)
    return {
        name: sigma * rng.standard_normal(shape) if len(shape) > 1 else np.zeros(shape)
        for name, shape in sorted(shapes.items())  # the order must not depend on the backend
    }
