"""Weights on their way from one model to another, by name."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count, check_nonnegative


def as_arrays(weights: Any) -> dict[str, np.ndarray]:
    """
    Return weights by name as NumPy arrays, whatever framework they are of.

    Raises
    ------
    TypeError
        If they are no mapping, or a value holds no real numbers.
    """
    if not isinstance(weights, Mapping):
        raise TypeError(
            "weights must be a dict of arrays by PyTorch's names, as d2l_torch.export_weights "
            f"returns it, not {type(weights).__name__}"
        )
    arrays = {}
    for name, value in weights.items():
        try:
            arrays[name] = to_numpy(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"weights: {name} must be an array of numbers: {error}") from error
        if arrays[name].dtype.kind not in "biuf":
            raise TypeError(f"weights: {name} must hold real numbers, not {arrays[name].dtype}")
    return arrays


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
    shapes: Mapping[str, Any], seed: int, scheme: str = "normal", sigma: float = 0.01
) -> dict[str, np.ndarray]:
    """
    Draw initial weights that are the same for both backends (section 5.4.2).

    Parameters
    ----------
    shapes : dict
        `{name: shape}` of the parameters, in PyTorch's names and layout, or what
        `export_weights` returns.
    seed : int
    scheme : str
        The standard deviation of weights: `"normal"`, `sigma`; `"xavier"`,
        `sqrt(2 / (num_inputs + num_outputs))`; `"he"`, `sqrt(2 / num_inputs)`. Biases
        (parameters with one axis) begin at 0.
    sigma : float

    Returns
    -------
    dict of float64 arrays

    Raises
    ------
    TypeError, ValueError
        If there is no such scheme, or a number is negative.
    """
    check_count("seed", seed, minimum=0)
    check_nonnegative("sigma", sigma)
    if scheme not in ("normal", "xavier", "he"):
        raise ValueError(f"scheme must be 'normal', 'xavier' or 'he', not {scheme!r}")
    rng = np.random.default_rng(seed)
    weights = {}
    for name, value in sorted(shapes.items()):  # the order must not depend on the backend
        shape = value.shape if isinstance(value, np.ndarray) else tuple(value)
        if len(shape) < 2:
            weights[name] = np.zeros(shape)
            continue
        # A layer's `weight` has its outputs first, a matrix from scratch its inputs.
        rows, columns = shape[0], math.prod(shape[1:])
        num_inputs = columns if name.split(".")[-1] == "weight" else rows
        variance = {"xavier": 2 / (rows + columns), "he": 2 / num_inputs, "normal": sigma**2}
        # Drawn inputs first, so that a layer gets the numbers that a matrix from scratch gets.
        transposed = num_inputs == columns and len(shape) == 2
        numbers = rng.standard_normal(shape[::-1] if transposed else shape)
        weights[name] = math.sqrt(variance[scheme]) * (numbers.T if transposed else numbers)
    return weights
