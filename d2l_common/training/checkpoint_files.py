"""
Folders of checkpoints: written as a whole, checked when read, the last good ones kept.

A checkpoint is a folder of safetensors files, one `checkpoint.json`, and `SHA256SUMS`, which
`sha256sum --check` reads. It is written under a temporary name, flushed to the disk and renamed, so
that a program that is killed leaves the earlier ones as they were.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from d2l_common.weight_files import write_synced

FORMAT = 1
PREFIX = "checkpoint-"
ABOUT = "checkpoint.json"
SUMS = "SHA256SUMS"


class DamagedError(ValueError):
    """A checkpoint that is not complete or has changed since it was written."""


def as_path(path: Any) -> Path:
    """Return `path` as a Path; raise a TypeError if it is not a path."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"path must be the path of a folder, got {type(path).__name__}; pass it first"
        )
    return Path(path)


def check_folder(path: Any) -> Path:
    """
    Return the folder `path`, created if it does not exist, without what a killed run has left.

    Raises
    ------
    TypeError
        If `path` is not a path.
    NotADirectoryError, OSError
        If it is not a folder, or cannot be created or written to.
    """
    folder = as_path(path)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(
            f"checkpoint must be a folder, got the file {str(folder)!r}; choose another path"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error
    for left in folder.glob(f".{PREFIX}*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    return folder


def cannot_write(folder: Path, error: OSError) -> OSError:
    """Return the error, of the same kind, for a folder to which nothing can be written."""
    return type(error)(
        error.errno,
        f"checkpoints must be in a folder that can be written to, got {str(folder)!r}: "
        f"{error.strerror}; free space there, or choose another folder",
    )


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the checkpoints in a folder, the last one first."""
    found = [re.fullmatch(rf"{PREFIX}(\d+)", path.name) for path in folder.glob(f"{PREFIX}*")]
    return sorted((int(match[1]) for match in found if match), reverse=True)


def path_of(folder: Path, number: int) -> Path:
    """Return the path of a checkpoint."""
    return folder / f"{PREFIX}{number:06d}"


def write(
    folder: Path, number: int, files: Mapping[str, bytes], about: Mapping[str, Any], keep: int
) -> None:
    """
    Write a checkpoint, and then delete all except the last `keep`.

    Parameters
    ----------
    folder : Path
    number : int
        Above those of the checkpoints that are there.
    files : dict of bytes
        By file name.
    about : dict
        What JSON can hold.
    keep : int

    Raises
    ------
    OSError
        If it cannot be written; then the earlier checkpoints are as they were.
    """
    text = json.dumps({"d2l_twins_checkpoint": FORMAT, **about}, indent=1)
    files = {**files, ABOUT: text.encode()}
    sums = "".join(f"{sha256(data)}  {name}\n" for name, data in files.items())
    temporary = folder / f".{PREFIX}{number:06d}.{os.getpid()}.tmp"
    try:
        temporary.mkdir()
        for name, data in {**files, SUMS: sums.encode()}.items():
            write_synced(temporary / name, data)
        sync(temporary)
        os.replace(temporary, path_of(folder, number))
        sync(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in numbers(folder)[keep:]:
        remove(folder, old)


def remove(folder: Path, number: int) -> None:
    """Delete a checkpoint: first its name, so that half of one never counts as one."""
    path = path_of(folder, number)
    hidden = folder / f".{path.name}.{os.getpid()}.tmp"
    os.replace(path, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def sync(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(folder: Path, number: int) -> tuple[dict[str, bytes], dict[str, Any]]:
    """
    Return the files of a checkpoint by name, and what its JSON holds.

    Raises
    ------
    DamagedError
        If a file is missing or has changed.
    ValueError
        If the checkpoint is of a newer format.
    """
    path, files = path_of(folder, number), {}
    try:
        lines = (path / SUMS).read_text().splitlines()
        sums = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as error:
        raise damaged(path, SUMS) from error
    for name in {ABOUT: None, **sums}:
        try:
            files[name] = (path / name).read_bytes()
        except OSError as error:
            raise damaged(path, name) from error
        if sha256(files[name]) != sums.get(name):
            raise damaged(path, name)
    about = json.loads(files.pop(ABOUT))
    if about["d2l_twins_checkpoint"] > FORMAT:
        raise ValueError(
            f"{str(path)!r} must have format {FORMAT} or earlier, got "
            f"{about['d2l_twins_checkpoint']}; update d2l-twins"
        )
    return files, about


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as text."""
    return hashlib.sha256(data).hexdigest()


def damaged(path: Path, name: str) -> DamagedError:
    """Return the error for a checkpoint of which a file is not as it was written."""
    return DamagedError(
        f"{str(path)!r} must be a whole checkpoint of d2l-twins, but its {name} is damaged or "
        "missing; delete this folder, or copy it again"
    )
