"""Weights by name, to move them between models."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count, check_nonnegative

RUNNING_AVERAGES = ("running_mean", "running_var", "moving_mean", "moving_var")


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


def match_weights(
    weights: Any,
    shapes: Mapping[str, Sequence[int]],
    state: Collection[str] = (),
    aliases: Mapping[str, Sequence[str]] | None = None,
    optional: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """
    Return `weights` as arrays by the names of a model that they are checked to fit.

    Left out are: `num_batches_tracked`, which no layer of NNX has; and an unknown name whose array
    equals that of a known name to the bit, unless all its numbers are equal. Such an array is that
    of tied weights, which a `state_dict` of PyTorch lists under each of their names.

    Parameters
    ----------
    weights : dict of arrays
    shapes : dict
        `{name: shape}` of the model's parameters and state.
    state : collection of str
        Names that are not trained. They may all be missing from `weights`, or none.
    aliases : dict, optional
        `{name: other names}` of tied weights; each of them will do.
    optional : collection of str
        Names of the state of which any may be missing.

    Returns
    -------
    dict of arrays
        Its names are those of `shapes`, except the state that is missing.

    Raises
    ------
    TypeError, ValueError
        If `weights` is not a dict of arrays, a name is missing or unknown, an array has another
        shape than in the model, or arrays of tied weights differ.
    """
    given = as_arrays(weights)
    first = {other: name for name, others in (aliases or {}).items() for other in others}
    found: dict[str, np.ndarray] = {}
    for name in [*(shapes.keys() & given.keys()), *(first.keys() & given.keys() - shapes.keys())]:
        known = first.get(name, name)
        if not equal(found.setdefault(known, given[name]), given[name]):
            raise ValueError(
                f"weights[{name!r}] must equal weights[{known!r}], since the model ties them; "
                "leave one of them out"
            )
    unknown = [
        name
        for name in given.keys() - shapes.keys() - first.keys()
        if not is_counter(name) and not is_tied(given[name], found.values())
    ]
    skip = set(optional) if found.keys() & set(state) - set(optional) else set(state)
    check_weights({k: v for k, v in shapes.items() if k in found or k not in skip}, found, unknown)
    return found


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two arrays have the same shape, type and bits."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def is_tied(array: np.ndarray, others: Iterable[np.ndarray]) -> bool:
    """Return whether one of `others` has the same numbers, which are not all the same."""
    return (
        array.size > 1 and (array != array.flat[0]).any() and any(equal(array, x) for x in others)
    )


def is_counter(name: Any) -> bool:
    """Return whether a name is that of PyTorch's counter of the minibatches of a BatchNorm."""
    return str(name).rpartition(".")[2] == "num_batches_tracked"


def check_weights(
    shapes: Mapping[str, Sequence[int]], weights: Mapping[str, Any], unknown: Iterable[str] = ()
) -> None:
    """
    Check that `weights`, `{name: array}`, fit a model with parameters of these `shapes`.

    Raises
    ------
    ValueError
        If a name is missing, a name is `unknown`, or an array has another shape than its parameter.
    """
    missing = sorted(shapes.keys() - weights.keys())
    unknown = sorted(unknown, key=str)
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
        `sqrt(2 / (num_inputs + num_outputs))`; `"he"`, `sqrt(2 / num_inputs)`. Of parameters
        with one axis, biases are 0 and scales, named `weight` or `gamma`, are 1; running averages
        are left out.
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
        if name.endswith(RUNNING_AVERAGES):
            continue
        shape = value.shape if isinstance(value, np.ndarray) else tuple(value)
        kind = name.rpartition(".")[2]
        if len(shape) < 2:
            weights[name] = np.full(shape, float(kind in ("weight", "gamma")))
            continue
        # The first axis of a layer's `weight` is its outputs; of a matrix from scratch, its inputs.
        rows, columns = shape[0], math.prod(shape[1:])
        num_inputs = columns if kind == "weight" else rows
        variance = {"xavier": 2 / (rows + columns), "he": 2 / num_inputs, "normal": sigma**2}
        # Drawn inputs first, so that a layer gets the same numbers as a matrix from scratch.
        transposed = num_inputs == columns and len(shape) == 2
        numbers = rng.standard_normal(shape[::-1] if transposed else shape)
        weights[name] = math.sqrt(variance[scheme]) * (numbers.T if transposed else numbers)
    return weights
