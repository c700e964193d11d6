"""Train two models side by side, and report whether they are the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from d2l_common.checks import check_count, check_nonnegative
from d2l_common.parity.backends import NAMES, as_model, check_data, check_models, package
from d2l_common.parity.comparison import Comparison
from d2l_common.parity.layers import first_minibatch
from d2l_common.parity.mapping import match_parameters
from d2l_common.parity.report import Report
from d2l_common.parity.training import Run, moved_by_one_ulp, train, zero_model_loss

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
    name: str | None = None,
    nudges: int = NUDGES,
) -> Report:
    """
    Train two models from equal weights on equal minibatches, and report how far they part.

    Each is trained in float64, where roundings are too small to hide a mistake, and in float32,
    where they are seen to grow; there also from initial weights that were moved by one unit in
    the last place, which tells how much of a gap means nothing. The models stay as they are.

    Parameters
    ----------
    jax_model : nnx.Module
    torch_model : torch.nn.Module
        Any modules; with a `loss` and optimizer of their own if they are a `d2l.Module`.
    data : list of minibatches, or callable
        Minibatches `(*inputs, targets)` of NumPy arrays, which both get; or a function that
        returns a data module for the package (`d2l_jax` or `d2l_torch`) that it is given, as
        `lambda d2l: d2l.Digits(batch_size=100)`.
    loss : str or callable, optional
        `'softmax_cross_entropy'`, `'cross_entropy'`, `'squared_loss'`, a function of `y_hat` and
        `y` that returns one number, or a pair of such functions, for JAX and for PyTorch. Needed
        if the models have none; with it, both are trained by minibatch SGD.
    mapping : dict, optional
        `{name in JAX: name in PyTorch}` of layers or parameters; found from names and shapes.
    epochs : int
    lr : float
        The learning rate of SGD, where `loss` is given.
    gradient_clip_val : float
        The largest norm of the gradient; 0 for no limit.
    weights : dict of arrays, optional
        The initial weights, by PyTorch's names; those of `torch_model` if not given.
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
        If the models are of other kinds, their parameters cannot be paired, or the data is empty
        or does not fit.
    """
    check_models(jax_model, torch_model)
    check_data(data)
    check_count("epochs", epochs)
    check_count("nudges", nudges, minimum=0)
    check_nonnegative("lr", lr)
    check_nonnegative("gradient_clip_val", gradient_clip_val)
    given = {"jax": jax_model, "torch": torch_model}
    wrapped = {backend: as_model(backend, given[backend], loss, lr) for backend in NAMES}
    own = {backend: package(backend).export_weights(wrapped[backend]) for backend in NAMES}
    pairs = match_parameters(*({n: w.shape for n, w in own[b].items()} for b in NAMES), mapping)
    initial = {"torch": own["torch"] if weights is None else dict(weights)}
    initial["jax"] = {ours: initial["torch"][theirs] for ours, theirs in pairs.items()}
    scale = zero_model_loss("torch", wrapped["torch"], data, initial["torch"])
    first = first_minibatch(wrapped, data, initial, pairs)

    def run(backend: str, dtype: str, seed: int | None = None) -> Run:
        start = initial[backend]
        if seed is not None:
            start = moved_by_one_ulp(initial["torch"], dtype, seed)
            if backend == "jax":
                start = {ours: start[theirs] for ours, theirs in pairs.items()}
        arguments = wrapped[backend], data, start, dtype, epochs, gradient_clip_val
        found = train(backend, *arguments, watch=seed is None)
        return found.renamed(pairs) if backend == "jax" else found

    comparisons = {
        dtype: Comparison(
            dtype,
            run("jax", dtype),
            run("torch", dtype),
            {b: [run(b, dtype, seed) for seed in range(nudges)] for b in NAMES},
            scale,
        )
        for dtype in ("float32", "float64")
    }
    return Report(name or type(torch_model).__name__, comparisons, first, pairs)
