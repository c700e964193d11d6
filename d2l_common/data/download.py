"""Downloads that end in a complete, verified file or in an error of one sentence."""

import contextlib
import glob
import hashlib
import os
import sys
import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from d2l_common.checks.arguments import check_count

# Seconds to wait for a connection, and then for the next bytes: without a network the error
# should come soon, but a slow line should not be cut off.
_TIMEOUT = (10.0, 60.0)
# Bytes that a file may have at most, unless the caller allows more.
MAX_BYTES = 4 * 2**30
# Seconds without a write after which the part of a file is that of a process that was killed.
_STALE = 10 * _TIMEOUT[1]
_ALGORITHMS = ("md5", "sha1", "sha256", "sha512")


def fetch(
    urls: str | Sequence[str],
    path: str | os.PathLike[str],
    checksum: str | None,
    *,
    offline_hint: str = "",
    progress: bool = True,
    max_bytes: int = MAX_BYTES,
) -> Path:
    """
    Return `path`, downloaded from the first mirror that delivers the right file.

    The bytes go to a temporary file beside `path`, which is renamed once its checksum is right. So
    an interrupted download leaves no file of that name, and two processes may fetch the same file.
    What a killed process has left is removed by the next download of the same file, ten minutes
    later.
    An existing file is verified too, and downloaded again, with a warning, if its checksum differs.

    Parameters
    ----------
    urls : str or sequence of str
        The mirrors, tried in this order.
    path : str or path
        Where to write the file. Missing folders are created.
    checksum : str or None
        Such as `"sha256:3aede3..."` or `"sha1:94046d..."`. `None` verifies nothing and keeps an
        existing file.
    offline_hint : str
        The end of the error's sentence: the fix for a reader without a network.
    progress : bool
        Whether to show a progress bar, if standard error is a terminal.
    max_bytes : int
        The largest size of the file; a larger one is an error.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ConnectionError
        If every mirror fails; the message holds the reason of each and `offline_hint`.
    ValueError
        If `urls` is empty, or `checksum` does not name its algorithm.
    IsADirectoryError
        If `path` is a folder.
    OSError
        If the file cannot be written.
    """
    urls = [urls] if isinstance(urls, str) else list(urls)
    path = Path(path).expanduser()
    if not urls:
        raise ValueError(f"urls must hold at least one URL for {path.name}, got none")
    algorithm, digest = _split_checksum(checksum)
    check_count("max_bytes", max_bytes)
    if path.is_dir():
        raise IsADirectoryError(f"path must be that of a file, got the folder {path}")
    if path.exists():
        if checksum is None or _digest(path, algorithm) == digest:
            return path
        warnings.warn(
            f"{path} is damaged or a different file (unexpected {algorithm}): downloading it again",
            stacklevel=2,
        )
    from requests.exceptions import RequestException

    failures = []
    new_folders = [folder for folder in path.parents if not folder.exists()]
    for url in urls:
        try:
            with _part(path) as part:
                _download(url, part, path.name, progress, max_bytes)
                if checksum is None or _digest(part, algorithm) == digest:
                    # Temporary files may be private, a data set is for all who read its folder.
                    part.chmod(0o644)
                    part.replace(path)
                    return path
            failures.append(f"{_host(url)}: wrong {algorithm}")
        except RequestException as error:
            failures.append(f"{_host(url)}: {_reason(error)}")
        except _TooLarge:
            failures.append(f"{_host(url)}: larger than max_bytes={max_bytes}")
    for folder in new_folders:  # deepest first; rmdir fails, rightly, on one that is not empty
        with contextlib.suppress(OSError):
            folder.rmdir()
    hint = f"; {offline_hint}" if offline_hint else ""
    raise ConnectionError(f"cannot download {path.name} ({'; '.join(failures)}){hint}")


def _host(url: str) -> str:
    """Return the name of a URL's server."""
    return urlsplit(url).netloc or url


def _split_checksum(checksum: str | None) -> tuple[str, str]:
    """Return the name of the hash and its hexadecimal digits."""
    if checksum is None:
        return "", ""
    algorithm, _, digest = checksum.lower().partition(":")
    if algorithm not in _ALGORITHMS or not digest:
        raise ValueError(
            f"checksum must be 'sha256:...', with one of {', '.join(_ALGORITHMS)}, got {checksum!r}"
        )
    return algorithm, digest


def has_checksum(path: Path, checksum: str) -> bool:
    """Return whether the file `path` has a checksum such as `"sha1:94046d..."`."""
    algorithm, digest = _split_checksum(checksum)
    return _digest(path, algorithm) == digest


def _digest(path: Path, algorithm: str) -> str:
    """Return the hash of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


class _TooLarge(Exception):
    """A file is larger than it may be."""


class _BoundedFile:
    """File that takes at most `max_bytes`."""

    def __init__(self, file: BinaryIO, max_bytes: int):
        self._file, self._left = file, max_bytes

    def write(self, data: bytes) -> None:
        """Write `data`; raise if there is no room for it."""
        self._left -= len(data)
        if self._left < 0:
            raise _TooLarge
        self._file.write(data)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""


@contextlib.contextmanager
def _part(path: Path) -> Iterator[Path]:
    """Yield a new name beside `path` for its bytes until they are complete; leave no such file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f".{path.name}.{{}}.part"
    for old in path.parent.glob(glob.escape(name).format("*")):
        with contextlib.suppress(OSError):  # another process has removed or completed it
            if time.time() - old.stat().st_mtime > _STALE:
                old.unlink()
    part = path.parent / name.format(uuid.uuid4().hex)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _download(url: str, part: Path, name: str, progress: bool, max_bytes: int) -> None:
    """Download `url` to the file `part`, with the bar of a file called `name`."""
    import pooch

    with _progress_bar(name, progress) as bar, part.open("wb") as file:
        downloader = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=2**16,
            timeout=_TIMEOUT,
            # Otherwise a server may send a .gz file as compressed text, which arrives unpacked.
            headers={"Accept-Encoding": "identity"},
        )
        downloader(url, _BoundedFile(file, max_bytes), None)


@contextlib.contextmanager
def _progress_bar(name: str, wanted: bool) -> Iterator[object]:
    """Yield a progress bar with the file's name, or `False` outside a terminal."""
    if not (wanted and sys.stderr is not None and sys.stderr.isatty()):
        yield False
        return
    from tqdm import tqdm

    # pooch sets the total later; until then it must not be 0, since a bar of length 0 is false.
    # Closing the bar here also ends its line when a download fails.
    with tqdm(total=1, desc=name, unit="B", unit_scale=True, file=sys.stderr) as bar:
        yield bar


def _reason(error: Exception) -> str:
    """Return in a few words why a mirror failed; the text of requests names its internals."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, exceptions.Timeout):
        return "timed out"
    if isinstance(error, exceptions.SSLError):
        return "no secure connection"
    if isinstance(error, exceptions.ProxyError):
        return "no connection through the proxy"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, exceptions.ConnectionError):
        return "no connection"
    return f"{type(error).__name__}: {error}"
