"""What every reader of a folder must do with files as they are downloaded: one suite over all that can be written."""

import collections
import math
import pickle
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from emotune.data.sources import open_source
from emotune.errors import InputError
from emotune.recordings.bids import BidsSet
from emotune.recordings.recording import refuse_foreign_labels
from emotune.recordings.sets import SETS
from writers import WRITERS

READERS = {**SETS, "bids": BidsSet}


def reader_of(name):
    return READERS[name.partition(" ")[0]]


PUBLISHED = list(WRITERS)
DAMAGED = [(name, damage) for name in PUBLISHED for damage in WRITERS[name].DAMAGES]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A function that gives a set as it was written, once for this module: not to be changed."""
    done = {}

    def write(name, n_people=2):
        if (name, n_people) not in done:
            folder = tmp_path_factory.mktemp("written") / "set"
            done[name, n_people] = WRITERS[name].write(folder, n_people=n_people, seconds=1.0)
        return done[name, n_people]

    return write


@pytest.fixture(scope="module")
def all_read(written):
    """A function that gives the recordings of a set that was written, read once for this module."""
    done = {}

    def read(name):
        if name not in done:
            done[name] = list(reader_of(name)(written(name).folder))
        return done[name]

    return read


@pytest.fixture
def copy(written, tmp_path):
    """A function that gives a folder of a set to be changed."""

    def copied(name, n_people=2):
        return shutil.copytree(written(name, n_people).folder, tmp_path / "copied" / "set")

    return copied


def test_every_reader_of_a_folder_has_a_writer():
    assert {reader_of(name) for name in PUBLISHED} == set(READERS.values())


@pytest.mark.parametrize("name", PUBLISHED)
class TestWhatIsRead:
    def test_is_what_was_written_in_its_order(self, name, written, all_read):
        truths, recordings = written(name).recordings, all_read(name)
        assert len(recordings) == len(truths)
        for column in ("subject", "session", "trial", "stimulus", "emotion"):
            assert [getattr(one, column) for one in recordings] == [getattr(one, column) for one in truths], column

    def test_has_samples_in_centred_microvolts(self, name, written, all_read):
        for recording, truth in zip(all_read(name), written(name).recordings, strict=True):
            assert recording.channel_names == truth.channel_names
            assert recording.sampling_rate_hz == truth.sampling_rate_hz
            assert_centred(recording.samples_uv, truth.samples_uv, written(name).tolerance_uv)

    def test_has_the_rest_before_each_trial_where_the_set_has_one(self, name, written, all_read):
        for recording, truth in zip(all_read(name), written(name).recordings, strict=True):
            assert (recording.baseline_uv is None) == (truth.baseline_uv is None)
            if truth.baseline_uv is not None:
                assert_centred(recording.baseline_uv, truth.baseline_uv, written(name).tolerance_uv)

    def test_has_the_ratings_on_the_scales_of_the_set(self, name, written, all_read):
        data = reader_of(name)(written(name).folder)
        for recording, truth in zip(all_read(name), written(name).recordings, strict=True):
            refuse_foreign_labels(recording, data)
            assert dict(recording.ratings) == pytest.approx(dict(truth.ratings), nan_ok=True)
            if truth.emotion or not all(math.isnan(value) for value in truth.ratings.values()):
                assert recording.emotion or not all(math.isnan(value) for value in recording.ratings.values())

    def test_says_in_which_file_and_where_in_it_each_recording_is(self, name, written, all_read):
        files = [str(file) for file in reader_of(name)(written(name).folder).files]
        sources = [recording.source for recording in all_read(name)]
        assert len(set(sources)) == len(sources)
        assert all(any(source.startswith(file) for file in files) for source in sources)


def assert_centred(samples_uv, truth_uv, tolerance_uv):
    assert samples_uv.shape == truth_uv.shape
    assert samples_uv.dtype == np.float32
    assert np.abs(samples_uv.mean(axis=1, dtype=np.float64)).max() <= tolerance_uv
    expected = truth_uv - truth_uv.mean(axis=1, keepdims=True, dtype=np.float64)
    np.testing.assert_allclose(samples_uv, expected, rtol=0, atol=tolerance_uv)


@pytest.mark.parametrize("name", PUBLISHED)
class TestTheSet:
    def test_is_recognised_by_its_folder_alone(self, name, written):
        recognised = open_source(str(written(name).folder))
        named = open_source(written(name).spec)
        assert type(recognised) is type(named) is reader_of(name)
        assert recognised.name == named.name == written(name).spec
        assert (recognised.emotions, dict(recognised.scales)) == (named.emotions, dict(named.scales))
        assert recognised.emotions or recognised.scales

    def test_is_no_other_set(self, name, written):
        others = {kind: reader.why_not(written(name).folder) for kind, reader in READERS.items()}
        assert others.pop(name.partition(" ")[0]) == ""
        assert all(others.values()), others

    def test_knows_its_length_and_files_while_no_sample_can_be_read(self, name, written, copy):
        n_recordings = len(written(name).recordings)
        folder = copy(name)
        last = reader_of(name)(folder).files[-1]
        content = last.read_bytes()
        last.write_bytes(content[: len(content) // 2])
        data = reader_of(name)(folder)
        assert data.files[-1] == last
        assert len(data) == n_recordings
        recordings = iter(data)
        if len(data.files) > 1:
            next(recordings)
        with pytest.raises(InputError) as raised:
            list(recordings)
        assert last.name in str(raised.value)

    def test_gives_the_same_again(self, name, written, all_read):
        data = reader_of(name)(written(name).folder)
        for _ in range(2):
            for recording, first in zip(data, all_read(name), strict=True):
                assert np.array_equal(recording.samples_uv, first.samples_uv, equal_nan=True)
                assert (recording.source, recording.emotion) == (first.source, first.emotion)
                assert recording.ratings == pytest.approx(first.ratings, nan_ok=True)

    def test_is_read_again_while_it_is_being_read(self, name, written, all_read):
        data = reader_of(name)(written(name).folder)
        for one, other, first in zip(data, data, all_read(name)[:3], strict=False):
            assert one.source == other.source == first.source
            assert np.array_equal(one.samples_uv, other.samples_uv, equal_nan=True)

    def test_has_one_file_in_memory_at_a_time(self, name, written):
        data, truths = reader_of(name)(written(name).folder), written(name).recordings
        next(iter(data))  # what is imported on the way is no matter
        of_first = sum(truth.subject == truths[0].subject for truth in truths)
        tracemalloc.start()
        try:
            recordings = iter(data)
            for _ in range(of_first):
                next(recordings)
            _, first_peak = tracemalloc.get_traced_memory()
            collections.deque(recordings, maxlen=0)  # a loop would hold what it was given last
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1.1 * first_peak + 50_000
        assert peak < 8 * max(file.stat().st_size for file in data.files) + 1_000_000

    def test_has_the_same_recordings_in_parts_that_other_processes_can_read(self, name, written, all_read):
        data = reader_of(name)(written(name).folder)
        parts = [pickle.loads(pickle.dumps(part)) for part in data.parts()]
        assert len(parts) > 1 or len(data.files) == 1
        in_parts = [recording for part in parts for recording in part]
        assert [one.source for one in in_parts] == [one.source for one in all_read(name)]
        for recording, first in zip(in_parts, all_read(name), strict=True):
            assert np.array_equal(recording.samples_uv, first.samples_uv, equal_nan=True)
            assert (recording.subject, recording.emotion) == (first.subject, first.emotion)
            assert recording.ratings == pytest.approx(first.ratings, nan_ok=True)
        assert len(data) == len(all_read(name))

    def test_has_a_fingerprint_of_every_file_wherever_it_lies(self, name, copy):
        folder = copy(name)
        data = reader_of(name)(folder)
        before = data.fingerprint()
        assert data.fingerprint() == before
        moved = folder.rename(folder.with_name("moved"))
        data = reader_of(name)(moved)
        assert data.fingerprint() == before
        for file in data.files:
            content = file.read_bytes()
            file.write_bytes(content[:-100] + bytes([content[-100] ^ 1]) + content[-99:])
            # Opened anew: a set may read its label files when it is opened.
            assert reader_of(name)(moved).fingerprint() != before, file
            file.write_bytes(content)
        assert reader_of(name)(moved).fingerprint() == before

    def test_passes_over_what_else_lies_in_its_folder(self, name, copy, all_read):
        if name == "bids":
            pytest.skip("a BIDS folder holds nothing but what BIDS names: other files are refused, each in one line")
        folder = copy(name)
        for place in {folder, *(file.parent for file in reader_of(name)(folder).files)}:
            for other in ("readme.txt", ".DS_Store", "Thumbs.db"):
                (place / other).write_bytes(b"x")
        for file in reader_of(name)(folder).files:
            for beside in (f"._{file.name}", f"{file.name}.part", f"{file.stem} (1){file.suffix}"):
                (file.parent / beside).write_bytes(b"x")
        assert len(list(open_source(str(folder)))) == len(all_read(name))


@pytest.mark.parametrize(("name", "damage"), DAMAGED, ids=[f"{name}: {damage}" for name, damage in DAMAGED])
def test_damage_ends_in_one_line_that_names_the_file(name, damage, copy):
    folder = copy(name, n_people=1)
    before = contents_of(folder)
    WRITERS[name].DAMAGES[damage](folder)
    after = contents_of(folder)
    changed = {file for file in {*before, *after} if before.get(file) != after.get(file)}
    assert changed, "the damage does nothing"
    with pytest.raises(InputError) as raised:
        data = reader_of(name)(folder)
        for recording in data:
            refuse_foreign_labels(recording, data)
    message = str(raised.value)
    assert "\n" not in message
    # Of a file that is gone, the place where it was looked for.
    named = {file.name for file in changed} | {str(folder) for file in changed if file not in after}
    assert any(name in message for name in named), message
    expected, remedy = message.split(". ", 1)[0], message.rstrip(".").rsplit(". ", 1)[-1]
    assert "Expected " in message and ("Received: " in message or ", but " in message), message
    assert message.endswith(".") and remedy != expected, message


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
