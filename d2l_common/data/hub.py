"""The book's helpers for files from its server: `download`, `extract`, `DATA_HUB`."""

import shutil
import tarfile
import zipfile
from pathlib import Path

from d2l_common.data.download import fetch

# The server of the book's data sets.
DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"

# The data sets that readers register by name: `DATA_HUB[name] = url, sha1_hash`.
DATA_HUB: dict[str, tuple[str, str]] = {}


def download(url: str, folder: str = "../data", sha1_hash: str | None = None) -> str:
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

    Raises
    ------
    KeyError
        If `url` is neither a URL nor a name in `DATA_HUB`.
    ConnectionError
        If the file is missing and cannot be downloaded.
    """
    if "://" not in url:
        if url not in DATA_HUB:
            raise KeyError(f"url must be a URL or in DATA_HUB, {list(DATA_HUB)}, got {url!r}")
        url, sha1_hash = DATA_HUB[url]
    path = Path(folder) / url.rsplit("/", 1)[-1]
    checksum = f"sha1:{sha1_hash}" if sha1_hash else None
    return str(fetch([url], path, checksum, offline_hint=f"put the file into {folder}"))


def extract(filename: str, folder: str | None = None) -> None:
    """
    Unpack a zip or tar file into `folder`, by default the folder that it is in (section 5.7).

    Parameters
    ----------
    filename : str
        A name that ends in .zip, .tar, .tar.gz or .tgz.
    folder : str

    Raises
    ------
    ValueError
        If `filename` is not such a file, or if a member would land outside `folder`.
    """
    target = Path(folder if folder is not None else Path(filename).parent)
    if not str(filename).endswith((".zip", ".tar", ".tar.gz", ".tgz")):
        raise ValueError(f"filename must end in .zip, .tar, .tar.gz or .tgz, got {filename}")
    if str(filename).endswith(".zip"):
        if not zipfile.is_zipfile(filename):
            raise ValueError(f"filename must be an existing zip file, got {filename}")
        with zipfile.ZipFile(filename) as archive:
            for name in archive.namelist():
                if not (target / name).resolve().is_relative_to(target.resolve()):
                    raise ValueError(f"{filename} must not unpack outside its folder, got {name}")
        shutil.unpack_archive(filename, target, "zip")
    else:
        try:
            # The filter "data" rejects members outside the folder, and devices.
            shutil.unpack_archive(filename, target, filter="data")
        except (tarfile.TarError, shutil.ReadError, OSError) as error:
            raise ValueError(f"{filename} cannot be extracted: {error}") from error
