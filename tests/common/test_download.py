import contextlib
import gzip
import hashlib
import http.server
import io
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from d2l_common.data import transfer
from d2l_common.data.download import fetch

pooch = pytest.importorskip("pooch")

CONTENT = bytes(range(256)) * 1000
CHUNK = transfer.CHUNK
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
SHA1 = "sha1:" + hashlib.sha1(CONTENT).hexdigest()


# Ways to answer a request.


def whole(handler, content=CONTENT):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def another_file(handler):
    whole(handler, b"<html>please log in</html>")


def not_found(handler):
    handler.send_error(404)


def server_error(handler):
    handler.send_error(500)


def cut_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:100_000])


def cut_off_unannounced(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT[:100_000])


def stalled(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])
    handler.server.released.wait(5)


def compressing(handler):
    """Like a server that packs whatever the client can unpack."""
    if "gzip" in handler.headers.get("Accept-Encoding", ""):
        packed = gzip.compress(b"unpacked on arrival")
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(packed)))
        handler.end_headers()
        handler.wfile.write(packed)
    else:
        whole(handler)


def whole_or_rest(handler, content=CONTENT, etag='"1"', end=None):
    """Like a server that can send the rest of a file, at most up to byte number `end`."""
    asked = handler.headers.get("Range")
    current = handler.headers.get("If-Range", etag) == etag
    start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and current else 0
    if start >= len(content):
        handler.send_error(416)
        return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - start))
    if etag:
        handler.send_header("ETag", etag)
    handler.end_headers()
    handler.server.sent.append((start, end))
    handler.wfile.write(content[start:end])


def broken_at(end, **more):
    return lambda handler: whole_or_rest(handler, end=end, **more)


def another_part(handler):
    """Like a server that ignores where the rest begins."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.send_header("Content-Length", str(len(CONTENT) - 7))
    handler.end_headers()
    handler.wfile.write(CONTENT[7:])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = self.server.answers
        self.server.requests.append(self.path)
        # One answer a request; the last one for good.
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *args):
        pass


@pytest.fixture
def mirror():
    """Return a function that starts a mirror with these answers, one a request."""
    with contextlib.ExitStack() as stack:

        def start(*answers):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            server.answers, server.requests, server.sent = list(answers), [], []
            server.released = threading.Event()
            server.url = f"http://127.0.0.1:{server.server_port}/data.bin"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            stack.callback(server.released.set)
            return server

        yield start


@pytest.fixture
def nobody():
    """Return the URL of a mirror that is down."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/data.bin"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


def assert_only(path):
    """Assert that `path` holds the file, and that its folder holds nothing else."""
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("checksum", [SHA256, SHA1, SHA256.upper().replace("SHA", "sha"), None])
def test_download(mirror, tmp_path, checksum):
    path = tmp_path / "new" / "folder" / "data.bin"
    assert fetch(mirror(whole).url, path, checksum) == path
    assert_only(path)


def test_path_as_text(mirror, tmp_path):
    assert fetch([mirror(whole).url], str(tmp_path / "a"), SHA256) == tmp_path / "a"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_others_may_read_the_file(mirror, tmp_path):
    path = fetch(mirror(whole).url, tmp_path / "a", SHA256)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "failing",
    [not_found, server_error, another_file, cut_off, cut_off_unannounced, None],
)
def test_next_mirror(mirror, nobody, tmp_path, failing):
    first = mirror(failing).url if failing else nobody
    second = mirror(whole)
    fetch([first, second.url], tmp_path / "data.bin", SHA256)
    assert_only(tmp_path / "data.bin")
    assert len(second.requests) == 1


