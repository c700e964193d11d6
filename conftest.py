"""Fixtures of both test folders."""

import importlib
import os

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
# On a GPU both frameworks must multiply in full float32 to agree, which is PyTorch's default.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Before the frameworks are imported: with a worker a core, their own threads, which wait by
    # spinning, would take each other's time (60 s for a test of 8).
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")


@pytest.fixture(params=["jax", "torch"])
def d2l(request):
    """Each backend in turn."""
    return importlib.import_module(f"d2l_{request.param}")
