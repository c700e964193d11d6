"""The compilation of a fit, kept in a folder of the user's: a refit compiles nothing."""

import functools
import hashlib
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import jaxlib
import platformdirs
from jax.experimental.compilation_cache.compilation_cache import reset_cache

MAX_BYTES = 2**28  # a program of the book's models takes about ten kilobytes
CPU_INFO = Path("/proc/cpuinfo")  # Linux only

_lock = threading.Lock()
_fits: list[dict[str, Any]] = []  # the settings to restore after the last of the running fits


@contextmanager
def compilation_cache() -> Iterator[None]:
    """
    Keep the programs that are compiled within this context for later fits and processes.

    A cache that the user has set up stays in use. JAX's own switch turns this one off: the
    environment variable `JAX_ENABLE_COMPILATION_CACHE=0`, or
    `jax.config.update("jax_enable_compilation_cache", False)`. Without a folder that can be
    written, the next fit compiles again.
    """
    folder = cache_folder()
    if folder is None:
        yield
        return
    trim(folder)
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": -1,  # see `trim`
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    with _lock:
        _fits.append({name: setting(name) for name in settings})
        for name, value in settings.items():
            jax.config.update(name, value)
    try:
        yield
    finally:
        with _lock:
            before = _fits.pop()
            if not _fits:
                for name, value in before.items():
                    jax.config.update(name, value)
                reset_cache()  # it would hold on to the folder, whatever the user sets next


def setting(name: str) -> Any:
    """Return a setting of JAX."""
    return getattr(jax.config, name)


def cache_folder() -> Path | None:
    """Return the folder of the cache; None where it is off, or the user has set up another."""
    is_users = setting("jax_compilation_cache_dir") and not _fits
    if is_users or not setting("jax_enable_compilation_cache"):
        return None
    versions = f"programs-jax-{jax.__version__}-jaxlib-{jaxlib.__version__}-{processor()}"
    folder = platformdirs.user_cache_path("d2l") / versions
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


@functools.cache
def trim(folder: Path) -> None:
    """Delete the older half of the programs if they take too much space, once in a process."""
    # JAX's own bound lists the folder for each program: a second with thousands of files.
    programs = []
    for path in folder.glob("*-cache"):
        with suppress(OSError):  # another process trims, too
            stat = path.stat()
            programs.append((stat.st_mtime, stat.st_size, path))
    size = sum(size for _, size, _ in programs)
    if size <= MAX_BYTES:
        return
    for _, of_program, path in sorted(programs):
        if size > MAX_BYTES / 2:
            with suppress(OSError):
                path.unlink()
            size -= of_program


@functools.cache
def processor() -> str:
    """Return a name for the processor: programs compiled for another one may crash."""
    text = f"{platform.machine()} {platform.processor()}"
    try:
        features = {
            line
            for line in CPU_INFO.read_text().splitlines()
            if line.startswith(("flags", "Features", "model name"))
        }
    except OSError:
        features = set()
    return hashlib.sha256(" ".join([text, *sorted(features)]).encode()).hexdigest()[:16]
