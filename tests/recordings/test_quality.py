"""Faults put into good samples are found, named by file and channel, and nothing else is."""

import re

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.findings import refuse_errors
from emotune.recordings.manifest import Manifest
from emotune.recordings.quality import check_recording, constant_channels, silent_stretches
from emotune.recordings.reading import read_recording
from emotune.recordings.recording import Recording

NAMES = ("Fp1", "Cz", "O1", "O2")


def recording_of(samples, names=NAMES, **known):
    return Recording(np.asarray(samples, dtype=np.float32), 128.0, names, **{"source": "day1/p01.edf", **known})


@pytest.fixture
def good(make_eeg):
    return make_eeg(NAMES, seconds=10)


def only_finding(samples):
    (finding,) = check_recording(recording_of(samples))
    assert "day1/p01.edf" in finding.message
    assert finding.remedy
    return finding


def test_good_samples_pass(good):
    assert check_recording(recording_of(good)) == []


@pytest.mark.parametrize("factor", [0.05, 0.2, 5.0, 50.0])
def test_quiet_and_loud_eeg_passes(factor, good):
    assert check_recording(recording_of(good * factor)) == []


def test_real_recordings_pass(shared_data):
    eeglab = shared_data / "formats" / "eeglab" / "eeglab_data.set"
    assert check_recording(read_recording(eeglab)) == []
    findings = [finding for r in Manifest(shared_data / "eegmat" / "recordings.csv") for finding in check_recording(r)]
    # Nothing was recorded in the last two seconds of each file.
    assert {(f.name, f.severity) for f in findings} == {("silent-stretch", "note")}
    assert len(findings) == 32
    assert "Received: no change in any channel from 60.0 to 62.0 s" in findings[0].message


def test_a_stretch_that_the_recorder_held_is_named_and_is_no_limit_of_the_amplifier(good):
    n_times = 256
    good[:, 300 : 300 + n_times] = 2 * good.min()  # lower than all that was recorded
    finding = only_finding(good)
    assert (finding.name, finding.severity) == ("silent-stretch", "warning")
    [(start_s, stop_s)] = silent_stretches(recording_of(good))
    assert start_s == pytest.approx(300 / 128.0)
    assert stop_s == pytest.approx((300 + n_times) / 128.0)


def test_two_held_values_in_a_row_are_one_stretch_and_a_short_one_is_none(good):
    good[:, 100:200], good[:, 200:300] = 1.0, 2.0
    good[:, 400:430] = 3.0
    assert silent_stretches(recording_of(good)) == [(100 / 128.0, 300 / 128.0)]


def test_nan_and_inf_are_errors_that_name_the_channels(good):
    good[1, 5:8] = np.nan
    good[3, 0] = np.inf
    finding = only_finding(good)
    assert (finding.name, finding.severity) == ("not-finite", "error")
    assert "Cz (3 of 1280), O2 (1 of 1280)." in finding.message
    with pytest.raises(InputError, match="NaN or infinite samples in Cz"):
        refuse_errors([finding])


def test_nothing_but_flat_channels_is_an_error(good):
    finding = only_finding(np.broadcast_to([[0.0], [5.0], [-3.0], [0.1]], good.shape))
    assert (finding.name, finding.severity) == ("all-flat", "error")
    assert "a constant in all 4 channels" in finding.message


def test_flat_channels_are_named(good):
    good[0] = 0.0
    good[2] = 37.7
    finding = only_finding(good)
    assert (finding.name, finding.severity) == ("flat-channel", "warning")
    assert finding.message.endswith("Received: a constant in Fp1, O1.")


@pytest.mark.parametrize(("seconds", "said"), [(4, None), (7, "Cz (70% of the time)"), (9, "Cz (90% of the time)")])
def test_a_channel_that_is_flat_for_most_of_the_time_is_named(seconds, said, good):
    good[1, : seconds * 128] = -12.5
    findings = check_recording(recording_of(good))
    flat = [finding for finding in findings if finding.name == "flat-channel"]
    assert [finding.message.endswith(f"a constant in {said}.") for finding in flat] == ([True] if said else [])


@pytest.mark.parametrize(
    ("factor", "said"), [(1e-6, "volts or millivolts"), (1e-3, "volts or millivolts"), (1e3, "unit"), (1e6, "unit")]
)
def test_units_that_cannot_be_microvolts_are_an_error(factor, said, good):
    finding = only_finding(good * factor)
    assert (finding.name, finding.severity) == ("units", "error")
    assert said in finding.message
    received = float(re.search(r"Received: (\S+) µV", finding.message)[1])
    assert received == pytest.approx(15 * factor, rel=0.1)
    assert finding.remedy == "Export the file with its unit, or scale the samples to µV."


def test_a_drift_is_no_unit(good):
    drift = np.linspace(-20_000, 20_000, good.shape[1])
    assert check_recording(recording_of(good + drift)) == []


def test_flat_channels_do_not_hide_a_wrong_unit(good):
    good[1:] = 0.0
    assert "units" in [finding.name for finding in check_recording(recording_of(good * 1e6))]


def test_clipped_channels_are_named_with_their_share(good):
    good[3] = np.clip(good[3] * 4, -50, 50)
    finding = only_finding(good)
    assert (finding.name, finding.severity) == ("clipped-channel", "warning")
    share = np.mean(np.abs(good[3]) == 50)
    assert share > 0.2
    assert f"O2 ({share:.1%})" in finding.message
    assert "Cz" not in finding.message


def test_copies_of_a_channel_are_named(good):
    good[2] = good[0]
    finding = only_finding(good)
    assert (finding.name, finding.severity) == ("duplicated-channel", "warning")
    assert "Fp1 = O1." in finding.message


def test_flat_channels_are_no_copies_of_each_other(good):
    good[0] = good[1] = 0.0
    assert only_finding(good).name == "flat-channel"


def test_a_long_list_of_channels_is_cut(make_eeg):
    names = tuple(f"E{i}" for i in range(40))
    samples = make_eeg(names, seconds=10)
    samples[:30] = 0
    (finding,) = check_recording(recording_of(samples, names))
    assert "E7 and 22 more" in finding.message
    assert "E8" not in finding.message


def test_without_a_source_the_person_and_trial_are_named(good):
    good[0, 0] = np.nan
    (finding,) = check_recording(recording_of(good, source="", subject="P3", trial="7"))
    assert "subject P3, trial 7" in finding.message


@pytest.mark.parametrize("n_times", [0, 1])
def test_no_samples_are_somebody_elses_error(n_times):
    assert check_recording(recording_of(np.zeros((4, n_times)))) == []


def test_less_than_a_second_is_checked_as_a_whole(good):
    assert check_recording(recording_of(good[:, :50])) == []
    assert only_finding(good[:, :50] * 1e6).name == "units"


def test_constant_channels_do_not_change_at_all(good):
    good[0], good[2] = 5.0, np.repeat([0.0, 1.0], 640)
    assert constant_channels(recording_of(good)).tolist() == [True, False, False, False]
    assert not constant_channels(recording_of(good[:, :1])).any()
    good[0, 3] = np.nan  # damage is no constant
    assert not constant_channels(recording_of(good)).any()


def test_samples_behind_the_last_whole_second_count(good):
    good[1, -3] = np.inf
    assert only_finding(good[:, :-1]).name == "not-finite"
