"""Downloads by name."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from d2l_common.data.hub import DATA_HUB, download


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """Serve a folder on this machine; return the folder and its URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
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


@pytest.mark.parametrize("end", ["folder/", "x/..", "."])
def test_a_url_without_a_file_name(server, tmp_path, end):
    _, url = server
    (tmp_path / "data").mkdir()
    mode = (tmp_path / "data").stat().st_mode
    with pytest.raises(ValueError, match="url must end in the name of a file, got http"):
        download(url + end, str(tmp_path / "data"))
    assert list((tmp_path / "data").iterdir()) == []
    assert (tmp_path / "data").stat().st_mode == mode


def test_a_url_with_a_query(server, tmp_path):
    folder, url = server
    (folder / "a.txt").write_bytes(b"hello")
    assert download(url + "a.txt?version=2/3", str(tmp_path)) == str(tmp_path / "a.txt")
