"""Weights by name, to move them between models."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count, check_nonnegative


def as_arrays(weights: Any) -> dict[str, np.ndarray]:
    """
    Return weights of any framework, `{name: array}`, as NumPy arrays.

    Raises
    ------
    TypeError
        If `weights` is not a mapping, or one of its values does not hold real numbers.
    """
    if not isinstance(weights, Mapping):
        raise TypeError(
            f"weights must be a dict of arrays by name, got {type(weights).__name__}; "
            "pass the result of export_weights"
        )
    arrays = {}
    for name, value in weights.items():
        try:
            arrays[name] = to_numpy(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"weights[{name!r}] must be an array of numbers: {error}") from error
        if arrays[name].dtype.kind not in "biuf":
            raise TypeError(f"weights[{name!r}] must hold real numbers, got {arrays[name].dtype}")
    return arrays


def check_weights(shapes: Mapping[str, Sequence[int]], weights: Mapping[str, Any]) -> None:
    """
    Check that `weights`, `{name: array}`, fit a model with parameters of these `shapes`.

    Raises
    ------
    ValueError
        If a name is missing or unknown, or an array has another shape than its parameter.
    """
    missing = sorted(shapes.keys() - weights.keys())
    unknown = sorted(weights.keys() - shapes.keys(), key=str)
    if missing or unknown:
        raise ValueError(
            f"weights must have the names of the model's parameters, {sorted(shapes)}: "
            f"missing {missing}, unknown {unknown}"
        )
    for name, shape in shapes.items():
        if tuple(np.shape(weights[name])) != tuple(shape):
            raise ValueError(
                f"weights[{name!r}] must have shape {tuple(shape)}, as in the model, "
                f"got {tuple(np.shape(weights[name]))}"
            )


def initial_weights(
    shapes: Mapping[str, Any], seed: int, scheme: str = "normal", sigma: float = 0.01
) -> dict[str, np.ndarray]:
    """
    Draw initial weights, the same for both backends (section 5.4.2).

    Parameters
    ----------
    shapes : dict
        `{name: shape}` of the parameters, in PyTorch's names and layout, or the result of
        `export_weights`.
    seed : int
    scheme : str
        Determines the standard deviation of the weights: `"normal"`, `sigma`; `"xavier"`,
        `sqrt(2 / (num_inputs + num_outputs))`; `"he"`, `sqrt(2 / num_inputs)`. Biases
        (parameters with one axis) are 0.
    sigma : float

    Returns
    -------
    dict of float64 arrays

    Raises
    ------
    TypeError, ValueError
        If `scheme` is not one of these, or `seed` or `sigma` is negative.
    """
    check_count("seed", seed, minimum=0)
    check_nonnegative("sigma", sigma)
    if scheme not in ("normal", "xavier", "he"):
        raise ValueError(f"scheme must be 'normal', 'xavier' or 'he', got {scheme!r}")
    rng = np.random.default_rng(seed)
    weights = {}
    for name, value in sorted(shapes.items()):  # so that the order is the same on both backends
        shape = value.shape if isinstance(value, np.ndarray) else tuple(value)
        if len(shape) < 2:
            weights[name] = np.zeros(shape)
            continue
        # The first axis of a layer's `weight` is its outputs; of a matrix from scratch, its inputs.
        rows, columns = shape[0], math.prod(shape[1:])
        num_inputs = columns if name.split(".")[-1] == "weight" else rows
        variance = {"xavier": 2 / (rows + columns), "he": 2 / num_inputs, "normal": sigma**2}
        # Drawn inputs first, so that a layer gets the same numbers as a matrix from scratch.
        transposed = num_inputs == columns and len(shape) == 2
        numbers = rng.standard_normal(shape[::-1] if transposed else shape)
        weights[name] = math.sqrt(variance[scheme]) * (numbers.T if transposed else numbers)
    return weights
