"""Both backends, in both precisions."""

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


def eps(dtype):
    """Return the relative spacing of `dtype`."""
    return np.finfo(dtype).eps


def train(d2l, make_model, make_data, weights, epochs, **trainer):
    """Train from `weights`; return the history and the final weights."""
    model = make_model(d2l)
    d2l.import_weights(model, weights)
    history = d2l.Trainer(epochs, **trainer).fit(model, make_data(d2l))
    return history, d2l.export_weights(model)
