"""XDF: one EEG stream with labels, units, a rate and no lost chunk; everything else is said in a line."""

import builtins

import numpy as np
import pytest

from emotune.errors import InputError, MissingExtra
from emotune.recordings.reading import read_recording

NAMES = ("Fp1", "Cz", "O2")


def centred(samples):
    return samples - samples.mean(axis=1, keepdims=True)


def message_of(path, **stretch):
    with pytest.raises(InputError) as caught:
        read_recording(path, **stretch)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.fixture
def write(tmp_path, write_streams, make_eeg):
    """Write streams of the same noise, each with options of its own; gives the path and the samples."""

    def write(*options, names=NAMES):
        samples = make_eeg(names)
        return write_streams(tmp_path / "a.xdf", [(names, samples, one) for one in options or [{}]]), samples

    return write


def test_other_streams_and_channels_of_other_types_are_left_out(write):
    path, samples = write({"types": ("EEG", "TRG", "eeg")}, {"kind": "Gaze", "name": "Tracker"})
    recording = read_recording(path)
    assert recording.channel_names == ("Fp1", "O2")
    np.testing.assert_allclose(recording.samples_uv, centred(samples[[0, 2]]), atol=1e-3)


@pytest.mark.parametrize(("unit", "factor"), [("", 1), ("uV", 1), ("µV", 1), ("Millivolts", 1e3), ("volts", 1e6)])
def test_units_are_understood(unit, factor, write):
    path, samples = write({"unit": unit})
    np.testing.assert_allclose(read_recording(path).samples_uv, centred(samples) * factor, rtol=1e-5, atol=1e-3)


def test_channels_in_another_unit_are_left_out(write):
    path, _ = write({"unit": "counts"})
    assert "none of them good EEG: Fp1 (counts), Cz (counts), O2 (counts)." in message_of(path)


def test_a_gap_in_the_time_stamps_is_a_point_where_it_was_interrupted(write):
    path, _ = write({"gap_at": 256})
    assert read_recording(path).breaks_s == ((2.0, 2.0),)
    assert read_recording(path, start_s=1.5, stop_s=3.0).breaks_s == ((0.5, 0.5),)


def test_a_rate_that_is_not_kept_is_measured(write, caplog):
    path, _ = write({"said": 125})
    assert read_recording(path).sampling_rate_hz == pytest.approx(128.0, rel=1e-6)
    assert "125 Hz were announced, 128 Hz measured and used" in caplog.text


def test_a_recorder_that_was_not_stopped_is_read(write):
    path, _ = write({"footer": False})
    assert read_recording(path).duration_s == 4.0


def test_a_second_eeg_stream_is_refused_by_name(write):
    path, _ = write({"name": "Left"}, {"name": "Right"})
    message = message_of(path)
    assert "Expected one stream of the type EEG" in message
    assert "Received: Left (EEG), Right (EEG). Save each into a file of its own." in message


def test_no_eeg_stream_lists_what_is_there(write):
    path, _ = write({"kind": "Gaze", "name": "Tracker"})
    assert "Received: Tracker (Gaze). Give the stream of the amplifier the type EEG" in message_of(path)


def test_no_labels_are_refused(write, shared_data, tmp_path):
    path = tmp_path / "minimal.xdf"
    path.write_bytes((shared_data / "formats" / "xdf" / "minimal.xdf").read_bytes())
    message = message_of(path)
    assert "Expected a label for each of the 3 channels in the EEG stream of" in message
    assert "Received: 0." in message


def test_an_irregular_stream_is_refused(write):
    path, _ = write({"said": 0})
    assert "Received: nominal_srate 0" in message_of(path)


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.9, 0.999])
def test_a_cut_inside_a_chunk_is_refused_even_where_the_stretch_is_there(keep, write):
    path, _ = write()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert "the file is truncated" in message_of(path, start_s=0, stop_s=0.5)


def test_a_chunk_that_is_gone_is_refused(write):
    path, _ = write()
    content = path.read_bytes()
    packet = content.index(b"\x04", content.index(b"</info>", 200) + 7)
    length = 5 + int.from_bytes(content[packet + 1 : packet + 5], "little")
    path.write_bytes(content[:packet] + content[packet + length :])
    assert "Expected 512 samples" in message_of(path)


def test_a_damaged_length_is_refused(write):
    path, _ = write()
    content = bytearray(path.read_bytes())
    content[4] = 7
    path.write_bytes(content)
    assert "a chunk at byte 4 is damaged" in message_of(path)


@pytest.mark.parametrize("seed", range(8))
def test_noise_inside_ends_in_one_line_or_changes_samples_only(seed, write):
    path, _ = write()
    content = bytearray(path.read_bytes())
    source = np.random.default_rng(seed)
    for at in source.integers(4, len(content), 20):
        content[at] = source.integers(256)
    path.write_bytes(content)
    try:
        assert read_recording(path).samples_uv.shape[0] <= 3
    except InputError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)


def test_without_pyxdf_the_extra_is_named(write, monkeypatch):
    path, _ = write()
    original = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "pyxdf":
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match=r'pip install "emotune\[xdf\]"'):
        read_recording(path)


def test_nothing_is_printed(write, capfd):
    path, _ = write({"said": 100})  # pyxdf warns of this
    read_recording(path)
    assert capfd.readouterr().out == ""
