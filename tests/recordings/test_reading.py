"""Files of every format become the samples that were written; whatever is wrong with one is said in a line."""

import logging
import re
import shutil
import struct
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from emotune.errors import InputError, MissingExtra
from emotune.recordings.eeg_channels import is_eeg_name
from emotune.recordings.reading import FORMATS, read_recording

NAMES = ("Fp1", "Cz", "O2")


def message_of(path, **stretch):
    with pytest.raises(InputError) as caught:
        read_recording(path, **stretch)
    message = str(caught.value)
    assert "\n" not in message
    return message


def centred(samples):
    return samples - samples.mean(axis=1, keepdims=True)


@pytest.fixture
def eegmat(shared_data):
    return shared_data / "eegmat" / "Subject00_1.edf"


@pytest.fixture
def brainvision(shared_data, tmp_path):
    """A copy of a real BrainVision recording."""
    folder = shared_data / "formats" / "bids" / "tiny_bids" / "sub-01" / "ses-eeg" / "eeg"
    for file in folder.glob("*_eeg.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / "sub-01_ses-eeg_task-rest_eeg.vhdr"


@pytest.fixture
def eeglab(shared_data, tmp_path):
    """A copy of a real EEGLAB recording."""
    for suffix in (".set", ".fdt"):
        shutil.copyfile(shared_data / "formats" / "eeglab" / f"eeglab_data{suffix}", tmp_path / f"eeglab_data{suffix}")
    return tmp_path / "eeglab_data.set"


# --- what was written is read


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_samples_of_every_format_come_back_in_centred_microvolts(suffix, tmp_path, write_recording, make_eeg):
    offset = np.array([[0.0], [1000.0], [-40.0]])
    samples = make_eeg(NAMES) + offset
    recording = read_recording(write_recording(tmp_path / f"a_raw{suffix}", NAMES, samples))
    assert recording.samples_uv.dtype == np.float32
    np.testing.assert_allclose(recording.samples_uv, centred(samples), atol=2e-3)
    assert recording.channel_names == NAMES
    assert recording.sampling_rate_hz == 128.0
    assert recording.duration_s == 4.0
    assert (recording.subject, recording.emotion, recording.ratings) == ("", "", {})
    assert recording.source == str(tmp_path / f"a_raw{suffix}")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_stretch_is_half_open_and_centred_by_itself(suffix, tmp_path, write_recording, make_eeg):
    samples = make_eeg(NAMES)
    path = write_recording(tmp_path / f"a_raw{suffix}", NAMES, samples)
    recording = read_recording(path, start_s=0.5, stop_s=1.25)
    np.testing.assert_allclose(recording.samples_uv, centred(samples[:, 64:160]), atol=2e-3)
    np.testing.assert_allclose(read_recording(path, start_s=3.0).samples_uv, centred(samples[:, 384:]), atol=2e-3)


def test_a_large_offset_costs_no_precision(tmp_path, write_recording, make_eeg):
    samples = make_eeg(NAMES) + 300_000.0
    recording = read_recording(write_recording(tmp_path / "a.bdf", NAMES, samples))
    # A float32 at 3e5 has steps of 0.03 µV; centred in float64 first, the error is that of 60 µV.
    np.testing.assert_allclose(recording.samples_uv, centred(samples), atol=1e-4)


def test_a_nan_stays_and_spoils_no_other_sample(tmp_path, write_recording, make_eeg):
    samples = make_eeg(NAMES)
    samples[1, 7] = np.nan
    recording = read_recording(write_recording(tmp_path / "a.vhdr", NAMES, samples))
    assert np.flatnonzero(~np.isfinite(recording.samples_uv)).tolist() == [1 * 512 + 7]
    expected = samples[1] - np.nanmean(samples[1])
    np.testing.assert_allclose(recording.samples_uv[1, 8:], expected[8:], atol=1e-3)


def test_the_samples_of_a_real_edf_are_those_of_its_bytes(eegmat):
    # An independent decoder: the header's ranges and the third signal of each record.
    content = eegmat.read_bytes()
    n = int(content[252:256])
    column = lambda at, width: [content[256 + at * n + i * width :][:width] for i in range(n)]  # noqa: E731
    units, counts = column(96, 8), [int(c) for c in column(216, 8)]
    low, high, low_d, high_d = (float(column(at, 8)[2]) for at in (104, 112, 120, 128))
    assert units[2].strip() == b"uV"
    record = np.dtype("<i2").itemsize * sum(counts)
    first = int(content[184:192]) + 2 * sum(counts[:2])
    digital = np.concatenate(
        [np.frombuffer(content, "<i2", counts[2], first + i * record) for i in range(int(content[236:244]))]
    )
    expected = (digital - low_d) / (high_d - low_d) * (high - low) + low
    recording = read_recording(eegmat)
    assert recording.channel_names[2] == "EEG F3"
    np.testing.assert_allclose(recording.samples_uv[2], expected - expected.mean(), atol=1e-3)


def test_real_recordings_keep_their_eeg_channels_under_their_own_names(eegmat, eeglab, brainvision):
    edf, setfile, vhdr = (read_recording(path) for path in (eegmat, eeglab, brainvision))
    assert (edf.samples_uv.shape, edf.sampling_rate_hz) == ((20, 31_000), 500.0)
    assert edf.channel_names[0] == "EEG Fp1"
    assert "ECG ECG" not in edf.channel_names
    assert (setfile.samples_uv.shape, setfile.sampling_rate_hz) == ((30, 30_504), 128.0)
    assert not {"EOG1", "EOG2"} & set(setfile.channel_names)
    assert (vhdr.samples_uv.shape, vhdr.sampling_rate_hz) == ((64, 5_000), 5_000.0)
    assert not {"ECG", "HEOG", "VEOG"} & set(vhdr.channel_names)


def test_every_eegmat_file_can_be_read(shared_data):
    files = sorted((shared_data / "eegmat").glob("*.edf"))
    assert len(files) == 32
    for file in files[::4]:
        recording = read_recording(file, start_s=10, stop_s=12)
        assert recording.samples_uv.shape == (20, 1000)
        assert 1 < recording.samples_uv.std() < 200


def test_a_suffix_in_capitals_is_the_same(tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "A.EDF", NAMES, make_eeg(NAMES))
    assert read_recording(path).samples_uv.shape == (3, 512)


# --- which channels


@pytest.mark.parametrize(
    "name",
    ["Fp1", "EEG Fp1", "EEG FP1-REF", "EEG A2-A1", "T7", "TP9", "Cz", "M1", "C3-P3", "POL F7", "FT10", "AFF5h", "E12"],
)
def test_electrodes_are_eeg(name):
    assert is_eeg_name(name)


@pytest.mark.parametrize(
    "name",
    "ECG ECG|EKG|EEG EKG1-REF|EOG1|HEOG|vEOG|VEO|EEG LOC-REF|zEMG|EMG1|EXG3|GSR1|Resp|Plet|Temp|Temp rectal|Status|"
    "STI 014|TRIGGER|EDF Annotations|Accel Channel 0|GYROX|COUNTER|CQ_AF3|EEG.Counter|MARKER|Photic-REF|SaO2|DC01|"
    "Event marker|misc 1|AUX2".split("|"),
)
def test_other_sensors_are_not(name):
    assert not is_eeg_name(name)


def test_channels_of_other_types_and_bad_channels_are_left_out(tmp_path, write_recording, make_eeg):
    names = ("Fp1", "Cz", "Pz", "X9")
    path = write_recording(
        tmp_path / "a_raw.fif", names, make_eeg(names), types=["eeg", "eeg", "eeg", "misc"], bads=["Cz"]
    )
    assert read_recording(path).channel_names == ("Fp1", "Pz")


def test_channels_at_another_rate_leave_the_eeg_as_it_is(tmp_path, write_recording, make_eeg):
    eeg = make_eeg(NAMES)
    thermometer, fast = np.zeros(4), np.zeros(4 * 512)
    path = write_recording(
        tmp_path / "a.edf", (*NAMES, "Slow", "ECG"), [*eeg, thermometer, fast], rates=[128, 128, 128, 1, 512]
    )
    recording = read_recording(path)
    assert (recording.sampling_rate_hz, recording.channel_names) == (128.0, NAMES)
    np.testing.assert_allclose(recording.samples_uv, centred(eeg), atol=2e-3)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        (b"uV", 1),
        (b"\xb5V", 1),
        ("µV".encode(), 1),
        ("μV".encode(), 1),
        (b"\x83\xcaV", 1),
        (b"UV", 1),
        (b"", 1),
        (b"mV", 1e3),
        (b"nV", 1e-3),
        (b"V", 1e6),
    ],
)
def test_the_unit_of_an_edf_is_understood_however_it_is_written(unit, factor, tmp_path, write_recording, make_eeg):
    samples = make_eeg(NAMES)
    path = write_recording(tmp_path / "a.edf", NAMES, samples, units=[b"uV", unit, b"uV"])
    expected = centred(samples) * np.array([[1], [factor], [1]])
    np.testing.assert_allclose(read_recording(path).samples_uv, expected, rtol=1e-5, atol=2e-3)


