"""Fixtures of both test folders."""

import importlib
import os

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(params=["jax", "torch"])
def d2l(request):
    """Each backend in turn."""
    return importlib.import_module(f"d2l_{request.param}")
