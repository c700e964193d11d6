"""The book's `extract`: archives are unpacked beside their folder, and moved there if complete."""

import contextlib
import gzip
import os
import shutil
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from d2l_common.checks.arguments import check_count
from d2l_common.data.download import MAX_BYTES

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
# What the standard library raises for archives that are damaged.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError)
# Prefix of the folder in which an archive is unpacked, and the seconds after which it is stale.
STAGING, STALE = ".extract-", 3600


def extract(filename: str, folder: str | None = None, max_bytes: int = MAX_BYTES) -> None:
    """
    Unpack a zip or tar file into `folder`, by default the folder that it is in (section 5.7).

    The members are unpacked in a folder beside, and moved once all are complete: an archive that
    raises an error leaves `folder` as it was.

    Parameters
    ----------
    filename : str
        A name that ends in .zip, .tar, .tar.gz or .tgz.
    folder : str
    max_bytes : int
        The largest size of all members together, 4 GiB.

    Raises
    ------
    ValueError
        If `filename` is not such a file, is damaged, encrypted or larger than `max_bytes`, or if a
        member would land outside `folder`.
    """
    check_count("max_bytes", max_bytes)
    source = Path(filename)
    if not source.name.endswith(SUFFIXES):
        raise ValueError(f"filename must end in .zip, .tar, .tar.gz or .tgz, got {filename}")
    if not source.is_file():
        raise ValueError(f"filename must be an existing file, got {filename}")
    target = source.parent if folder is None else Path(folder)
    unpack = unpack_zip if source.suffix == ".zip" else unpack_tar
    with staging_folder(target) as staging:
        try:
            unpack(source, staging, max_bytes)
        except DAMAGE as error:
            raise ValueError(f"{filename} must be a sound archive, got: {error}") from error
        move_into(staging, target)


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder in `target`, removed at the end, as are those of killed processes."""
    new = [path for path in (target, *target.parents) if not path.exists()]
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob(STAGING + "*"):
        with contextlib.suppress(OSError):  # another process has removed it
            if time.time() - old.stat().st_mtime > STALE:
                shutil.rmtree(old)
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=target))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        for path in new:  # deepest first; rmdir fails, rightly, on one that is not empty
            with contextlib.suppress(OSError):
                path.rmdir()


def unpack_zip(source: Path, staging: Path, max_bytes: int) -> None:
    """Unpack a zip file into the empty folder `staging`; each member's CRC is compared."""
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        check_size(source, sum(member.file_size for member in members), max_bytes)
        for member in members:
            if member.flag_bits & 1:
                raise ValueError(f"{source} must not be encrypted; unpack it yourself")
            path = inside(source, staging, member.filename)
            if member.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            # zipfile reads no more than the size that the member has in the archive's table.
            with archive.open(member) as packed, path.open("wb") as file:
                shutil.copyfileobj(packed, file)


def unpack_tar(source: Path, staging: Path, max_bytes: int) -> None:
    """Unpack a tar file into the empty folder `staging`, without devices and outward links."""
    with tarfile.open(source) as archive:
        size = 0
        for member in archive:
            size += member.size
            check_size(source, size, max_bytes)
            member.name = str(inside(source, staging, member.name).relative_to(staging))
        archive.extractall(staging, filter="data")


def inside(source: Path, folder: Path, name: str) -> Path:
    """Return the path of a member in `folder`; raise a ValueError if it is outside."""
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(folder):
        raise ValueError(f"{source} must not unpack outside its folder, got {name}")
    return path


def check_size(source: Path, size: int, max_bytes: int) -> None:
    """Raise a ValueError if the members of an archive are too large together."""
    if size > max_bytes:
        raise ValueError(
            f"{source} must unpack to at most {max_bytes} bytes, got {size}; raise max_bytes"
        )


def move_into(staging: Path, target: Path) -> None:
    """Move what is in `staging` into `target`, where files of the same names are replaced."""
    for path in staging.iterdir():
        place: Any = target / path.name
        if path.is_dir() and not path.is_symlink():
            place.mkdir(exist_ok=True)
            move_into(path, place)
        else:
            path.replace(place)
