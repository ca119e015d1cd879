"""The README's way from nothing to a search on the open set, fetched from a server of this test's own."""

import functools
import hashlib
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emotune.prediction.bundle import Bundle
from project_copy import ROOT, copy_project, run_python
from writers import eegmat

INSPECT = "python -m emotune inspect eegmat"
SEARCH = "python run_hyperparameter_tuning.py --method optuna --data eegmat"


class Quiet(SimpleHTTPRequestHandler):
    asked = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = eegmat.write(tmp_path_factory.mktemp("server") / "eegmat", n_people=5, seconds=10.0).folder
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / "SHA256SUMS.txt").write_text("".join(sums), encoding="ascii")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("open") / "emotune")


def run(project, server, *words):
    return run_python(project, *words, EMOTUNE_EEGMAT_URL=server, no_proxy="127.0.0.1")


@pytest.mark.parametrize("command", [INSPECT, SEARCH])
def test_the_readme_has_the_command(command):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_fetched_once_looked_at_and_searched(project, server):
    first = run(project, server, *INSPECT.split()[1:])
    assert first.returncode == 0, first.stderr
    assert "fetching: 10 of 10 files" in first.stderr
    assert re.search(r"^people +5$", first.stdout, flags=re.MULTILINE)
    assert "mental workload, not emotion" in first.stdout
    n_asked = len(Quiet.asked)
    small = ["--max-trials", "2", "--epochs", "2", "--no-confirm", "--workers", "1"]
    searched = run(project, server, *SEARCH.split()[1:], *small)
    assert searched.returncode == 0, searched.stderr
    assert "fetching" not in searched.stderr
    assert len(Quiet.asked) == n_asked
    assert "Split by subject" in searched.stdout
    trained = run(project, server, "src/train_emotion_model.py", "--from-best", "--data", "eegmat", "--epochs", "2")
    assert trained.returncode == 0, trained.stderr
    assert Bundle.load(project / "models" / "bundle").class_names == ("rest", "arithmetic")


def test_without_a_network_it_is_one_line(tmp_path):
    done = run(copy_project(tmp_path / "emotune"), "http://127.0.0.1:9/", "-m", "emotune", "inspect", "eegmat")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "write eegmat:FOLDER" in done.stderr
