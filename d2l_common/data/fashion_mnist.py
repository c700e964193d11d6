"""Fashion-MNIST as NumPy arrays: from files, from a prepared TFDS copy, or downloaded."""

import io
import os
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_not_empty
from d2l_common.checks.classification import check_label_range
from d2l_common.data.download import fetch
from d2l_common.data.idx import read_idx

# The book's names, in the order of the class numbers.
LABELS = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

# The four official files, as TFDS registers them: images and labels for training, then those for
# validation, which are the data set's test split, as in the book.
SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
}

# The authors' site and repository, then the copy that Keras downloads.
MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)

_Split = tuple[np.ndarray, np.ndarray]


def load_fashion_mnist(root: str | os.PathLike[str]) -> tuple[_Split, _Split]:
    """
    Load Fashion-MNIST from the first of these places that has it (section 4.2.1).

    1. The four IDX files in `root` itself, each gzipped or not.
    2. The same in `root/FashionMNIST/raw`, where torchvision keeps them.
    3. A copy prepared by TensorFlow Datasets, in `root` or in TFDS's folder (`TFDS_DATA_DIR` or
       `~/tensorflow_datasets`), if that package is installed; TensorFlow is not needed. The
       examples are in TFDS's order, and decoding them takes 5 to 7 seconds. A copy in the format
       `tfrecord`, which only TensorFlow reads, is skipped with a warning.
    4. The official files, downloaded into `root/FashionMNIST/raw`, verified, and kept there.
       Existing files are kept, so an interrupted download resumes at the missing file; a gzipped
       file that is not official is replaced, with a warning.

    If `root` itself has some of the four files but not all, that is an error.

    Parameters
    ----------
    root : str or path
        The folder to search.

    Returns
    -------
    (train_images, train_labels), (val_images, val_labels)
        Images, `uint8` of shape `(n, 28, 28)`, and labels 0 to 9, `uint8` of shape `(n,)`:
        60,000 and 10,000 of them in the official data set, fewer in a sample of it.

    Raises
    ------
    FileNotFoundError
        If `root` has some of the four files but not all.
    NotADirectoryError
        If `root` is a file.
    ValueError
        If a file or a TFDS copy is damaged, or does not hold matching images and labels.
    ConnectionError
        If no place has the data set and the download fails.
    """
    root = Path(root).expanduser()
    if root.is_file():
        raise NotADirectoryError(f"root must be the folder of Fashion-MNIST, got the file {root}")
    files = _find_files(root)
    if missing := [name for name in SHA256 if files and name not in files]:
        raise FileNotFoundError(
            f"{root} must have Fashion-MNIST's four files or none, gzipped or not: "
            f"missing {' and '.join(missing)}"
        )
    raw = root / "FashionMNIST" / "raw"
    files = files or _find_files(raw)
    if len(files) == len(SHA256):
        return _load_files(files)
    for copy in _find_tfds_copies(root):
        if prepared := _load_tfds_copy(copy):
            return prepared
    return _load_files(_download(raw, files, root))


def find_fashion_mnist(root: str | os.PathLike[str]) -> Path | None:
    """Return the folder where `load_fashion_mnist` finds all of the data set, None if nowhere."""
    root = Path(root).expanduser()
    for folder in (root, root / "FashionMNIST" / "raw"):
        if len(_find_files(folder)) == len(SHA256):
            return folder
    return next(_find_tfds_copies(root), None)


def _find_files(folder: Path) -> dict[str, Path]:
    """Return the paths of the four files that are in `folder`; unpacked ones take precedence."""
    files = {}
    for name in SHA256:
        for path in (folder / name.removesuffix(".gz"), folder / name):
            if path.is_file():
                files[name] = path
                break
    return files


def _download(raw: Path, files: dict[str, Path], root: Path) -> dict[str, Path]:
    """Return `files`, those already in `raw`, and the missing ones, which are downloaded."""
    hint = (
        f"without a network, put Fashion-MNIST's four .gz files into {root}, "
        "or use the Digits data set"
    )
    complete = {}
    for name, sha256 in SHA256.items():
        path = files.get(name, raw / name)
        if path.name == name:
            # Verify existing files too: other programs leave half a file when interrupted.
            urls = [mirror + name for mirror in MIRRORS]
            fetch(urls, path, f"sha256:{sha256}", offline_hint=hint)
        complete[name] = path
    return complete


