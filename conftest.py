"""Settings and fixtures of both test folders; the settings come before JAX is imported."""

import hashlib
import importlib
import os
import shutil
from pathlib import Path

import pytest

# Compiled programs are kept here between runs: most of the time of a first run is compilation.
CACHE = Path(__file__).parent / ".pytest_cache" / "jax"
MAX_CACHE_BYTES = 500 * 2**20


def processor():
    """Return a name for this kind of processor: a program compiled for another one may crash."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "any"
    features = {line for line in lines if line.startswith(("model name", "flags", "Features"))}
    return hashlib.sha256("".join(sorted(features)).encode()).hexdigest()[:12]


os.environ.setdefault("MPLBACKEND", "Agg")
# On a GPU both frameworks must multiply in full float32 to agree, which is PyTorch's default.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
# A folder of the user's, set in the environment, is used instead.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE / processor()))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Before the frameworks are imported: with a worker a core, their own threads, which wait by
    # spinning, would take each other's time (60 s for a test of 8).
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Most of a run is compilation, and each program runs a few times only: LLVM need not optimize
    # it, XLA's older emitters make less code for it, and a worker has no cores to compile in parts.
    # That takes a third of the time. `-n 0` compiles as users do. Should a worker end with "Unknown
    # flag", a newer XLA has dropped it: so can we.
    flags = (
        "--xla_cpu_multi_thread_eigen=false",
        "--xla_backend_optimization_level=0",
        "--xla_cpu_use_fusion_emitters=false",
        "--xla_cpu_parallel_codegen_split_count=1",
    )
    os.environ.setdefault("XLA_FLAGS", " ".join(flags))


def pytest_configure(config):
    """Delete the kept programs when they take too much space."""
    # JAX's own bound would look at every file on each write.
    if hasattr(config, "workerinput") or not CACHE.exists():
        return
    if sum(path.stat().st_size for path in CACHE.rglob("*") if path.is_file()) > MAX_CACHE_BYTES:
        shutil.rmtree(CACHE)


@pytest.fixture(params=["jax", "torch"])
def d2l(request):
    """Each backend in turn."""
    return importlib.import_module(f"d2l_{request.param}")
