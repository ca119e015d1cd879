"""Fetching against a server of this machine: whole, resumed, wrong, missing, too long, not what was asked for."""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emotune.errors import InputError
from emotune.files import cache_root
from emotune.recordings import fetching
from emotune.recordings.sets.eegmat import Eegmat, fetch_eegmat
from writers import eegmat as writer

LIST = "/SHA256SUMS.txt"
NAMES = ("Subject00_1.edf", "Subject00_2.edf")
SOURCE = Path(__file__).resolve().parents[2] / "src"


class Server(ThreadingHTTPServer):
    """Serves `files`; the other attributes make it misbehave.

    Attributes:
        files: content by path.
        requests: (path, Range) in the order of arrival.
        knows_ranges: whether it answers 206.
        breaks_off_at: path -> bytes after which the connection ends, once.
        sends: path -> status in place of an answer, as often as it is asked.
        shift: by how much the stretch that it sends is another than was asked for.
        says_length: whether it announces the length.
        pause_s: before every piece of 64 kB.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.breaks_off_at, self.sends = {}, [], {}, {}
        self.knows_ranges, self.says_length, self.shift, self.pause_s = True, True, 0, 0.0
        self.pause = threading.Event()  # `time.sleep` is not to be had here, see `cache`

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request, client_address):
        """Whoever hangs up is not an error here."""

    def offer(self, files):
        self.files = {f"/{name}": content for name, content in files.items()}
        lines = [f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in files.items()]
        self.files[LIST] = "".join(lines).encode()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.requests.append((self.path, asked))
        if self.path in server.sends or self.path not in server.files:
            self.send_error(server.sends.get(self.path, 404))
            return
        content = server.files[self.path]
        first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and server.knows_ranges else 0
        if first and first >= len(content):
            self.send_error(416)
            return
        if first:
            first -= server.shift
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.says_length:
            self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        stop = server.breaks_off_at.pop(self.path, len(content))
        for at in range(first, stop, 2**16):
            self.server.pause.wait(server.pause_s)
            self.wfile.write(content[at : min(at + 2**16, stop)])
            self.wfile.flush()

    def log_message(self, *_):
        """Nothing on standard error."""


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    folder = writer.write(tmp_path_factory.mktemp("eegmat"), n_people=1, seconds=10).folder
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.fixture
def cache(server, contents, tmp_path, monkeypatch):
    """The folder that files are fetched into, not yet there; the server has all."""
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EMOTUNE_EEGMAT_URL", server.address)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)  # pooch waits a second before its second attempt
    server.offer(contents | {"subject-info.csv": b"Subject\n", "RECORDS": b"\n"})
    return tmp_path / "cache" / "eegmat"


def names_in(folder):
    """The files of a folder but the list and the lock."""
    return sorted(file.name for file in folder.iterdir() if not file.name.endswith((".txt", ".lock")))


def fetched_from(server):
    return [path for path, _ in server.requests]


def message_of():
    with pytest.raises(InputError) as raised:
        fetch_eegmat()
    message = str(raised.value)
    assert "\n" not in message
    assert "https://physionet.org/content/eegmat/1.0.0/ by hand and write eegmat:FOLDER" in message
    return message


def test_a_set_is_fetched_whole_and_read(server, cache, contents, capfd):
    said = []
    folder = fetch_eegmat(lambda done, total: said.append((done, total)))
    assert folder == cache == cache_root() / "eegmat"
    assert names_in(folder) == list(NAMES)
    for name in NAMES:
        assert (folder / name).read_bytes() == contents[name]
    assert fetched_from(server) == [LIST, *(f"/{name}" for name in NAMES)]
    assert said == [(1, 2), (2, 2)]
    assert [recording.emotion for recording in Eegmat(folder)] == ["rest", "arithmetic"]
    assert capfd.readouterr() == ("", "")


def test_a_second_run_asks_for_nothing(server, cache):
    fetch_eegmat()
    server.requests.clear()
    said = []
    fetch_eegmat(lambda done, total: said.append((done, total)))
    assert server.requests == []
    assert said == [(2, 2)]


def test_a_second_run_needs_no_network_and_no_writing(server, cache, monkeypatch):
    fetch_eegmat()
    server.sends = dict.fromkeys(server.files, 500)

    def refuse(*_):
        raise AssertionError("nothing is to be locked")

    monkeypatch.setattr(fetching, "_alone_in", refuse)
    assert fetch_eegmat() == cache


def test_only_what_is_missing_or_damaged_is_fetched_again(server, cache, contents):
    fetch_eegmat()
    server.requests.clear()
    (cache / NAMES[1]).write_bytes(contents[NAMES[1]][:-1] + b"?")
    said = []
    fetch_eegmat(lambda done, total: said.append((done, total)))
    assert fetched_from(server) == [LIST, f"/{NAMES[1]}"]
    assert said == [(1, 2), (2, 2)]
    assert (cache / NAMES[1]).read_bytes() == contents[NAMES[1]]


def test_a_damaged_file_is_gone_even_where_it_cannot_be_fetched(server, cache):
    fetch_eegmat()
    (cache / NAMES[1]).write_bytes(b"damaged")
    server.sends[f"/{NAMES[1]}"] = 404
    message_of()
    assert names_in(cache) == [NAMES[0]]


def part_of(cache, content, size):
    cache.mkdir(parents=True)
    part = cache / f"{NAMES[0]}.part"
    part.write_bytes(content[:size])
    return part


def test_a_file_goes_on_where_it_stopped(server, cache, contents):
    part = part_of(cache, contents[NAMES[0]], 100_000)
    fetch_eegmat()
    assert (f"/{NAMES[0]}", "bytes=100000-") in server.requests
    assert len(server.requests) == 3
    assert (cache / NAMES[0]).read_bytes() == contents[NAMES[0]]
    assert not part.exists()


@pytest.mark.parametrize("how", [{"knows_ranges": False}, {"shift": 7}, {"says_length": False}])
def test_a_server_that_cannot_go_on_sends_all_again(server, cache, contents, how):
    for name, value in how.items():
        setattr(server, name, value)
    part_of(cache, contents[NAMES[0]], 100_000)
    fetch_eegmat()
    assert (cache / NAMES[0]).read_bytes() == contents[NAMES[0]]


@pytest.mark.parametrize("size", [0, 1])
def test_a_part_that_is_as_long_as_the_file_or_longer_is_fetched_anew(server, cache, contents, size):
    part_of(cache, contents[NAMES[0]] + b"more", len(contents[NAMES[0]]) + size)
    fetch_eegmat()
    assert (cache / NAMES[0]).read_bytes() == contents[NAMES[0]]


def test_a_part_of_something_else_is_thrown_away(server, cache, contents):
    part_of(cache, b"?" * 1000, 1000)
    fetch_eegmat()
    asked = [stretch for path, stretch in server.requests if path == f"/{NAMES[0]}"]
    assert asked == ["bytes=1000-", None]
    assert (cache / NAMES[0]).read_bytes() == contents[NAMES[0]]


def test_a_connection_that_breaks_off_is_taken_up_again(server, cache, contents):
    server.breaks_off_at[f"/{NAMES[0]}"] = 3 * 2**16
    fetch_eegmat()
    asked = [stretch for path, stretch in server.requests if path == f"/{NAMES[0]}"]
    assert asked == [None, f"bytes={3 * 2**16}-"]
    assert (cache / NAMES[0]).read_bytes() == contents[NAMES[0]]


def test_a_connection_that_breaks_off_twice_keeps_what_came(server, cache, contents, monkeypatch):
    class Always(dict):
        def pop(self, path, _):
            return 2**16 * 2

    server.breaks_off_at = Always()
    message = message_of()
    assert f"Expected {NAMES[0]} from {server.address}. Received: " in message
    assert names_in(cache) == [f"{NAMES[0]}.part"]
    server.breaks_off_at = {}
    fetch_eegmat()
    assert (cache / NAMES[0]).read_bytes() == contents[NAMES[0]]


def test_a_file_with_another_hash_is_never_left(server, cache, contents):
    server.files[f"/{NAMES[1]}"] = contents[NAMES[0]]
    message = message_of()
    assert f"Expected {NAMES[1]} from {server.address}. Received: a file with another SHA-256. Try again" in message
    assert names_in(cache) == [NAMES[0]]


def test_a_list_that_changed_with_its_files_is_followed(server, cache, contents):
    fetch_eegmat()
    newer = {name: content[::-1] for name, content in contents.items()}
    server.offer(newer)
    (cache / NAMES[0]).unlink()
    fetch_eegmat()
    assert {name: (cache / name).read_bytes() for name in NAMES} == newer


@pytest.mark.parametrize(
    ("path", "expected"), [(LIST, "SHA256SUMS.txt"), (f"/{NAMES[0]}", NAMES[0]), (f"/{NAMES[1]}", NAMES[1])]
)
@pytest.mark.parametrize(("status", "received"), [(404, "404 Not Found"), (403, "403 Forbidden"), (503, "503 Service")])
def test_a_file_that_is_not_there_is_named(server, cache, path, expected, status, received):
    server.sends[path] = status
    assert f"Expected {expected} from {server.address}. Received: the answer {received}" in message_of()
    # What the server's trouble may be over in a second is asked for twice; what is not there is not.
    assert fetched_from(server).count(path) == (2 if status == 503 and path != LIST else 1)


def test_no_server_is_one_line(cache, monkeypatch):
    monkeypatch.setenv("EMOTUNE_EEGMAT_URL", "http://127.0.0.1:9/")
    assert "Expected SHA256SUMS.txt from http://127.0.0.1:9/. Received: no connection (" in message_of()


def test_a_server_that_says_nothing_is_given_up(server, cache, monkeypatch):
    import socket

    monkeypatch.setattr(fetching, "_TIMEOUT_S", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("EMOTUNE_EEGMAT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "Received: no answer in time." in message_of()


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_without_end_is_cut_off(server, cache, monkeypatch, says_length):
    server.says_length = says_length
    monkeypatch.setattr(fetching, "_MOST_BYTES", 2**17)
    assert f"Expected {NAMES[0]} from {server.address}. Received: more than 0 MB." in message_of()
    assert names_in(cache) == []


def test_a_list_without_end_is_cut_off(server, cache):
    server.files[LIST] = b" " * (2**20 + 1)
    assert "Expected SHA256SUMS.txt from " in message_of()
    assert names_in(cache) == []


PAGE = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.mark.parametrize("path", [LIST, f"/{NAMES[0]}"])
def test_a_web_page_is_no_data(server, cache, path):
    server.files[path] = PAGE
    assert "Received: a web page, perhaps a login or an error." in message_of()
    assert names_in(cache) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Subject00_1.edf\n",
        f"{'0' * 63} Subject00_1.edf\n",
        f"{'0' * 64} ../Subject00_1.edf\n",
        f"{'0' * 64} README\n",
    ],
)
def test_a_list_that_is_none_is_refused(server, cache, text):
    server.files[LIST] = text.encode()
    assert "Received: no list of SHA-256 sums with such files." in message_of()


@pytest.mark.parametrize("address", ["ftp://physionet.org/", "file:///etc/", "physionet.org", "http://"])
def test_only_http_is_spoken(cache, monkeypatch, address):
    monkeypatch.setenv("EMOTUNE_EEGMAT_URL", address)
    assert message_of().startswith(f"Expected an address that begins with http:// or https://. Received: '{address}'.")


def test_a_cache_that_cannot_be_written_is_one_line(cache):
    cache.parent.write_text("a file")
    message = message_of()
    assert f"Expected a folder to keep fetched files in at {cache}, but it cannot be written" in message
    assert "Set EMOTUNE_CACHE to one that can." in message


def test_the_cache_is_the_users_unless_chosen(monkeypatch):
    monkeypatch.delenv("EMOTUNE_CACHE", raising=False)
    assert cache_root().name == "emotune"
    monkeypatch.setenv("EMOTUNE_CACHE", "somewhere")
    assert cache_root() == Path("somewhere")


# --- Other processes

FETCH = "from emotune.recordings.sets.eegmat import fetch_eegmat; fetch_eegmat()"


@contextlib.contextmanager
def process(cache, server):
    environment = os.environ | {
        "PYTHONPATH": str(SOURCE),
        "EMOTUNE_CACHE": str(cache.parent),
        "EMOTUNE_EEGMAT_URL": server.address,
    }
    # What is started in the background of a script may have been told to ignore Ctrl-C, and hands that on.
    script = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{FETCH}"
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


@pytest.mark.skipif(os.name == "nt", reason="a signal that stands for Ctrl-C would stop the tests too")
def test_what_came_before_an_interruption_is_kept(server, cache, contents):
    interrupted, original = threading.Event(), Handler.do_GET

    def a_part(handler):
        if handler.path == LIST:
            original(handler)
            return
        content = server.files[handler.path]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: 3 * 2**16])
        handler.wfile.flush()
        interrupted.wait(60)

    part = cache / f"{NAMES[0]}.part"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handler, "do_GET", a_part)
        with process(cache, server) as child:
            wait_for(lambda: part.exists() and part.stat().st_size >= 2**16)
            child.send_signal(signal.SIGINT)
            child.wait(60)
        interrupted.set()
    assert child.returncode != 0
    size = part.stat().st_size
    assert names_in(cache) == [part.name]
    server.requests.clear()
    fetch_eegmat()
    assert (f"/{NAMES[0]}", f"bytes={size}-") in server.requests
    assert (cache / NAMES[0]).read_bytes() == contents[NAMES[0]]


def test_two_processes_at_once_fetch_every_file_once(server, cache, contents):
    server.pause_s = 0.2  # long enough for both to be there
    with process(cache, server) as first, process(cache, server) as second:
        assert first.wait(120) == 0, first.stderr.read()
        assert second.wait(120) == 0, second.stderr.read()
    for name in NAMES:
        assert (cache / name).read_bytes() == contents[name]
        assert fetched_from(server).count(f"/{name}") == 1
    assert names_in(cache) == list(NAMES)
