"""What the parity tests share: both backends, in both precisions, and one way to compare."""

from contextlib import contextmanager

import jax
import numpy as np
import torch

import d2l_jax
import d2l_torch

BACKENDS = {"jax": d2l_jax, "torch": d2l_torch}


@contextmanager
def precision(dtype):
    """Make `dtype`, "float32" or "float64", the default float type of both frameworks."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with jax.enable_x64(dtype == "float64"):
            yield
    finally:
        torch.set_default_dtype(before)


def assert_within(actual, truth, bound, what=""):
    """
    Raise unless `actual` is within `bound` of `truth`, entry by entry.

    NaN equals NaN and infinity equals infinity. The message shows the worst entry: where it is,
    both values, how far apart they are (also in units in the last place), and the bound.
    """
    actual, truth = np.asarray(actual), np.asarray(truth)
    assert actual.shape == truth.shape, f"{what}: shape {actual.shape} against {truth.shape}"
    truth, bound = np.asarray(truth, np.longdouble), np.broadcast_to(bound, truth.shape)
    special = ~np.isfinite(truth)
    np.testing.assert_array_equal(actual[special], truth[special].astype(actual.dtype))
    gap = np.where(special, 0, np.abs(np.where(special, 0, actual) - np.where(special, 0, truth)))
    excess = gap - np.where(special, 0, bound)
    if not (excess <= 0).all():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), gap.shape)
        ulp = np.spacing(np.abs(truth[worst]).astype(actual.dtype))
        raise AssertionError(
            f"{what} at {tuple(map(int, worst))}: {actual[worst]!r} against {truth[worst]!r}; "
            f"{gap[worst]:.3g} apart ({gap[worst] / ulp:.3g} ulp), bound {bound[worst]:.3g}"
        )


def eps(dtype):
    """Return the relative spacing of `dtype`."""
    return np.finfo(dtype).eps


def train(d2l, make_model, make_data, weights, epochs, **trainer):
    """Train from `weights`; return the history and the final weights."""
    model = make_model(d2l)
    d2l.import_weights(model, weights)
    history = d2l.Trainer(epochs, **trainer).fit(model, make_data(d2l))
    return history, d2l.export_weights(model)
