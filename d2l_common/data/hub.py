"""The book's helpers for files from its own server: `download`, `extract`, `DATA_HUB`."""

import shutil
import tarfile
import zipfile
from pathlib import Path

from d2l_common.data.download import fetch

# Where the book keeps its data sets.
DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"

# The data sets that readers register by name: `DATA_HUB[name] = url, sha1_hash`.
DATA_HUB: dict[str, tuple[str, str]] = {}


def download(url: str, folder: str = "../data", sha1_hash: str | None = None) -> str:
    """
    Return the path of a file that is downloaded into `folder`, unless it is there already.

    Parameters
    ----------
    url : str
        Or a name in `DATA_HUB`.
    folder : str
        Made if it is missing.
    sha1_hash : str
        The file's SHA-1 in hexadecimal digits; a file with another one is downloaded anew.

    Raises
    ------
    KeyError
        If `url` is a name that `DATA_HUB` does not have.
    ConnectionError
        If the file is not there and cannot be downloaded.
    """
    if "://" not in url:
        if url not in DATA_HUB:
            raise KeyError(f"{url!r} is neither a URL nor in DATA_HUB, which has {list(DATA_HUB)}")
        url, sha1_hash = DATA_HUB[url]
    path = Path(folder) / url.rsplit("/", 1)[-1]
    checksum = f"sha1:{sha1_hash}" if sha1_hash else None
    return str(fetch([url], path, checksum, offline_hint=f"put the file into {folder}"))


def extract(filename: str, folder: str | None = None) -> None:
    """
    Unpack a zip or tar file into `folder`, by default the one that it is in.

    Parameters
    ----------
    filename : str
        Ends in .zip, .tar, .tar.gz or .tgz.
    folder : str

    Raises
    ------
    ValueError
        If it is no such file, or if a member would land outside `folder`.
    """
    target = Path(folder if folder is not None else Path(filename).parent)
    if not str(filename).endswith((".zip", ".tar", ".tar.gz", ".tgz")):
        raise ValueError(f"only zip and tar files can be extracted, not {filename}")
    if str(filename).endswith(".zip"):
        if not zipfile.is_zipfile(filename):
            raise ValueError(f"{filename} is no zip file, or is not there")
        with zipfile.ZipFile(filename) as archive:
            for name in archive.namelist():
                if not (target / name).resolve().is_relative_to(target.resolve()):
                    raise ValueError(f"{filename} has a member outside its folder: {name}")
        shutil.unpack_archive(filename, target, "zip")
    else:
        try:
            # The filter "data" refuses members outside the folder, and devices.
            shutil.unpack_archive(filename, target, filter="data")
        except (tarfile.TarError, shutil.ReadError, OSError) as error:
            raise ValueError(f"{filename} cannot be extracted: {error}") from error
