"""Downloads by name, archives, the stopwatch, early stopping."""

import hashlib
import io
import tarfile
import threading
import time
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from d2l_common.data.hub import DATA_HUB, download, extract
from d2l_common.timer import Timer
from d2l_common.training.early_stopping import out_of_patience


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


def test_timer():
    timer = Timer()
    assert np.isnan(timer.avg())
    time.sleep(0.01)
    first = timer.stop()
    timer.start()
    second = timer.stop()
    assert first >= 0.01
    assert second >= 0
    assert timer.times == [first, second]
    assert timer.sum() == first + second
    assert timer.avg() == (first + second) / 2
    np.testing.assert_allclose(timer.cumsum(), [first, first + second])


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "expected"),
    [
        ([], 1, 0, False),
        ([1.0], 1, 0, False),
        ([1.0, 1.0], 1, 0, True),
        ([3.0, 2.0, 2.1, 2.2], 2, 0, True),
        ([3.0, 2.0, 2.1, 1.9], 2, 0, False),
        ([3.0, 2.95, 2.94], 2, 0.1, True),
        ([3.0, float("nan"), float("nan")], 2, 0, True),
    ],
)
def test_out_of_patience(losses, patience, min_delta, expected):
    assert out_of_patience(losses, patience, min_delta) is expected


def test_out_of_patience_wants_patience():
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        out_of_patience([1.0], 0)


def test_a_trainer_stops_when_it_should(d2l):
    class Trainer(d2l.Trainer):
        def should_stop(self, history):
            return len(history.val_loss) == 2

    data = d2l.SyntheticRegressionData(w=d2l.tensor([2.0]), b=1.0)
    history = Trainer(max_epochs=5).fit(d2l.LinearRegressionScratch(1, lr=0.03), data)
    assert len(history.val_loss) == 2