def test_next_mirror_after_a_timeout(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", (1, 0.1))
    fetch([mirror(stalled).url, mirror(whole).url], tmp_path / "data.bin", SHA256)
    assert_only(tmp_path / "data.bin")


def test_first_mirror_suffices(mirror, tmp_path):
    first, second = mirror(whole), mirror(whole)
    fetch([first.url, second.url], tmp_path / "a", SHA256)
    assert (len(first.requests), len(second.requests)) == (1, 0)


@pytest.mark.parametrize("failing", [not_found, another_file, cut_off, cut_off_unannounced])
def test_restart_after_a_failure(mirror, tmp_path, failing):
    """A server that cannot send a part sends the file again."""
    server = mirror(failing, failing, whole)
    path = tmp_path / "data.bin"
    with pytest.raises(ConnectionError):
        fetch(server.url, path, SHA256)
    assert [x.name for x in tmp_path.iterdir()] == [".data.bin.part"] * (failing is cut_off)
    server.answers[:-1] = []
    fetch(server.url, path, SHA256)
    assert_only(path)


@pytest.mark.parametrize("checksum", [SHA256, None])
def test_a_connection_that_breaks_off_is_continued(mirror, tmp_path, checksum):
    """With or without a checksum, since the server names the version of the file."""
    server = mirror(broken_at(CHUNK), broken_at(2 * CHUNK), whole_or_rest)
    fetch(server.url, tmp_path / "data.bin", checksum)
    assert_only(tmp_path / "data.bin")
    assert server.sent == [(0, CHUNK), (CHUNK, 2 * CHUNK), (2 * CHUNK, None)]


def test_without_checksum_and_version_a_download_begins_again(mirror, tmp_path):
    server = mirror(broken_at(CHUNK, etag=""), lambda handler: whole_or_rest(handler, etag=""))
    fetch(server.url, tmp_path / "data.bin", None)
    assert_only(tmp_path / "data.bin")
    assert server.sent == [(0, CHUNK), (0, None)]


@pytest.mark.parametrize("checksum", [SHA256, None])
def test_a_file_that_changes_in_between(mirror, tmp_path, checksum):
    old = broken_at(CHUNK, content=CONTENT[::-1], etag='"0"')
    server = mirror(old, whole_or_rest)
    fetch(server.url, tmp_path / "data.bin", checksum)
    assert_only(tmp_path / "data.bin")
    assert server.sent == [(0, CHUNK), (0, None)]


def test_a_later_call_continues(mirror, nobody, tmp_path):
    """Also from another mirror; what the first one sent is kept beside the file."""
    path, first = tmp_path / "data.bin", mirror(broken_at(CHUNK), not_found)
    with pytest.raises(ConnectionError, match="HTTP 404"):
        fetch([first.url, nobody], path, SHA256)
    assert [x.stat().st_size for x in tmp_path.iterdir()] == [CHUNK]
    second = mirror(whole_or_rest)
    fetch(second.url, path, SHA256)
    assert_only(path)
    assert second.sent == [(CHUNK, None)]


@pytest.mark.parametrize("left", [b"of an older file", CONTENT, CONTENT + b"and more"])
def test_what_an_earlier_call_left_may_be_wrong(mirror, tmp_path, left):
    (tmp_path / ".data.bin.part").write_bytes(left)
    fetch(mirror(whole_or_rest).url, tmp_path / "data.bin", SHA256)
    assert_only(tmp_path / "data.bin")


def test_without_a_checksum_a_call_begins_again(mirror, tmp_path):
    (tmp_path / ".data.bin.part").write_bytes(b"x" * 1000)
    fetch(mirror(whole_or_rest).url, tmp_path / "data.bin", None)
    assert_only(tmp_path / "data.bin")


def test_another_part_than_the_rest(mirror, tmp_path):
    server = mirror(broken_at(CHUNK), another_part)
    with pytest.raises(ConnectionError, match="the connection broke off"):
        fetch(server.url, tmp_path / "data.bin", None)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_always_breaks_off(mirror, tmp_path, monkeypatch):
    """Whose every connection brings a little is asked ten times, not for ever."""
    monkeypatch.setattr(transfer, "CHUNK", 1000)
    server = mirror(*(broken_at(end) for end in range(1000, 100_000, 1000)))
    with pytest.raises(ConnectionError, match="the connection broke off"):
        fetch(server.url, tmp_path / "data.bin", SHA256)
    assert len(server.requests) == transfer.MOST_REQUESTS


def test_an_interrupt_leaves_no_file_of_the_name(mirror, tmp_path, monkeypatch):
    def interrupted(self, url, output_file, pooch):
        output_file.write(CONTENT[:1000])
        assert not path.exists()
        raise KeyboardInterrupt

    path = tmp_path / "data.bin"
    with monkeypatch.context() as patch:
        patch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(mirror(whole).url, path, SHA256)
    assert [x.name for x in tmp_path.iterdir()] == [".data.bin.part"]
    server = mirror(whole_or_rest)
    fetch(server.url, path, SHA256)
    assert_only(path)
    assert server.sent == [(1000, None)]


@pytest.mark.parametrize("checksum", [SHA256, SHA1])
def test_file_already_there(mirror, tmp_path, checksum):
    server = mirror(whole)
    (tmp_path / "data.bin").write_bytes(CONTENT)
    fetch(server.url, tmp_path / "data.bin", checksum)
    assert server.requests == []


def test_a_killed_process_leaves_nothing_for_long(mirror, tmp_path):
    """Its part has a name of the file's own, and the next download of the file removes it."""
    part, fresh = tmp_path / ".data.bin.1.part", tmp_path / ".data.bin.2.part"
    other = tmp_path / ".other.bin.1.part"
    for path, age in ((part, 3600), (fresh, 0), (other, 3600)):
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age,) * 2)
    fetch(mirror(whole).url, tmp_path / "data.bin", SHA256)
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "data.bin", fresh, other])


