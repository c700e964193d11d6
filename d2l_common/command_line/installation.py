"""The installation: versions, devices, precision and caches."""

import importlib
import importlib.metadata
import os
import platform
from pathlib import Path

import d2l_common

COMMON = ("numpy", "pandas", "matplotlib")
BACKENDS = {"jax": ("jax", "jaxlib", "flax", "optax"), "torch": ("torch",)}


def versions(packages: tuple[str, ...]) -> str:
    """Return the versions of installed packages."""
    found = []
    for name in packages:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} is not installed")
    return ", ".join(found)


def backend_rows(name: str) -> dict[str, str]:
    """Return what there is to say about a backend, or why it cannot be imported."""
    try:
        backend = importlib.import_module(f"d2l_{name}.installation")
    except Exception as error:  # a broken installation may raise anything
        reason = str(error).partition("\n")[0]
        return {"error": f"cannot be imported: {reason}; pip install 'd2l-twins[{name}]'"}
    return backend.installation()


def print_info() -> None:
    """Print a block for the library and one for each backend."""
    blocks = {
        f"d2l-twins {d2l_common.__version__}": {
            "folder": str(Path(d2l_common.__file__).parents[1]),
            "Python": f"{platform.python_version()}, {platform.platform()}, {os.cpu_count()} CPUs",
            "versions": versions(COMMON),
        }
    }
    for name, packages in BACKENDS.items():
        blocks[f"d2l_{name}"] = {"versions": versions(packages), **backend_rows(name)}
    for title, rows in blocks.items():
        print(title)
        for name, text in rows.items():
            print(f"  {name:<10} {text}")
