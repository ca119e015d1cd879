"""Files that matter are whole or the old ones, whatever happens while they are written."""

import json
import subprocess
import sys
import textwrap

import pytest

from emotune.files import replacing, write_json


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "best.json"
    write_json(path, {"score": 0.5})
    return path


def test_a_process_that_dies_between_writing_and_renaming_leaves_the_old_file(path):
    done = run(
        """
        import os, sys
        from emotune.files import replacing
        with replacing(sys.argv[1]) as beside:
            beside.write_text('{"score": 0.')
            os._exit(9)
        """,
        path,
    )
    assert done.returncode == 9
    assert json.loads(path.read_text()) == {"score": 0.5}
    write_json(path, {"score": 0.75})
    assert json.loads(path.read_text()) == {"score": 0.75}


def test_an_error_while_writing_leaves_the_old_file_alone(path):
    with pytest.raises(ZeroDivisionError), replacing(path) as beside:
        beside.write_text("half")
        1 / 0  # noqa: B018
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert json.loads(path.read_text()) == {"score": 0.5}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_disk_that_is_full_leaves_the_old_file_alone(path):
    done = run(
        """
        import resource, signal, sys
        from emotune.files import write_json
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_json(sys.argv[1], list(range(10000)))
        except OSError as error:
            print(type(error).__name__)
        """,
        path,
    )
    assert done.stdout.strip() == "OSError", done.stderr
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert json.loads(path.read_text()) == {"score": 0.5}
