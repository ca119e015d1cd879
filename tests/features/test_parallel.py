import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import psutil
import pytest

from emotune.errors import EmotuneError, InputError
from emotune.features import parallel
from emotune.features.extraction import extract_all
from emotune.features.inspection import inspect_recordings
from emotune.features.parallel import each_recording
from emotune.features.settings import FeatureSettings
from emotune.recordings.in_memory import RecordingsInMemory
from emotune.recordings.simulator import Simulator
from recordings_in_memory import noise


@pytest.fixture
def at_once(monkeypatch):
    """Processes are taken however small the set is."""
    monkeypatch.setattr(parallel, "_WORTH_S", 0.0)
    monkeypatch.setattr(parallel, "_FIRST_S", -1.0)
    monkeypatch.setattr(parallel, "_any_done", lambda futures: [future.result() for future in futures] != [])


def in_memory(n=6, seconds=9.0):
    recordings = [
        noise(seed=i, seconds=seconds + i, subject=f"s{i // 2}", emotion=("calm", "joy")[i % 2], trial=str(i))
        for i in range(n)
    ]
    recordings[2] = replace(recordings[2], baseline_uv=noise(seed=90, seconds=2.0).samples_uv)
    return RecordingsInMemory(recordings, emotions=("calm", "joy"))


def in_small_parts(monkeypatch):
    """A part for each recording, so that there are more parts than there is memory on the shelf."""
    monkeypatch.setattr("emotune.recordings.in_memory._BYTES_A_PART", 1)


def what_came(recording):
    rest = None if recording.baseline_uv is None else float(recording.baseline_uv.sum())
    return os.getpid(), recording.trial, float(recording.samples_uv.sum()), rest


def raise_at(recording, *, trial):
    if recording.trial == trial:
        raise InputError(f"trial {trial} is damaged")
    return recording.trial


def die_at(recording, *, trial, signal_number):
    if recording.trial == trial:
        os.kill(os.getpid(), signal_number)
    return recording.trial


@pytest.mark.parametrize("made", [in_memory, lambda: Simulator(n_people=4, trials_per_emotion=1, seconds=5.0)])
def test_other_processes_give_the_same_in_the_same_order(made, at_once, monkeypatch):
    in_small_parts(monkeypatch)
    recordings = made()
    expected = [what_came(recording)[1:] for recording in recordings]
    found = list(each_recording(recordings, what_came, workers=2))
    assert [row[1:] for row in found] == expected
    assert os.getpid() not in {row[0] for row in found}


def test_a_set_that_is_soon_done_takes_no_process():
    assert {row[0] for row in each_recording(in_memory(), what_came, workers=2)} == {os.getpid()}


def test_until_a_process_has_started_this_one_goes_on(monkeypatch):
    in_small_parts(monkeypatch)
    monkeypatch.setattr(parallel, "_WORTH_S", 0.0)
    monkeypatch.setattr(parallel, "_FIRST_S", -1.0)
    asked = []
    monkeypatch.setattr(parallel, "_any_done", lambda futures: asked.append(1) or len(asked) > 3)
    rows = list(each_recording(in_memory(), what_came, workers=2))
    assert [row[1] for row in rows] == list("012345")
    assert [row[0] == os.getpid() for row in rows] == [True] * 3 + [False] * 3


def test_one_worker_is_this_process(at_once):
    assert {row[0] for row in each_recording(in_memory(), what_came, workers=1)} == {os.getpid()}


def test_tables_and_inspections_are_the_same_to_the_last_bit(at_once, monkeypatch):
    in_small_parts(monkeypatch)
    recordings, settings = in_memory(), FeatureSettings()
    seen = []
    one = extract_all(recordings, settings)
    two = extract_all(recordings, settings, workers=2, on_recording=lambda *counts: seen.append(counts))
    np.testing.assert_array_equal(two.values, one.values)
    np.testing.assert_array_equal(two.starts_s, one.starts_s)
    np.testing.assert_array_equal(two.trial, one.trial)
    assert (two.findings, two.fingerprint) == (one.findings, one.fingerprint)
    assert seen == [(done, 6) for done in range(1, 7)]
    inspected = inspect_recordings(recordings, settings, workers=2)
    assert inspected.findings == inspect_recordings(recordings, settings).findings
    assert inspected.seconds.tolist() == [recording.duration_s for recording in recordings]


def test_copies_are_found_across_processes(at_once, monkeypatch):
    in_small_parts(monkeypatch)
    recordings = in_memory()
    copies = [*recordings.recordings, replace(recordings.recordings[0], subject="s9", source="copy.edf")]
    table = extract_all(RecordingsInMemory(copies, emotions=("calm", "joy")), FeatureSettings(), workers=2)
    assert ["duplicate-trials", "error"] in [[finding.name, finding.severity] for finding in table.findings]


