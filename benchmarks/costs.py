"""Costs paid once: loading, the first fit, importing, memory; and an epoch without its steps."""

import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import inside
from benchmarks.race import fit, hand
from benchmarks.report import Bar, Row
from benchmarks.tasks import LINEAR, MLP, quick
from benchmarks.workers import Absent, run_once
from d2l_common.data.fashion_mnist import SHA256

PART = "Costs"


def measure(is_quick: bool, backends: Sequence[str] = ("jax", "torch")) -> list[Row]:
    """Return the rows of all costs."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = write_fashion_mnist(Path(folder), *((600, 100) if is_quick else (60_000, 10_000)))
        for backend in backends:
            try:
                rows += of_backend(backend, is_quick, files)
            except Absent as reason:
                rows.append(Row(PART, "all", backend, note=f"skipped: {reason}"))
    return rows


def of_backend(backend: str, is_quick: bool, files: dict[str, Path]) -> list[Row]:
    """Return the rows of one backend; each number comes from fresh processes."""
    linear, mlp = [quick(task) if is_quick else task for task in (LINEAR, MLP)]
    num_images = f"{mlp.num_train:,} images"

    def once(function: str, *args: object, **kwargs: object) -> object:
        return run_once(f"{inside.__name__}:{function}", *args, **kwargs)

    def row(
        what: str, value: float | None, unit: str, bar: Bar | None = None, note: str = ""
    ) -> Row:
        return Row(PART, what, backend, value, unit, bar=bar, note=note)

    seconds = once("loader_pass", mlp, backend, passes=1 if is_quick else 5)
    rows = [row(f"a pass over {num_images} by hand", seconds, "s", Bar(0.25))]

    first, *later = [fit["seconds"] for fit in once("fits", mlp, backend, times=3)]
    rows += [
        row("MLP: a fit of one epoch, not the first", min(later), "s"),
        row("MLP: the first fit takes longer by", first - min(later), "s", Bar(2)),
    ]

    sizes = (320, 960) if is_quick else (1_000, 32_000)
    epoch, step = once("epoch_and_step", linear, backend, sizes)
    is_jax = backend == "jax"
    note = f"the line through epochs of {sizes[0]:,} and {sizes[1]:,} examples"
    rows += [
        row(
            "linear regression: an epoch without its steps",
            1e3 * epoch,
            "ms",
            Bar(1) if is_jax else None,
            note,
        ),
        row("linear regression: a step", 1e6 * step, "us", Bar(25) if is_jax else None),
    ]

    for kind, folder in files.items():
        seconds = once("load_fashion_mnist", str(folder), backend)
        rows.append(row(f"Fashion-MNIST from files, {kind}", seconds, "s", Bar(0.3)))

    times = [once("import_seconds", backend) for _ in range(1 if is_quick else 5)]
    what = {"jax": "jax, flax.nnx and optax", "torch": "torch and numpy"}[backend]
    rows.append(row(f"import, over that of {what}", float(np.median(times)), "s", Bar(0.2)))

    peaks = [
        once("peak_memory", contender.target, mlp, **contender.arguments)
        for contender in (fit(mlp, backend), hand(mlp, backend))
    ]
    if None in peaks:
        return [*rows, row("MLP: peak memory, fit / hand", None, "", note="unknown on this system")]
    note = f"{peaks[0]:.0f} MiB against {peaks[1]:.0f} MiB, the whole process"
    return [*rows, row("MLP: peak memory, fit / hand", peaks[0] / peaks[1], "", Bar(1.3), note)]


def write_fashion_mnist(folder: Path, num_train: int, num_val: int) -> dict[str, Path]:
    """Write random images as the four files, gzipped and plain; return the two folders."""
    folders = {"gzipped": folder / "gzipped", "not gzipped": folder / "plain"}
    rng = np.random.default_rng(0)
    for path in folders.values():
        path.mkdir()
    for name in SHA256:
        n = num_train if name.startswith("train") else num_val
        if "labels" in name:
            array = rng.integers(0, 10, n, np.uint8)
        else:
            # Half of the pixels are black, the rest have 50 shades: gzipped, they take 26 MB, as
            # the real images do.
            array = 5 * rng.integers(0, 51, (n, 28, 28), np.uint8)
            array[rng.random((n, 28, 28), np.float32) < 0.5] = 0
        plain = folders["not gzipped"] / name.removesuffix(".gz")
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        plain.write_bytes(header + array.tobytes())  # IDX, of uint8
        (folders["gzipped"] / name).write_bytes(gzip.compress(plain.read_bytes(), 6))
    return folders
