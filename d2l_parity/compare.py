"""Train two models side by side, and report whether they are the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.weights import as_arrays, check_weights
from d2l_parity.comparison import Comparison
from d2l_parity.first_minibatch import first_minibatch, zero_model_loss
from d2l_parity.minibatches import check_data
from d2l_parity.report import Report
from d2l_parity.rounding import only_rounding
from d2l_parity.runs import Run, moved_by_one_ulp, train
from d2l_parity.setting import describe
from d2l_parity.sides import Side, pair

# Runs from weights one ulp away, on each backend: more than one, since the gaps of runs scatter.
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
    where they grow; there also from initial weights that were moved by one unit in the last
    place: gaps as small as those that this opens mean nothing. Dropout layers of both get the
    same masks. The models stay as they are.

    Parameters
    ----------
    jax_model : nnx.Module
    torch_model : torch.nn.Module
        Any modules; a `d2l.Module` may bring its own loss and optimizer.
    data : list of minibatches, or callable
        Minibatches `(*inputs, targets)` of arrays or tensors, for both models; or a function that
        returns a data module of the package (`d2l_jax` or `d2l_torch`) that is passed to it, such
        as `lambda d2l: d2l.Digits(batch_size=100)`.
    loss : str or callable, optional
        `'softmax_cross_entropy'`, `'cross_entropy'`, `'squared_loss'`, a function of `y_hat` and
        `y` that returns one number, or a pair of these, for JAX and for PyTorch. Required
        unless both models are a `d2l.Module`; with it, both are trained by minibatch SGD.
    mapping : dict, optional
        `{name in JAX: name in PyTorch}` of layers or parameters, such as `{"hidden.kernel":
        "fc1.weight"}`; the rest is matched by names and shapes.
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
        Number of runs from weights one ulp away, on each backend.

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If an argument has the wrong type: `jax_model` is not a Flax NNX module, say.
    ValueError
        If parameters cannot be paired, `weights` do not fit or are not finite, `data` is empty,
        `loss` is missing or unknown, or a number is out of its range.
    """
    check_data(data)
    check_count("epochs", epochs)
    check_count("num_gpus", num_gpus, minimum=0)
    check_count("nudges", nudges, minimum=0)
    check_nonnegative("lr", lr)
    check_nonnegative("gradient_clip_val", gradient_clip_val)
    sides = pair(jax_model, torch_model, loss, lr, mapping)
    initial = initial_weights(sides["torch"], weights)
    scale = zero_model_loss(sides["torch"], data, initial)
    first = first_minibatch(sides, data, initial)

    def run(side: Side, dtype: str, seed: int | None = None) -> Run:
        start = initial if seed is None else moved_by_one_ulp(initial, dtype, seed)
        options = epochs, gradient_clip_val, num_gpus
        return train(side, data, start, dtype, *options, record=seed is None)

    runs, nudged = {}, {}
    for dtype in ("float32", "float64"):
        runs[dtype] = {backend: run(side, dtype) for backend, side in sides.items()}
        moved = {b: [run(side, dtype, seed) for seed in range(nudges)] for b, side in sides.items()}
        nudged[dtype] = moved if nudges else {}
    gradients = {dtype: [each.gradients for each in both.values()] for dtype, both in runs.items()}
    noise = only_rounding(**gradients)
    comparisons = {
        dtype: Comparison(dtype, both["jax"], both["torch"], nudged[dtype], scale, noise)
        for dtype, both in runs.items()
    }
    history = runs["float32"]["torch"].history
    rate = None if loss is None else lr
    setting = describe(sides, data, history, rate, gradient_clip_val, num_gpus > 0)
    return Report(name or type(torch_model).__name__, setting, comparisons, first, noise)


def initial_weights(side: Side, weights: Any) -> dict[str, np.ndarray]:
    """Return `weights`, or those of the side's model for None, by common names and checked."""
    exported = side.by_common_name(side.d2l.export_weights(side.model))
    initial = exported if weights is None else as_arrays(weights)
    check_weights({name: array.shape for name, array in exported.items()}, initial)
    for name, array in initial.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"the initial weights of {name} must be finite; pass weights={{...}} that are"
            )
    return initial