def test_the_first_error_in_the_order_of_the_set_is_raised(at_once, monkeypatch):
    in_small_parts(monkeypatch)
    came = []
    with pytest.raises(InputError, match="trial 3 is damaged"):
        for trial in each_recording(in_memory(), partial(raise_at, trial="3"), workers=2):
            came.append(trial)
    assert came == ["0", "1", "2"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_process_that_dies_is_said_in_a_line(at_once, monkeypatch):
    in_small_parts(monkeypatch)
    work = partial(die_at, trial="2", signal_number=signal.SIGKILL)
    with pytest.raises(EmotuneError, match=r"^Expected every process .* Received: the end of one.*fewer workers\.$"):
        list(each_recording(in_memory(), work, workers=2))


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="shared memory has no folder to look into here")
def test_nothing_is_left_in_shared_memory(at_once, monkeypatch):
    in_small_parts(monkeypatch)
    before = set(os.listdir("/dev/shm"))
    list(each_recording(in_memory(), what_came, workers=2))
    with pytest.raises(InputError):
        list(each_recording(in_memory(), partial(raise_at, trial="1"), workers=2))
    # Whoever stops half-way.
    next(iter(each_recording(in_memory(), what_came, workers=2)))
    left = [name for name in set(os.listdir("/dev/shm")) - before if name.startswith("psm_")]
    assert left == []


def test_recordings_that_get_longer_leave_little_shared_memory_behind(at_once, monkeypatch):
    in_small_parts(monkeypatch)
    recordings = [noise(seconds=1.0 + i, seed=i, trial=str(i)) for i in range(12)]
    sizes = []
    release = parallel._Shelf._release
    monkeypatch.setattr(
        parallel._Shelf,
        "clear",
        lambda shelf: (
            sizes.extend(one.size for one in shelf._every),
            [release(shelf, one) for one in shelf._every[:]],
        ),
    )
    rows = list(each_recording(RecordingsInMemory(recordings), what_came, workers=2))
    assert [row[1] for row in rows] == [str(i) for i in range(12)]
    assert len(sizes) <= 2 * parallel._AHEAD
    assert max(sizes) < 2 * recordings[-1].samples_uv.nbytes + 4096


def test_without_shared_memory_this_process_does_the_work(at_once, monkeypatch):
    in_small_parts(monkeypatch)
    monkeypatch.setattr(parallel, "_free_shared_bytes", lambda: 0)
    rows = list(each_recording(in_memory(), what_came, workers=2))
    assert [row[1] for row in rows] == list("012345")
    assert {row[0] for row in rows} == {os.getpid()}
    with pytest.raises(InputError, match="trial 3 is damaged"):
        list(each_recording(in_memory(), partial(raise_at, trial="3"), workers=2))


def run_script(folder, text, **settings):
    """Another Python that runs `text` as its main script, with `slow_work` beside it."""
    (folder / "main.py").write_text(text)
    (folder / "slow_work.py").write_text(_WORK)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    return subprocess.Popen(
        [sys.executable, folder / "main.py"], stdout=subprocess.PIPE, text=True, env=environment, **settings
    )


def test_a_script_without_a_guard_is_done_alone_and_told_why(tmp_path):
    text = _SCRIPT.replace('if __name__ == "__main__":', "if True:").replace("n_people=40", "n_people=4")
    script = run_script(tmp_path, text, stderr=subprocess.PIPE)
    out, errors = script.communicate(timeout=120)
    assert (script.returncode, out) == (0, "one\n" * 4 * 5)
    assert "needs `if __name__ == '__main__':`" in errors


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="shared memory has no folder to look into here")
def test_processes_and_shared_memory_end_with_a_killed_parent(tmp_path):
    before = set(os.listdir("/dev/shm"))
    text = _SCRIPT.replace("Simulator(", "in_memory(").replace(
        "from slow_work import slowly", "from slow_work import in_memory, slowly"
    )
    script = run_script(tmp_path, text, stderr=subprocess.DEVNULL)
    assert script.stdout.readline() == "one\n"
    children = psutil.Process(script.pid).children(recursive=True)
    assert len(children) >= 2
    assert any(name.startswith("psm_") for name in set(os.listdir("/dev/shm")) - before)
    script.kill()
    script.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert not any(name.startswith("psm_") for name in set(os.listdir("/dev/shm")) - before)
    script.stdout.close()


_SCRIPT = """
import time
from emotune.features import parallel
from emotune.recordings.simulator import Simulator
from slow_work import slowly
parallel._WORTH_S, parallel._FIRST_S = 0.0, -1.0
parallel._any_done = lambda futures: bool([future.exception() for future in futures])
if __name__ == "__main__":
    for _ in parallel.each_recording(Simulator(n_people=40, trials_per_emotion=1, seconds=2.0), slowly, workers=2):
        print("one", flush=True)
"""
_WORK = """
import time
import numpy as np
from emotune.recordings.in_memory import RecordingsInMemory
from emotune.recordings.recording import Recording
def in_memory(**_):
    samples = np.ones((1, 1_100_000), np.float32)
    return RecordingsInMemory([Recording(samples, 128.0, ("Cz",)) for _ in range(40)])
def slowly(recording):
    time.sleep(0.05)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C another way")
def test_ctrl_c_ends_all_of_them_quietly(tmp_path):
    (tmp_path / "main.py").write_text(_SCRIPT)
    (tmp_path / "slow_work.py").write_text(_WORK)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    script = subprocess.Popen(
        # SIGINT may be ignored where the tests run in the background of a shell, and would be inherited.
        [sys.executable, "-c", "import signal, runpy, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
         f"sys.path.insert(0, {str(tmp_path)!r}); runpy.run_path({str(tmp_path / 'main.py')!r}, run_name='__main__')"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
    )  # fmt: skip
    assert script.stdout.readline() == "one\n"
    time.sleep(0.2)
    os.killpg(script.pid, signal.SIGINT)
    _, errors = script.communicate(timeout=60)
    assert script.returncode != 0
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
