"""Downloads by name, and archives."""

import hashlib
import io
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from d2l_common.data.hub import DATA_HUB, download, extract


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """Serve a folder on this machine; return the folder and its URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_download_by_url_and_by_name(server, tmp_path):
    folder, url = server
    (folder / "a.txt").write_bytes(b"hello")
    sha1 = hashlib.sha1(b"hello").hexdigest()
    target = tmp_path / "data"
    path = download(url + "a.txt", str(target), sha1)
    assert open(path, "rb").read() == b"hello"
    (folder / "a.txt").write_bytes(b"other")
    assert open(download(url + "a.txt", str(target), sha1), "rb").read() == b"hello"  # kept
    DATA_HUB["test"] = url + "a.txt", hashlib.sha1(b"other").hexdigest()
    try:
        with pytest.warns(UserWarning):  # the file that is there is another one
            assert open(download("test", str(target)), "rb").read() == b"other"
    finally:
        del DATA_HUB["test"]


def test_download_says_what_is_wrong(server, tmp_path):
    _, url = server
    with pytest.raises(KeyError, match=r"url must be a URL or in DATA_HUB, .* got 'nothing'"):
        download("nothing")
    with pytest.raises(ConnectionError, match=r"none\.txt"):
        download(url + "none.txt", str(tmp_path))


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