def test_channels_without_a_scale_or_in_another_unit_are_left_out(tmp_path, write_recording, make_eeg):
    names = (*NAMES, "Pz", "P3")
    path = write_recording(
        tmp_path / "a.edf", names, make_eeg(names), units=[b"uV"] * 4 + [b"degC"], flat_range=("Pz",)
    )
    assert read_recording(path).channel_names == NAMES


def test_no_eeg_channel_is_an_error_that_lists_what_is_there(tmp_path, write_recording, make_eeg):
    names = ("ECG", "EMG1", "Status")
    for path in (
        write_recording(tmp_path / "a.edf", names, make_eeg(names)),
        write_recording(tmp_path / "a.vhdr", names, make_eeg(names)),
    ):
        message = message_of(path)
        assert message.startswith(f"Expected EEG channels in {path}. Received: 3 channels, none of them good EEG: ")
        assert "ECG, EMG1, Status" in message


# --- what is wrong with a path


def test_no_such_file(tmp_path):
    path = tmp_path / "none.edf"
    assert message_of(path) == f"Expected a recording at {path}, but there is no such file. Check the path."


def test_a_folder(tmp_path):
    message = message_of(tmp_path)
    assert f"received the folder {tmp_path}" in message
    assert "Name a file" in message


def test_an_unknown_suffix_lists_the_known_ones(tmp_path):
    (tmp_path / "a.docx").write_bytes(b"PK")
    message = message_of(tmp_path / "a.docx")
    assert all(suffix in message for suffix in FORMATS)
    assert str(tmp_path / "a.docx") in message


