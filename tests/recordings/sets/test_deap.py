"""DEAP's prepared files, as Python 2 and MATLAB wrote them."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io

import emotune
from emotune.errors import InputError
from emotune.recordings.sets.deap import Deap
from writers import dasps, deap


def test_the_writer_writes_what_python_2_would(tmp_path):
    data, labels = deap.person(3, 0.5)
    deap.save(tmp_path / "s03.dat", {"labels": labels, "data": data})
    with (tmp_path / "s03.dat").open("rb") as file:
        read = pickle.load(file, encoding="latin1")  # our own bytes
    np.testing.assert_array_equal(read["data"], data)
    np.testing.assert_array_equal(read["labels"], labels)


def test_python_3_pickles_are_read_too(tmp_path):
    (tmp_path / "s01.dat").write_bytes(pickle.dumps({"data": deap.DATA, "labels": deap.LABELS}, protocol=4))
    assert len(list(Deap(tmp_path))) == 40


def test_delta_is_said_to_be_a_phantom(tmp_path):
    deap.write(tmp_path, n_people=1, seconds=0.5)
    (finding,) = Deap(tmp_path).findings
    assert (finding.name, finding.severity) == ("phantom-band", "warning")
    assert "delta band holds what the filter left" in finding.message


def test_no_answer_is_left_to_the_target(tmp_path):
    labels = deap.LABELS.copy()
    labels[7, 0] = np.nan
    deap.save(tmp_path / "s01.dat", {"data": deap.DATA, "labels": labels})
    recordings = list(Deap(tmp_path))
    assert [np.isnan(recording.ratings["valence"]) for recording in recordings] == [i == 7 for i in range(40)]


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({}, "nothing and nothing"),
        ([1, 2], "nothing and nothing"),
        ({"data": np.zeros((40, 40, 800))}, r"float64 \(40, 40, 800\) and nothing"),
        ({"data": "text", "labels": deap.LABELS}, r"nothing and float64 \(40, 4\)"),
        ({"data": deap.DATA.astype("S1"), "labels": deap.LABELS}, r"\|S1 \(40, 40, 400\) and float64 \(40, 4\)"),
        ({"data": deap.DATA, "labels": deap.LABELS.astype("U1")}, r"float64 \(40, 40, 400\) and <U1 \(40, 4\)"),
        ({"data": deap.DATA[:39], "labels": deap.LABELS[:39]}, r"float64 \(39, 40, 400\) and float64 \(39, 4\)"),
    ],
)
def test_other_keys_and_shapes_are_named(tmp_path, content, received):
    (tmp_path / "s01.dat").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(
        InputError,
        match=rf"Expected `data` \(40, 40, 8064\) and `labels` \(40, 4\) in .*s01\.dat.*Received: {received}\. Down",
    ):
        list(Deap(tmp_path))


def test_the_python_file_goes_before_the_matlab_one_of_the_same_person(tmp_path):
    for kind in ("mat", "dat"):
        deap.save(tmp_path / f"s02.{kind}", {"data": deap.DATA, "labels": deap.LABELS}, kind)
    deap.save(tmp_path / "s01.mat", {"data": deap.DATA, "labels": deap.LABELS}, "mat")
    assert [path.name for path in Deap(tmp_path).files] == ["s01.mat", "s02.dat"]


def test_the_raw_files_of_dasps_are_not_taken_for_its_own(tmp_path):
    dasps.write(tmp_path, ending="")
    assert Deap.why_not(tmp_path) == "none of these files"
    with pytest.raises(InputError, match=r"Expected DEAP in .*Received: none of these files"):
        Deap(tmp_path)


READING = """
import resource, sys
from pathlib import Path
from emotune.recordings.sets.deap import Deap
shapes = {recording.samples_uv.shape for recording in Deap(sys.argv[1])}
status = Path("/proc/self/status")
if status.exists():  # Linux counts in `ru_maxrss` what the process was forked from
    (bytes_,) = (1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
else:
    bytes_ = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(shapes, bytes_ // 10**6)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process is asked for as POSIX has it")
@pytest.mark.parametrize("kind", ["dat", "mat"])
def test_files_of_full_size_are_read_in_less_than_600_mb(tmp_path, kind):
    data = np.random.default_rng(0).standard_normal((40, 40, 8064), dtype=np.float32).astype(np.float64)
    for name in ("s01", "s02"):
        deap.save(tmp_path / f"{name}.{kind}", {"data": data, "labels": deap.LABELS}, kind)
    done = subprocess.run(
        [sys.executable, "-c", READING, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(emotune.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    shapes, megabytes = done.stdout.rsplit(maxsplit=1)
    assert shapes == "{(32, 7680)}"
    print(kind, megabytes, "MB")
    assert 100 < int(megabytes) < 600  # each file has 103 MB


def test_a_small_file_that_claims_much_is_not_read(tmp_path):
    content = {"data": np.zeros((40, 40, 20_000), dtype=np.int8), "labels": np.ones((40, 4))}
    scipy.io.savemat(tmp_path / "s01.mat", content, do_compression=True)
    with pytest.raises(InputError, match=r"s01\.mat, but .*32000000 values .*, more than the 25804800 expected"):
        list(Deap(tmp_path))
