"""The book's helpers for files from its server: `download` and `DATA_HUB`."""

from pathlib import Path
from urllib.parse import urlsplit

from d2l_common.data.download import MAX_BYTES, fetch

# The server of the book's data sets; the book itself has http.
DATA_URL = "https://d2l-data.s3-accelerate.amazonaws.com/"

# The data sets that readers register by name: `DATA_HUB[name] = url, sha1_hash`.
DATA_HUB: dict[str, tuple[str, str]] = {}


def download(
    url: str,
    folder: str = "../data",
    sha1_hash: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> str:
    """
    Download a file into `folder`, unless it is already there, and return its path (section 5.7).

    Parameters
    ----------
    url : str
        A URL, or a name in `DATA_HUB`.
    folder : str
        Created if it is missing.
    sha1_hash : str
        The file's SHA-1 in hexadecimal digits; a file with a different one is downloaded again.
    max_bytes : int
        The largest size of the file, 4 GiB.

    Raises
    ------
    KeyError
        If `url` is neither a URL nor a name in `DATA_HUB`.
    ValueError
        If `url` does not end in the name of a file.
    ConnectionError
        If the file is missing and cannot be downloaded.
    """
    if "://" not in url:
        if url not in DATA_HUB:
            raise KeyError(f"url must be a URL or in DATA_HUB, {list(DATA_HUB)}, got {url!r}")
        url, sha1_hash = DATA_HUB[url]
    name = urlsplit(url).path.rpartition("/")[2]
    if name in ("", ".", ".."):
        raise ValueError(f"url must end in the name of a file, got {url}")
    path = Path(folder) / name
    checksum = f"sha1:{sha1_hash}" if sha1_hash else None
    return str(
        fetch(
            [url], path, checksum, offline_hint=f"put the file into {folder}", max_bytes=max_bytes
        )
    )
