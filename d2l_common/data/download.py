"""Downloads that end in a complete, verified file or in an error of one sentence."""

import contextlib
import glob
import hashlib
import os
import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from d2l_common.checks.arguments import check_count
from d2l_common.data.transfer import TIMEOUT, TooLarge, transfer

# Bytes that a file may have at most, unless the caller allows more.
MAX_BYTES = 4 * 2**30
# Seconds without a write after which the part of a file is that of a process that was killed.
_STALE = 10 * TIMEOUT[1]
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
    A download goes on where it broke off if the server can send the rest: at once, as long as new
    bytes arrive, and, of a file with a checksum, in the next call or from the next mirror; after a
    process that was killed, ten minutes later. Otherwise it begins again.
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
            with _part(path, is_kept=checksum is not None) as part:
                more = path.name, progress, max_bytes, checksum is not None
                if transfer(url, part, *more) and checksum and _digest(part, algorithm) != digest:
                    part.unlink()  # what was there belonged to a different file
                    transfer(url, part, *more)
                if checksum is None or _digest(part, algorithm) == digest:
                    # Temporary files may be private, a data set is for all who read its folder.
                    part.chmod(0o644)
                    part.replace(path)
                    return path
            failures.append(f"{_host(url)}: wrong {algorithm}")
        except RequestException as error:
            failures.append(f"{_host(url)}: {_reason(error)}")
        except TooLarge:
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


@contextlib.contextmanager
def _part(path: Path, is_kept: bool) -> Iterator[Path]:
    """
    Yield a new name beside `path` for its bytes until they are complete.

    If `is_kept`, a file of that name may hold those that a download before it has left, and a
    download that breaks off leaves its own; otherwise no such file is left.
    """
    from requests.exceptions import RequestException

    path.parent.mkdir(parents=True, exist_ok=True)
    name = f".{path.name}.{{}}.part"
    kept = path.parent / f".{path.name}.part"
    for old in path.parent.glob(glob.escape(name).format("*")):
        with contextlib.suppress(OSError):  # another process has removed or completed it
            if time.time() - old.stat().st_mtime > _STALE:
                old.replace(kept)
    part = path.parent / name.format(uuid.uuid4().hex)
    with contextlib.suppress(OSError):
        kept.rename(part)  # of two processes one has it
    if not is_kept:
        part.unlink(missing_ok=True)
    try:
        yield part
    except (RequestException, KeyboardInterrupt):
        if is_kept and part.exists() and part.stat().st_size:
            part.replace(kept)
        raise
    finally:
        part.unlink(missing_ok=True)


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
