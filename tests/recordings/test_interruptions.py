"""What files say about interruptions and bad stretches arrives as the breaks of a recording."""

import mne
import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.interruptions import breaks_within, is_recorders_mark
from emotune.recordings.reading import read_recording

NAMES = ("Fp1", "Cz", "O2")


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ("boundary", (2.0, 2.0)),
        ("New Segment/", (2.0, 2.0)),
        ("EDGE boundary", (2.0, 2.0)),
        ("BAD boundary", (2.0, 2.0)),
        ("BAD_ACQ_SKIP", (2.0, 5.0)),
        ("bad blink", (2.0, 5.0)),
        ("Bad Interval/Bad Min-Max", (2.0, 5.0)),
        ("Stimulus/S  1", None),
        ("not bad", None),
    ],
)
def test_descriptions_are_told_apart(description, found):
    assert breaks_within([(2.0, 3.0, description)], 0.0, 60.0) == ((found,) if found else ())


def test_an_event_is_a_mark_by_the_name_that_software_gives():
    marks = [
        "boundary", "EDGE boundary", "BAD boundary", "New Segment/", "new segment", "Bad Interval/Bad Min-Max",
        "BAD_ACQ_SKIP", "bad_acq_skip", "BAD_cough",
    ]  # fmt: skip
    events = ["bad", "Bad", "BAD", "edge", "bad picture", "bad_picture", "badge", "boundary stone", "my boundary"]
    assert [name for name in (*marks, *events) if is_recorders_mark(name)] == marks


def test_breaks_are_cut_to_the_stretch_sorted_and_counted_from_its_start():
    noted = [(30.0, 9.0, "BAD"), (12.0, 0.0, "boundary"), (5.0, 6.0, "BAD"), (10.0, 0.0, "boundary"), (2.0, 1.0, "BAD")]
    assert breaks_within(noted, 10.0, 32.0) == ((0.0, 1.0), (2.0, 2.0), (20.0, 22.0))


@pytest.mark.parametrize("duration_s", [np.nan, 0.0, -1.0])
def test_a_bad_moment_without_a_duration_is_a_point(duration_s):
    assert breaks_within([(3.0, duration_s, "BAD")], 0.0, 9.0) == ((3.0, 3.0),)


def test_a_plain_recording_has_none(tmp_path, write_recording, make_eeg):
    # Its first marker is a new segment at the first sample.
    assert read_recording(write_recording(tmp_path / "a.vhdr", NAMES, make_eeg(NAMES))).breaks_s == ()


def test_a_new_segment_of_brainvision_is_a_break(tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.vhdr", NAMES, make_eeg(NAMES))
    markers = path.with_suffix(".vmrk")
    markers.write_text(markers.read_text(encoding="utf-8") + "Mk3=New Segment,,257,1,0\n", encoding="utf-8")
    assert read_recording(path).breaks_s == ((2.0, 2.0),)
    assert read_recording(path, start_s=1.5).breaks_s == ((0.5, 0.5),)


def test_a_boundary_of_eeglab_is_a_point_whatever_was_cut_out(tmp_path, write_recording, make_eeg):
    events = [("boundary", 256.5, 1000.0), ("stim", 300.0, 0.0)]
    path = write_recording(tmp_path / "a.set", NAMES, make_eeg(NAMES), events=events)
    assert read_recording(path).breaks_s == (pytest.approx((255.5 / 128, 255.5 / 128), abs=1e-6),)


@pytest.mark.parametrize("first_sample", [0, 640])
@pytest.mark.parametrize("measured", [None, 1_600_000_000])
def test_bad_stretches_of_a_fif_count_from_its_first_sample(first_sample, measured, tmp_path, make_eeg):
    info = mne.create_info(list(NAMES), 128.0, "eeg")
    raw = mne.io.RawArray(make_eeg(NAMES) * 1e-6, info, first_samp=first_sample, verbose="error")
    raw.set_meas_date(measured)
    # Without an origin, MNE takes an onset from the first sample.
    raw.set_annotations(mne.Annotations([1.0, 3.0], [0.5, 0.0], ["BAD blink", "EDGE boundary"], orig_time=None))
    raw.save(tmp_path / "a_raw.fif", verbose="error")
    np.testing.assert_allclose(read_recording(tmp_path / "a_raw.fif").breaks_s, ((1.0, 1.5), (3.0, 3.0)), atol=1e-6)


def test_joined_recordings_of_mne_are_broken_where_they_meet(tmp_path, make_eeg):
    info = mne.create_info(list(NAMES), 128.0, "eeg")
    halves = [mne.io.RawArray(make_eeg(NAMES, seed=seed) * 1e-6, info, verbose="error") for seed in (0, 1)]
    mne.concatenate_raws(halves, verbose="error").save(tmp_path / "a_raw.fif", verbose="error")
    breaks_s = set(read_recording(tmp_path / "a_raw.fif").breaks_s)
    np.testing.assert_allclose(sorted(breaks_s), [(4.0, 4.0)], atol=1 / 128)


def test_a_bad_stretch_among_the_annotations_of_an_edf_is_a_break(tmp_path, write_recording, make_eeg):
    texts = [b"+%d\x14\x14\x00" % second for second in range(4)]
    texts[1] += b"+1.5\x150.75\x14BAD move\x14\x00"
    content = b"".join(text.ljust(60, b"\x00") for text in texts)
    annotations = np.frombuffer(content, dtype="<i2") / 10
    path = write_recording(
        tmp_path / "a.edf", (*NAMES, "EDF Annotations"), [*make_eeg(NAMES), annotations], rates=[128, 128, 128, 30]
    )
    content = bytearray(path.read_bytes())
    content[192:197] = b"EDF+C"
    path.write_bytes(content)
    recording = read_recording(path)
    assert (recording.channel_names, recording.breaks_s) == (NAMES, ((1.5, 2.25),))


@pytest.mark.parametrize(("suffix", "kind"), [(".edf", "EDF"), (".bdf", "BDF")])
def test_a_discontinuous_edf_is_refused(suffix, kind, tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / f"a{suffix}", NAMES, make_eeg(NAMES))
    content = bytearray(path.read_bytes())
    content[192:197] = f"{kind}+C".encode()
    path.write_bytes(content)
    assert read_recording(path).duration_s == 4.0
    content[192:197] = f"{kind}+D".encode()
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"without interruptions in .*a\{suffix}\. Received: {kind}\+D"):
        read_recording(path)
