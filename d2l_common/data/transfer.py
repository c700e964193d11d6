"""The bytes of a download: bounded, and continued where a connection broke off."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

# Seconds to wait for a connection, and then for the next bytes: without a network the error
# should come soon, but a slow line should not be cut off.
TIMEOUT = (10.0, 60.0)
CHUNK = 2**16  # bytes; of a connection that breaks off, the last incomplete chunk is lost
MOST_REQUESTS = 10  # of one file from one server, after connections that broke off
PARTIAL, RANGE_NOT_SATISFIABLE = 206, 416  # status codes of HTTP


class TooLarge(Exception):
    """A file is larger than it may be."""


def transfer(
    url: str, part: Path, name: str, progress: bool, max_bytes: int, is_checked: bool
) -> bool:
    """
    Download `url` to the file `part`, from the end of what is there on.

    A connection that breaks off is tried again as long as each one brings the file further.

    Parameters
    ----------
    url : str
    part : Path
    name : str
        What the progress bar shows.
    progress : bool
    max_bytes : int
    is_checked : bool
        Whether the caller verifies a checksum: otherwise only a server that names the version of
        the file, by an ETag, is asked for the rest of it.

    Returns
    -------
    bool
        Whether the bytes in the file come from several requests.

    Raises
    ------
    requests.exceptions.RequestException, TooLarge
        Then `part` holds the bytes so far.
    """
    from requests import exceptions

    with progress_bar(name, progress) as bar, part.open("ab") as file:
        rest = Rest(file, is_checked)
        for attempt in range(MOST_REQUESTS):
            before = file.tell()
            try:
                rest.download(url, bar, max_bytes)
                break
            except exceptions.HTTPError as error:
                if not before or error.response.status_code != RANGE_NOT_SATISFIABLE:
                    raise
                rest.begin_again()  # the file is complete already, or longer than the server's
            except (exceptions.ChunkedEncodingError, exceptions.ConnectionError):
                if file.tell() <= before or attempt == MOST_REQUESTS - 1:
                    raise
    return rest.is_joined


class Rest:
    """
    The rest of a download: asks for what follows the end of a file, and takes what is sent.

    Attributes
    ----------
    is_joined : bool
        Whether bytes of several requests stand in the file.
    """

    def __init__(self, file: BinaryIO, is_checked: bool):
        self._file, self._is_checked = file, is_checked
        self._validator = ""  # names the version of the file on the server
        self.is_joined = False

    def download(self, url: str, bar: object, max_bytes: int) -> None:
        """Write what follows the file's end on the server; or all, if it cannot send a part."""
        import pooch

        # Otherwise a server may send a .gz file as compressed text, which arrives unpacked.
        headers = {"Accept-Encoding": "identity"}
        if self._file.tell() and (self._is_checked or self._validator):
            headers["Range"] = f"bytes={self._file.tell()}-"
            if self._validator:
                headers["If-Range"] = self._validator
        downloader = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=CHUNK,
            timeout=TIMEOUT,
            headers=headers,
            hooks={"response": self.receive},
        )
        downloader(url, BoundedFile(self._file, max_bytes), None)

    def receive(self, response: Any, **_: Any) -> None:
        """Begin the file again unless the response continues it."""
        from requests.exceptions import ChunkedEncodingError

        if not response.ok or response.is_redirect:
            return
        if response.status_code != PARTIAL:
            self.begin_again()
        elif response.headers.get("Content-Range", "").startswith(f"bytes {self._file.tell()}-"):
            self.is_joined = True
        else:
            raise ChunkedEncodingError("the server sent another part than the rest")
        etag = response.headers.get("ETag", "")
        self._validator = "" if etag.startswith("W/") else etag

    def begin_again(self) -> None:
        """Empty the file."""
        self._file.seek(0)
        self._file.truncate()
        self.is_joined = False


class BoundedFile:
    """File that takes at most `max_bytes`, those that are there included."""

    def __init__(self, file: BinaryIO, max_bytes: int):
        self._file, self._max_bytes = file, max_bytes

    def write(self, data: bytes) -> None:
        """Write `data`; raise if there is no room for it."""
        if self._file.tell() + len(data) > self._max_bytes:
            raise TooLarge
        self._file.write(data)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""


@contextlib.contextmanager
def progress_bar(name: str, wanted: bool) -> Iterator[object]:
    """Yield a progress bar with the file's name, or `False` outside a terminal."""
    if not (wanted and sys.stderr is not None and sys.stderr.isatty()):
        yield False
        return
    from tqdm import tqdm

    # pooch sets the total later; until then it must not be 0, since a bar of length 0 is false.
    # Closing the bar here also ends its line when a download fails.
    with tqdm(total=1, desc=name, unit="B", unit_scale=True, file=sys.stderr) as bar:
        yield bar
