"""The devices, the precision and the cache of an installation."""

import jax

from .training.compilation import MAX_BYTES, cache_folder, setting


def installation() -> dict[str, str]:
    """Return texts for the command `d2l info`."""
    precision = setting("jax_default_matmul_precision") or "the device's default"
    x64 = "on" if setting("jax_enable_x64") else "off"
    return {
        "devices": ", ".join(map(str, jax.devices())),
        "precision": f"float64 {x64}, matrix products in {precision}",
        "cache": cache(),
    }


def cache() -> str:
    """Return where compiled programs are kept, and how large they are."""
    folder = cache_folder()
    if folder is None:
        return str(setting("jax_compilation_cache_dir") or "none: fits compile again")
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return f"{folder}: {size / 2**20:.1f} MiB, at most {MAX_BYTES / 2**20:.0f} MiB"
