"""Train two models side by side, and report whether they are the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.weights import as_arrays, check_weights
from d2l_parity.backends import Side, pair
from d2l_parity.comparison import Comparison
from d2l_parity.layers import first_minibatch
from d2l_parity.minibatches import check_data
from d2l_parity.report import Report
from d2l_parity.rounding import only_rounding
from d2l_parity.setting import describe
from d2l_parity.training import Run, moved_by_one_ulp, train, zero_model_loss

# Runs from weights one ulp away, on each backend: of several, since one draw may be a lucky one.
NUDGES = 2


def compare(
    jax_model: Any,
    torch_model: Any,
    data: Any,
    loss: Any = None,
    mapping: Mapping[str, str] | None = None,
    epochs: int = 3,
    lr: float = 0.1,
    gradient_clip_val: float = 0,
    weights: Mapping[str, np.ndarray] | None = None,
    num_gpus: int = 0,
    name: str | None = None,
    nudges: int = NUDGES,
) -> Report:
    """
    Train two models from equal weights on equal minibatches, and report how far they part.

    Each is trained in float64, where roundings are too small to hide a mistake, and in float32,
    where they are seen to grow; there also from initial weights that were moved by one unit in
    the last place, which tells how much of a gap means nothing. Dropout layers of both get the
    same masks. The models stay as they are.

    Parameters
    ----------
    jax_model : nnx.Module
    torch_model : torch.nn.Module
        Any modules; with a `loss` and optimizer of their own if they are a `d2l.Module`.
    data : list of minibatches, or callable
        Minibatches `(*inputs, targets)` of arrays or tensors, which both get; or a function that
        returns a data module for the package (`d2l_jax` or `d2l_torch`) that it is given, as
        `lambda d2l: d2l.Digits(batch_size=100)`.
    loss : str or callable, optional
        `'softmax_cross_entropy'`, `'cross_entropy'`, `'squared_loss'`, a function of `y_hat` and
        `y` that returns one number, or a pair of these, for JAX and for PyTorch. Needed
        if the models have none; with it, both are trained by minibatch SGD.
    mapping : dict, optional
        `{name in JAX: name in PyTorch}` of layers or parameters, such as `{"hidden.kernel":
        "fc1.weight"}`; found from names and shapes where it is not given.
    epochs : int
    lr : float
        The learning rate of SGD, where `loss` is given.
    gradient_clip_val : float
        The largest norm of the gradient; 0 for no limit.
    weights : dict of arrays or tensors, optional
        The initial weights, by PyTorch's names; those of `torch_model` if not given.
    num_gpus : int
        With 1, both train on the first GPU, otherwise on the CPU.
    name : str, optional
        The report's title; the class of `torch_model` if not given.
    nudges : int
        How many runs from weights one ulp away there are, on each backend.

    Returns
    -------
    Report

    Raises
    ------
    TypeError, ValueError
        If the models are of other kinds, their parameters cannot be paired, or the data, the loss
        or the weights are none or do not fit.
    """
    check_data(data)
    check_count("epochs", epochs)
    check_count("num_gpus", num_gpus, minimum=0)
    check_count("nudges", nudges, minimum=0)
    check_nonnegative("lr", lr)
    check_nonnegative("gradient_clip_val", gradient_clip_val)
    sides = pair(jax_model, torch_model, loss, lr, mapping)
    theirs = sides["torch"]
    own = theirs.to_common_names(theirs.d2l.export_weights(theirs.model))
    initial = own if weights is None else as_arrays(weights)
    check_weights({name: array.shape for name, array in own.items()}, initial)
    check_finite(initial)

    def run(side: Side, dtype: str, seed: int | None = None) -> Run:
        start = initial if seed is None else moved_by_one_ulp(initial, dtype, seed)
        options = epochs, gradient_clip_val, num_gpus
        return train(side, data, start, dtype, *options, watch=seed is None)

    scale = zero_model_loss(sides["torch"], data, initial)
    first = first_minibatch(sides, data, initial)
    comparisons = {}
    for dtype in ("float32", "float64"):
        runs = {backend: run(side, dtype) for backend, side in sides.items()}
        moved = {b: [run(side, dtype, i) for i in range(nudges)] for b, side in sides.items()}
        nudged = moved if nudges else {}
        comparisons[dtype] = Comparison(dtype, runs["jax"], runs["torch"], nudged, scale)
    gradients = {
        dtype: [each.jax.gradients, each.torch.gradients] for dtype, each in comparisons.items()
    }
    noise = only_rounding(**gradients)
    for each in comparisons.values():
        each.only_rounding = noise
    history = comparisons["float32"].torch.history
    rate = None if loss is None else lr
    setting = describe(sides, data, history, rate, gradient_clip_val, num_gpus > 0)
    return Report(name or type(torch_model).__name__, setting, comparisons, first, noise)


def check_finite(weights: Mapping[str, np.ndarray]) -> None:
    """Raise a `ValueError` if an initial weight is infinite or NaN."""
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"the initial weights of {name} are not all finite: give others by weights={{...}}"
            )
