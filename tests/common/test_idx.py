import gzip
import struct
import sys

import numpy as np
import pytest

from d2l_common.data.idx import read_idx
from tests.support.idx import write_idx
from tests.support.paths import SAMPLE


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (5,), (0,), (3, 0, 2), (2, 3, 4), (1, 2, 3, 2)])
def test_round_trip(tmp_path, name, dtype, shape):
    array = np.random.default_rng(0).integers(-100, 100, shape).astype(dtype)
    write_idx(tmp_path / name, array)
    result = read_idx(tmp_path / name)
    assert result.dtype == np.dtype(dtype) and result.dtype.isnative
    assert result.shape == shape
    assert np.array_equal(result, array)
    assert result.flags.writeable and result.flags.aligned


def test_bytes_of_the_format(tmp_path):
    # Written out by hand, so that a fault common to reader and writer shows.
    image_bytes = struct.pack(">HBBIII", 0, 0x08, 3, 1, 2, 3) + bytes([1, 2, 3, 4, 5, 255])
    float_bytes = struct.pack(">HBBIdd", 0, 0x0E, 1, 2, 0.5, -3.0)
    cases = [
        (image_bytes, np.array([[[1, 2, 3], [4, 5, 255]]], np.uint8)),
        (float_bytes, np.array([0.5, -3.0])),
    ]
    for data, array in cases:
        (tmp_path / "read").write_bytes(data)
        assert np.array_equal(read_idx(tmp_path / "read"), array)
        write_idx(tmp_path / "written", array)
        assert (tmp_path / "written").read_bytes() == data


def test_byte_order_of_the_array_written_does_not_matter(tmp_path):
    swapped = np.arange(4, dtype="<i4" if sys.byteorder == "big" else ">i4")
    write_idx(tmp_path / "a", swapped)
    assert np.array_equal(read_idx(tmp_path / "a"), np.arange(4))


def test_compression_is_told_by_content(tmp_path):
    labels = np.arange(10, dtype=np.uint8)
    write_idx(tmp_path / "a.gz", labels)
    (tmp_path / "a").write_bytes((tmp_path / "a.gz").read_bytes())
    assert np.array_equal(read_idx(tmp_path / "a"), labels)
    assert np.array_equal(read_idx(str(tmp_path / "a")), labels)


def test_equal_arrays_give_equal_files(tmp_path, monkeypatch):
    labels = np.arange(10, dtype=np.uint8)
    write_idx(tmp_path / "a.gz", labels)
    monkeypatch.setattr("time.time", lambda: 1e9)
    write_idx(tmp_path / "b.gz", labels)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_type_without_a_code(tmp_path):
    with pytest.raises(ValueError, match="must have a type that IDX files hold, got int64"):
        write_idx(tmp_path / "a", np.arange(3, dtype=np.int64))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        read_idx(tmp_path / "nothing-here")


HEADER = struct.pack(">HBBII", 0, 0x08, 2, 10, 10)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected an IDX header .* found b''"),
        (b"\0\0\x08", "expected an IDX header"),
        (b"<!DOCTYPE html>", "expected an IDX header .* found b'<!DO'"),
        (b"\0\1" + HEADER[2:] + bytes(100), "expected an IDX header"),
        (b"\0\0\x0a" + HEADER[3:] + bytes(100), "expected an IDX header"),
        (HEADER[:9], r"expected 12 bytes for an IDX header of 2 dimensions, found 9 \(truncated"),
        (HEADER + bytes(99), r"expected 100 bytes .* \(10, 10\), found .*99 \(truncated\)"),
        (HEADER, r"expected 100 bytes .* found .*0 \(truncated\)"),
        (HEADER + bytes(101), r"expected 100 bytes .* found 101 \(trailing bytes\)"),
    ],
)
def test_damaged_file(tmp_path, data, message, compressed):
    path = tmp_path / "broken"
    path.write_bytes(gzip.compress(data) if compressed else data)
    with pytest.raises(ValueError, match=message) as error:
        read_idx(path)
    assert str(error.value).startswith(f"{path}: expected")


@pytest.mark.parametrize("compressed", [False, True])
def test_no_memory_is_reserved_for_a_damaged_header(tmp_path, compressed):
    data = struct.pack(">HBBIII", 0, 0x0E, 3, *[2**32 - 1] * 3) + bytes(100)
    path = tmp_path / "huge"
    path.write_bytes(gzip.compress(data) if compressed else data)
    with pytest.raises(ValueError, match="truncated"):
        read_idx(path)


def _flip_a_bit_of_the_checksum(data):
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:-8],
        lambda data: data[: len(data) // 2],
        lambda data: data[:5],
        lambda data: data + b"more",
        lambda data: data[:20] + bytes(20) + data[40:],
        lambda data: data[:10] + b"\xff" + data[11:],
        _flip_a_bit_of_the_checksum,
    ],
)
def test_broken_gzip(tmp_path, damage):
    noise = np.random.default_rng(0).integers(0, 256, 1000, np.uint8)
    path = tmp_path / "a.gz"
    write_idx(path, noise)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        ValueError, match="expected a complete gzip stream, found a broken one"
    ) as e:
        read_idx(path)
    assert str(path) in str(e.value)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample is not beside the checkout")
def test_sample():
    images = read_idx(SAMPLE / "train-images-idx3-ubyte.gz")
    labels = read_idx(SAMPLE / "train-labels-idx1-ubyte.gz")
    assert images.shape == (500, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (500,) and set(labels.tolist()) == set(range(10))
    assert images.min() == 0 and images.max() == 255