def _load_files(files: dict[str, Path]) -> tuple[_Split, _Split]:
    """Read the four files and check them against each other."""
    # Unpacking takes most of the time, and releases Python's lock.
    with ThreadPoolExecutor() as threads:
        arrays = list(threads.map(_read_file, [files[name] for name in SHA256]))
    train_images, train_labels, val_images, val_labels = arrays
    folder = files[next(iter(SHA256))].parent
    return (
        _check_split(train_images, train_labels, f"the training set in {folder}"),
        _check_split(val_images, val_labels, f"the validation set in {folder}"),
    )


def _read_file(path: Path) -> np.ndarray:
    """Read one of the files, and add the fix to an error."""
    try:
        return read_idx(path)
    except ValueError as error:
        raise ValueError(f"{error}; replace this file") from error


def _check_split(images: np.ndarray, labels: np.ndarray, what: str) -> _Split:
    """Return images and labels if they have Fashion-MNIST's types and shapes and match."""
    for name, array, shape in (("images", images, (28, 28)), ("labels", labels, ())):
        if array.dtype != np.uint8 or array.ndim == 0 or array.shape[1:] != shape:
            expected = "(n, 28, 28)" if shape else "(n,)"
            raise ValueError(
                f"the {name} of {what} must be uint8 of shape {expected}, "
                f"got {array.dtype} of shape {array.shape}"
            )
    if len(images) != len(labels):
        raise ValueError(
            f"{what} must have a label for each image, "
            f"got {len(images)} images and {len(labels)} labels"
        )
    check_not_empty(what, len(images))
    try:
        check_label_range(int(labels.min()), int(labels.max()), len(LABELS))
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    return images, labels


def _find_tfds_copies(root: Path) -> Iterator[Path]:
    """Yield the folders of prepared TFDS copies, the newest version of each place."""
    # TFDS could find them, but importing it takes half a second.
    default = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    for data_dir in (root, default):
        # An unfinished copy is called incomplete.XXXXXX_3.0.1.
        prepared = [
            info.parent
            for info in data_dir.glob("fashion_mnist/*/dataset_info.json")
            if re.fullmatch(r"\d+\.\d+\.\d+", info.parent.name)
        ]
        if prepared:
            yield max(prepared, key=lambda folder: [int(n) for n in folder.name.split(".")])


def _load_tfds_copy(folder: Path) -> tuple[_Split, _Split] | None:
    """Read `.../fashion_mnist/<version>`; return None if its reader is not installed."""
    try:
        import tensorflow_datasets as tfds

        train, test = tfds.data_source(
            f"fashion_mnist:{folder.name}",
            split=["train", "test"],
            data_dir=folder.parent.parent,
            download=False,
            # TFDS's decoding takes twice as long.
            decoders={"image": tfds.decode.SkipDecoding()},
        )
        return _decode(train, "the training set"), _decode(test, "the validation set")
    except ImportError:
        return None
    except NotImplementedError:
        warnings.warn(
            f"skipping the TFDS copy in {folder}: only TensorFlow reads its file format",
            stacklevel=3,
        )
        return None
    except Exception as error:
        # The readers of TFDS raise many kinds: RuntimeError, KeyError, protobuf's ParseError,
        # Pillow's errors.
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"cannot read the TFDS copy of Fashion-MNIST in {folder}; repair or delete it: {reason}"
        ) from error


def _decode(source: Any, what: str) -> _Split:
    """Decode the PNG images of a TFDS data source."""
    from PIL import Image

    records = source.__getitems__(range(len(source)))
    check_not_empty(what, len(records))
    images = np.stack([np.asarray(Image.open(io.BytesIO(r["image"]))) for r in records])
    return _check_split(images, np.array([r["label"] for r in records], np.uint8), what)