KILLED = """
import os, pooch, sys
from d2l_common.data.download import fetch

def killed(self, url, output_file, pooch):
    output_file.write(b"x" * 1000)
    os._exit(9)

pooch.HTTPDownloader.__call__ = killed
fetch("http://127.0.0.1:1/data.bin", sys.argv[1], None)
"""


def test_a_killed_process_leaves_no_file_of_the_name(mirror, tmp_path):
    path = tmp_path / "data.bin"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == 9
    [part] = tmp_path.iterdir()
    assert part.name.endswith(".part")
    os.utime(part, (0, 0))
    fetch(mirror(whole).url, path, SHA256)
    assert_only(path)


def test_a_file_that_is_too_large(mirror, tmp_path):
    server = mirror(whole)
    with pytest.raises(ConnectionError, match="larger than max_bytes=255999"):
        fetch(server.url, tmp_path / "data.bin", SHA256, max_bytes=len(CONTENT) - 1)
    assert list(tmp_path.iterdir()) == []
    fetch(server.url, tmp_path / "data.bin", SHA256, max_bytes=len(CONTENT))
    assert_only(tmp_path / "data.bin")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="path must be that of a file, got the folder"):
        fetch("http://127.0.0.1/a", tmp_path, None)


def test_wrong_file_already_there(mirror, tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT[:1000])
    with pytest.warns(UserWarning, match=r"data\.bin is damaged .*unexpected sha256.* downloading"):
        fetch(mirror(whole).url, path, SHA256)
    assert_only(path)


