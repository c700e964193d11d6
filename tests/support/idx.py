"""IDX files, written for the tests of those who read them."""

import gzip
import os
from pathlib import Path

import numpy as np

from d2l_common.data.idx import _DTYPES


def write_idx(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """
    Write `array` as an IDX file, gzipped if the name ends in `.gz`.

    Raises
    ------
    ValueError
        If the IDX format has no code for the type of `array`.
    """
    path, array = Path(path), np.asarray(array)
    big_endian = array.dtype.newbyteorder(">")
    codes = [code for code, dtype in _DTYPES.items() if np.dtype(dtype) == big_endian]
    if not codes:
        raise ValueError(f"array must have a type that IDX files hold, got {array.dtype}")
    header = bytes([0, 0, codes[0], array.ndim]) + np.array(array.shape, ">u4").tobytes()
    data = header + array.astype(big_endian).tobytes()
    # Without a time stamp, equal arrays give equal files.
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
