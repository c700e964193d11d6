"""Files of weights: safetensors, which hold arrays and text and cannot run code."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors

from d2l_common import __version__

FORMAT = 1
SUFFIX = ".safetensors"
# By safetensors' names; bfloat16, which NumPy lacks, is read as 16 bits.
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip


def check_path(path: str | os.PathLike[str]) -> Path:
    """
    Return `path` if it ends in `.safetensors`.

    Raises
    ------
    TypeError
        If it is not a path.
    ValueError
        If it has another suffix.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path, got {type(path).__name__}; pass it before the model")
    if Path(path).suffix != SUFFIX:
        raise ValueError(f"path must end in {SUFFIX}, got {str(path)!r}; rename the file")
    return Path(path)


def metadata(**versions: str) -> dict[str, str]:
    """Return what a file says of itself; its names and layout are PyTorch's."""
    return {
        "format": "pt",
        "d2l_twins": __version__,
        "d2l_twins_format": str(FORMAT),
        **versions,
    }


def write_file(path: Path, data: bytes) -> None:
    """
    Write a file as a whole: an earlier one is replaced only when all is written.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {str(path.parent)!r} does not exist; create it")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_synced(temporary, data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and flush it to the disk."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_file(path: Path) -> dict[str, np.ndarray]:
    """
    Return the arrays of a safetensors file by name; bfloat16 as float32, which is exact.

    Raises
    ------
    FileNotFoundError
        If there is not such a file.
    ValueError
        If it is damaged, not a safetensors file, of a newer format or of an unknown type.
    """
    return read_tensors(path)[0]


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return likewise the arrays of a file, and its metadata."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}; write it with save_weights")
    return parse_tensors(path, path.read_bytes())


def parse_tensors(path: Path, data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return likewise the arrays in `data`, the contents of a file, and its metadata."""
    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{str(path)!r} must be a whole safetensors file: {error}; save or copy it again"
        ) from error
    size = int.from_bytes(data[:8], "little")
    about = json.loads(data[8 : 8 + size]).get("__metadata__") or {}
    if int(about.get("d2l_twins_format", FORMAT)) > FORMAT:
        raise ValueError(
            f"{str(path)!r} must have format {FORMAT} or earlier, got "
            f"{about['d2l_twins_format']}; update d2l-twins"
        )
    return {name: as_array(path, name, tensor) for name, tensor in tensors}, about


def as_array(path: Path, name: str, tensor: dict) -> np.ndarray:
    """Return a tensor of a file as an array."""
    if tensor["dtype"] not in DTYPES:
        raise ValueError(
            f"{name} in {str(path)!r} must hold real numbers of a type that NumPy or bfloat16 has, "
            f"got {tensor['dtype']}; convert it"
        )
    array = np.frombuffer(tensor["data"], DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
    if tensor["dtype"] == "BF16":
        array = (array.astype("<u4") << 16).view("<f4")
    return array


def import_file(
    path: str | os.PathLike[str], import_weights: Callable[[dict[str, np.ndarray]], None]
) -> None:
    """
    Pass the arrays of a file to `import_weights`, whose errors then name the file.

    Raises
    ------
    ValueError, FileNotFoundError
        As `check_path`, `read_file` and `import_weights` do.
    """
    path = check_path(path)
    weights = read_file(path)
    try:
        import_weights(weights)
    except ValueError as error:
        raise ValueError(f"{str(path)!r} does not fit the model: {error}") from error