def test_wrong_file_stays_if_there_is_no_better(nobody, tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(b"mine")
    with pytest.warns(UserWarning), pytest.raises(ConnectionError):
        fetch(nobody, path, SHA256)
    assert path.read_bytes() == b"mine"


def test_without_a_checksum_a_file_is_taken_as_it_is(mirror, tmp_path):
    server = mirror(whole)
    (tmp_path / "data.bin").write_bytes(b"mine")
    assert fetch(server.url, tmp_path / "data.bin", None).read_bytes() == b"mine"
    assert server.requests == []


def test_all_mirrors_fail(mirror, nobody, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", (1, 0.1))
    answers = [not_found, server_error, another_file, cut_off, stalled]
    urls = [mirror(answer).url for answer in answers] + [nobody, "nonsense"]
    with pytest.raises(ConnectionError) as error:
        fetch(urls, tmp_path / "data.bin", SHA256, offline_hint="use a local copy")
    assert isinstance(error.value, OSError)
    reasons = [
        "HTTP 404 Not Found",
        "HTTP 500 Internal Server Error",
        "wrong sha256",
        "the connection broke off",
        "no connection|timed out",  # requests counts a body that stalls as either
        "no connection",
    ]
    expected = "; ".join(
        f"{re.escape(urlsplit(url).netloc)}: ({reason})"
        for url, reason in zip(urls, reasons, strict=False)
    )
    assert re.fullmatch(
        rf"cannot download data\.bin \({expected}; nonsense: MissingSchema: .*\); use a local copy",
        str(error.value),
    )
    assert list(tmp_path.iterdir()) == []


def test_no_hint(nobody, tmp_path):
    with pytest.raises(ConnectionError, match=r": no connection\)$"):
        fetch(nobody, tmp_path / "data.bin", SHA256)


def test_content_is_not_unpacked_on_the_way(mirror, tmp_path):
    fetch(mirror(compressing).url, tmp_path / "data.bin", SHA256)
    assert_only(tmp_path / "data.bin")


def test_folder_that_cannot_be_written_is_no_connection_error(mirror, tmp_path):
    server = mirror(whole)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError) as error:
        fetch(server.url, tmp_path / "file" / "data.bin", SHA256)
    assert not isinstance(error.value, ConnectionError)
    assert server.requests == []


def test_fetched_at_the_same_time(mirror, tmp_path):
    url, path = mirror(whole).url, tmp_path / "data.bin"
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: fetch(url, path, SHA256), range(4))) == [path] * 4
    assert_only(path)


@pytest.mark.parametrize("checksum", ["", "94046d", "sha256:", "crc32:123", "/x/sha1"])
def test_checksum_without_its_algorithm(tmp_path, checksum):
    with pytest.raises(ValueError, match=r"checksum must be 'sha256:\.\.\.', with one of"):
        fetch("http://127.0.0.1/a", tmp_path / "a", checksum)


def test_no_url(tmp_path):
    with pytest.raises(ValueError, match=r"urls must hold at least one URL for a\.txt"):
        fetch([], tmp_path / "a.txt", SHA256)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_names_the_file(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    fetch(mirror(whole).url, tmp_path / "data.bin", SHA256)
    assert "data.bin: 100%" in terminal.getvalue() and "256k/256k" in terminal.getvalue()


def test_line_of_the_progress_ends_when_a_mirror_fails(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with pytest.raises(ConnectionError):
        fetch(mirror(cut_off).url, tmp_path / "data.bin", SHA256)
    assert "data.bin:" in terminal.getvalue() and terminal.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("stream", "progress"), [(io.StringIO, True), (Terminal, False), (lambda: None, True)]
)
def test_no_progress_where_nobody_watches(mirror, tmp_path, monkeypatch, stream, progress):
    monkeypatch.setattr(sys, "stderr", stream := stream())
    fetch(mirror(whole).url, tmp_path / "data.bin", SHA256, progress=progress)
    assert stream is None or stream.getvalue() == ""
    assert_only(tmp_path / "data.bin")


@pytest.mark.parametrize("answer", [whole, not_found])
def test_pooch_says_nothing(mirror, tmp_path, answer):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = pooch.get_logger()
    logger.addHandler(handler)
    level = logger.level
    try:
        logger.setLevel("INFO")
        with contextlib.suppress(ConnectionError):
            fetch(mirror(answer).url, tmp_path / "data.bin", None)
        assert logger.level == logging.INFO
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert records == []