@pytest.mark.parametrize(("part", "header"), [("a.eeg", "a.vhdr"), ("a.vmrk", "a.vhdr"), ("a.fdt", "a.set")])
def test_a_part_in_place_of_the_header_names_the_header(part, header, tmp_path):
    (tmp_path / part).write_bytes(b"x")
    assert message_of(tmp_path / part).endswith(f"Give {header}.")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html>Please log in</html>", "it holds a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "it only points to them"),
        (b"../.git/annex/objects/x/y.edf", "it only points to them"),
    ],
)
def test_content_of_another_kind_is_recognised(suffix, content, said, tmp_path):
    path = tmp_path / f"a_raw{suffix}"
    path.write_bytes(content)
    message = message_of(path)
    assert said in message
    assert str(path) in message


@pytest.mark.parametrize("suffix", FORMATS)
def test_noise_is_no_recording(suffix, tmp_path):
    path = tmp_path / f"a_raw{suffix}"
    path.write_bytes(np.random.default_rng(1).bytes(5000))
    message = message_of(path)
    assert message.startswith("Expected ")
    assert str(path) in message


@pytest.mark.parametrize(("is_", "called"), [(".bdf", ".edf"), (".edf", ".bdf")])
def test_an_edf_and_a_bdf_that_are_mixed_up_are_told_their_names(is_, called, tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / f"a{is_}", NAMES, make_eeg(NAMES)).rename(tmp_path / f"a{called}")
    assert f"Rename it to a{is_}." in message_of(path)


