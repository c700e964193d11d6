"""Archives: unpacked as a whole, or not at all."""

import io
import os
import tarfile
import zipfile

import pytest

from d2l_common.data.archives import extract


def write_tar(path, members, mode="w:gz"):
    """Write a tar file of `{name: bytes}`."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def write_zip(path, members):
    """Write a zip file of `{name: bytes}`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


WRITE = {"a.zip": write_zip, "a.tar.gz": write_tar, "a.tgz": write_tar}


def files(folder):
    """Return `{name: bytes}` of the files in a folder, except archives."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in paths
        if not path.name.endswith(tuple(WRITE))
    }


def test_extract(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside/one.txt", "1")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("inside/two.txt")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"2"))
    extract(str(tmp_path / "a.zip"))
    extract(str(tmp_path / "b.tar.gz"), str(tmp_path / "there"))
    assert (tmp_path / "inside/one.txt").read_text() == "1"
    assert (tmp_path / "there/inside/two.txt").read_text() == "2"


@pytest.mark.parametrize("name", ["broken.zip", "missing.zip", "broken.tar", "missing.tar.gz"])
def test_extract_says_what_is_no_archive(tmp_path, name):
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"no archive")
    with pytest.raises(ValueError, match=name):
        extract(str(tmp_path / name))


def test_extract_refuses_what_leaves_the_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../out.txt", "1")
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../out.txt"), io.BytesIO())
    (tmp_path / "to").mkdir()
    for name in ("a.zip", "b.tar"):
        with pytest.raises(ValueError, match=name):
            extract(str(tmp_path / name), str(tmp_path / "to"))
    assert not (tmp_path / "out.txt").exists()
    with pytest.raises(ValueError, match=r"filename must end in \.zip, \.tar"):
        extract("a.rar")


@pytest.mark.parametrize("name", WRITE)
def test_members_join_what_is_there(tmp_path, name):
    WRITE[name](tmp_path / name, {"inside/a/../b.txt": b"1", "inside/c.txt": b"2"})
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/c.txt").write_bytes(b"old")
    (tmp_path / "inside/d.txt").write_bytes(b"3")
    extract(str(tmp_path / name))
    assert files(tmp_path) == {"inside/b.txt": b"1", "inside/c.txt": b"2", "inside/d.txt": b"3"}


def truncated(path):
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])


def wrong_crc(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b"2222", b"2322", 1))


def encrypted(path):
    content = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(header)
        while start >= 0:
            content[start + flags] |= 1
            start = content.find(header, start + 1)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("a.zip", truncated, "must be a sound archive"),
        ("a.tar.gz", truncated, "must be a sound archive"),
        ("a.zip", wrong_crc, "must be a sound archive, got: Bad CRC-32"),
        ("a.zip", encrypted, "must not be encrypted"),
    ],
)
def test_a_damaged_archive_leaves_nothing(tmp_path, name, damage, words):
    members = {"one.txt": b"1", "two.txt": b"2" * 99, "three.bin": os.urandom(5000)}
    WRITE[name](tmp_path / name, members)
    damage(tmp_path / name)
    with pytest.raises(ValueError, match=words):
        extract(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == [tmp_path / name]
    with pytest.raises(ValueError, match=words):
        extract(str(tmp_path / name), str(tmp_path / "new/folder"))
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize("name", WRITE)
def test_a_limit_of_the_size(tmp_path, name):
    WRITE[name](tmp_path / name, {"zeros": bytes(10**6), "one": b"1"})
    with pytest.raises(ValueError, match="at most 1000000 bytes, got 1000001; raise max_bytes"):
        extract(str(tmp_path / name), max_bytes=10**6)
    assert list(tmp_path.iterdir()) == [tmp_path / name]
    extract(str(tmp_path / name), max_bytes=10**6 + 1)
    assert files(tmp_path) == {"zeros": bytes(10**6), "one": b"1"}


def test_what_a_killed_process_left_is_removed(tmp_path):
    write_zip(tmp_path / "a.zip", {"one": b"1"})
    for name, age in (("old", 0), ("new", None)):
        (tmp_path / f".extract-{name}").mkdir()
        if age is not None:
            os.utime(tmp_path / f".extract-{name}", (age, age))
    extract(str(tmp_path / "a.zip"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".extract-new", "a.zip", "one"]


def test_links_stay_inside(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ValueError, match="must be a sound archive"):
        extract(str(tmp_path / "a.tar"))
    assert list(tmp_path.iterdir()) == [tmp_path / "a.tar"]