def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch):
    path = tmp_path / "a.edf"
    path.write_bytes(b"0")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be opened ([Errno 13] Permission denied). Check its permissions." in message_of(path)


# --- damage


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_truncated_edf_is_refused(suffix, keep, tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / f"a{suffix}", NAMES, make_eeg(NAMES))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    message = message_of(path)
    assert f"Expected {len(content)} bytes (4 data records) in {path}" in message
    assert f"Received: {int(len(content) * keep)} bytes; the file is truncated." in message


def test_half_of_a_real_edf_is_refused_even_where_the_stretch_is_there(eegmat, tmp_path):
    half = tmp_path / "half.edf"
    half.write_bytes(eegmat.read_bytes()[: eegmat.stat().st_size // 2])
    assert "truncated" in message_of(half, start_s=0, stop_s=4)


def test_an_edf_cut_in_its_header_is_refused(eegmat, tmp_path):
    for n_bytes in (100, 256, 1000):
        cut = tmp_path / f"cut{n_bytes}.edf"
        cut.write_bytes(eegmat.read_bytes()[:n_bytes])
        assert "damaged or truncated" in message_of(cut)


def test_an_edf_whose_recorder_was_not_stopped_is_read(tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.edf", NAMES, make_eeg(NAMES), n_records=-1)
    assert read_recording(path).duration_s == 4.0


@pytest.mark.parametrize("suffix", [".eeg", ".vmrk"])
def test_a_missing_companion_of_brainvision_is_named(suffix, brainvision):
    part = brainvision.with_suffix(suffix)
    part.unlink()
    message = message_of(brainvision)
    assert message.startswith(f"Expected {part.name} beside {brainvision}")
    assert "Copy the .vhdr, .vmrk and .eeg together" in message


def test_a_renamed_marker_file_beside_its_header_is_enough(brainvision):
    text = brainvision.read_text(encoding="utf-8")
    brainvision.write_text(text.replace("MarkerFile=sub-01", "MarkerFile=old-name"), encoding="utf-8")
    assert read_recording(brainvision).samples_uv.shape == (64, 5_000)


@pytest.mark.parametrize("keep", [0.5, 0.5001])
def test_truncated_brainvision_samples_are_refused(keep, tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.vhdr", NAMES, make_eeg(NAMES))
    data = path.with_suffix(".eeg")
    content = data.read_bytes()
    data.write_bytes(content[: int(len(content) * keep)])
    message = message_of(path)
    assert "truncated" in message
    assert str(data) in message


def test_the_number_of_samples_in_a_brainvision_header_is_held_to(tmp_path, write_recording, make_eeg):
    samples = make_eeg(NAMES)
    path = write_recording(tmp_path / "a.vhdr", NAMES, samples, points=samples.shape[1] + 1)
    assert "truncated" in message_of(path)


def test_a_missing_companion_of_eeglab_is_said(eeglab):
    eeglab.with_suffix(".fdt").unlink()
    message = message_of(eeglab)
    assert message.startswith(f"Expected all files that belong to {eeglab}")
    assert "eeglab_data.fdt" in message


def test_truncated_eeglab_samples_are_refused_even_where_the_stretch_is_there(eeglab):
    data = eeglab.with_suffix(".fdt")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    message = message_of(eeglab, start_s=0, stop_s=2)
    assert "Expected 3904512 bytes" in message
    assert "Received: 1952256 bytes; the file is truncated." in message


def test_half_an_eeglab_header_is_refused(eeglab):
    eeglab.write_bytes(eeglab.read_bytes()[: eeglab.stat().st_size // 2])
    assert "cannot be read" in message_of(eeglab)


def test_epochs_are_no_recording(tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.set", NAMES, make_eeg(NAMES), trials=2)
    assert "number of trials is 2" in message_of(path)


def test_every_cut_of_a_fif_is_refused(tmp_path, write_recording, make_eeg):
    # MNE reads a file that was cut between two of its blocks without an error.
    path = write_recording(tmp_path / "a_raw.fif", NAMES, make_eeg(NAMES, seconds=40))
    content = path.read_bytes()
    for n_bytes in range(len(content) // 2, len(content) - 16, len(content) // 9):
        path.write_bytes(content[:n_bytes])
        assert re.search("cannot be read|a part is missing", message_of(path))


def test_a_fif_cut_between_two_blocks_is_refused(tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a_raw.fif", NAMES, make_eeg(NAMES, seconds=40))
    content = path.read_bytes()
    position, ends = 0, []
    while 0 <= position < len(content) - 16:  # the tags: kind, type, size, next
        kind, _, size, _ = struct.unpack(">iIii", content[position : position + 16])
        position += 16 + size
        ends += [position] if kind == 300 else []  # FIFF_DATA_BUFFER
    assert len(ends) > 2
    path.write_bytes(content[: ends[len(ends) // 2]])
    assert "a part is missing" in message_of(path)


# --- stretches


@pytest.mark.parametrize(
    ("start_s", "stop_s"), [(2.0, 2.0), (3.0, 1.0), (float("nan"), 1.0), (0.0, float("inf")), (5.0, None)]
)
def test_a_stretch_must_start_before_it_stops(start_s, stop_s, tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.edf", NAMES, make_eeg(NAMES))
    message = message_of(path, start_s=start_s, stop_s=stop_s)
    assert message.startswith(f"Expected `start_s` before `stop_s` within the 4 s of {path}. Received: start_s=")


@pytest.mark.parametrize(("start_s", "stop_s"), [(-1.0, 2.0), (0.0, 4.5), (5.0, 6.0), (1.0, 1.001)])
def test_a_stretch_must_lie_in_the_recording(start_s, stop_s, tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.edf", NAMES, make_eeg(NAMES))
    message = message_of(path, start_s=start_s, stop_s=stop_s)
    assert message == (
        f"Expected a stretch within the 4 s of {path}. Received: start_s={start_s:g}, stop_s={stop_s:g}. "
        "Give both in seconds from its first sample."
    )


# --- MNE's voice


def test_warnings_of_mne_go_to_the_log(tmp_path, write_recording, make_eeg, caplog):
    # A name that does not end in _raw.fif is against MNE's conventions, and nothing else.
    path = write_recording(tmp_path / "a_raw.fif", NAMES, make_eeg(NAMES)).rename(tmp_path / "plain.fif")
    with warnings.catch_warnings(), caplog.at_level(logging.INFO, logger="emotune"):
        warnings.simplefilter("error")
        read_recording(path)
    # MNE's own logger may say it too, as soon as anything in the process has asked it for call frames.
    ours = [record for record in caplog.records if record.name.startswith("emotune")]
    assert [record.name for record in ours] == ["emotune.recordings.mne_file"]
    assert "plain.fif" in ours[0].getMessage()


def test_nothing_is_printed(eegmat, eeglab, brainvision, capfd):
    for path in (eegmat, eeglab, brainvision):
        read_recording(path, stop_s=1)
    assert capfd.readouterr() == ("", "")


def test_a_reader_that_needs_another_package_says_which(tmp_path, write_recording, make_eeg, monkeypatch):
    import mne

    def refuse(*_, **__):
        raise ImportError("pymatreader is required for this file.")

    monkeypatch.setattr(mne.io, "read_raw_eeglab", refuse)
    path = write_recording(tmp_path / "a.set", NAMES, make_eeg(NAMES))
    with pytest.raises(MissingExtra, match="pymatreader is required"):
        read_recording(path)


def test_the_module_is_imported_without_mne():
    import subprocess

    code = "import sys, emotune.recordings.reading, emotune.recordings.manifest; sys.exit('mne' in sys.modules)"
    source = Path(__file__).resolve().parents[2] / "src"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(source)}, check=False)
    assert done.returncode == 0
