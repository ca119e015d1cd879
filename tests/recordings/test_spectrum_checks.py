"""Bands that a filter took away and rates that cannot be are told from the spectrum; ordinary EEG passes."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.recordings.manifest import Manifest
from emotune.recordings.quality import check_recording
from emotune.recordings.reading import read_recording
from emotune.recordings.recording import Recording
from emotune.recordings.simulator import Simulator
from emotune.recordings.spectrum import welch_spectrum
from emotune.recordings.spectrum_checks import check_bands, check_sampling_rate

RATES_HZ = (128.0, 200.0, 250.0, 500.0)


def found(recording):
    spectrum = welch_spectrum(recording.samples_uv, recording.sampling_rate_hz)
    return [*check_bands(spectrum), *check_sampling_rate(spectrum, recording.place)]


def filtered(recording, low_hz=None, high_hz=None, order=4):
    from scipy.signal import butter, sosfiltfilt

    edges = [hz for hz in (low_hz, high_hz) if hz]
    kind = "bandpass" if len(edges) == 2 else "highpass" if low_hz else "lowpass"
    sos = butter(order, edges if len(edges) == 2 else edges[0], kind, fs=recording.sampling_rate_hz, output="sos")
    samples = sosfiltfilt(sos, recording.samples_uv.astype(np.float64), axis=1)
    return replace(recording, samples_uv=samples.astype(np.float32))


def notched(recording, hz):
    from scipy.signal import filtfilt, iirnotch

    samples = filtfilt(*iirnotch(hz, 30, fs=recording.sampling_rate_hz), recording.samples_uv, axis=1)
    return replace(recording, samples_uv=samples.astype(np.float32))


def humming(recording, hz, uv=3.0, n_channels=None):
    """With a sine at a frequency in the first channels, or in all."""
    times_s = np.arange(recording.samples_uv.shape[1]) / recording.sampling_rate_hz
    samples = recording.samples_uv.copy()
    samples[:n_channels] += np.float32(uv) * np.sin(2 * np.pi * hz * times_s).astype(np.float32)
    return replace(recording, samples_uv=samples)


def without_hum(recording):
    """Without the sine of 50 Hz that the simulator adds; no filter that would leave a dip."""
    times_s = np.arange(recording.samples_uv.shape[1]) / recording.sampling_rate_hz
    sines = np.stack([np.sin(2 * np.pi * 50 * times_s), np.cos(2 * np.pi * 50 * times_s)])
    weights = np.linalg.lstsq(sines.T, recording.samples_uv.T.astype(np.float64), rcond=None)[0]
    return replace(recording, samples_uv=(recording.samples_uv - weights.T @ sines).astype(np.float32))


def simulated(rate_hz, n_people=3):
    return list(Simulator(n_people=n_people, n_emotions=2, trials_per_emotion=1, sampling_rate_hz=rate_hz))


@pytest.fixture(scope="module")
def eeg():
    """Simulated, of the rates that are used most."""
    return {rate_hz: simulated(rate_hz) for rate_hz in RATES_HZ}


@pytest.fixture(scope="module")
def real(shared_data):
    eeglab = read_recording(shared_data / "formats" / "eeglab" / "eeglab_data.set")
    return [eeglab, *list(Manifest(shared_data / "eegmat" / "recordings.csv"))[::4]]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_simulated_eeg_passes_whatever_mild_filter_it_went_through(rate_hz, eeg):
    for recording in eeg[rate_hz]:
        assert found(recording) == []
        for mild in (
            filtered(recording, 0.5),
            filtered(recording, 1.0),
            filtered(recording, None, 45.0),
            notched(recording, 50),
        ):
            assert found(mild) == []


def test_real_eeg_passes_whatever_mild_filter_it_went_through(real):
    for recording in real:
        assert found(recording) == []
        for mild in (
            filtered(recording, 0.5),
            filtered(recording, 1.0),
            filtered(recording, None, 45.0),
            notched(recording, 50),
        ):
            assert found(mild) == []


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "gone"),
    [
        (4.0, 45.0, "delta (1 to 4 Hz)"),
        (None, 30.0, "gamma (31 to 45 Hz)"),
        (8.0, 30.0, "delta (1 to 4 Hz) and theta (4 to 8 Hz) and gamma (31 to 45 Hz)"),
        (None, 12.0, "beta (14 to 31 Hz) and gamma (31 to 45 Hz)"),
    ],
)
def test_bands_that_were_filtered_away_are_named(low_hz, high_hz, gone, eeg):
    (finding,) = check_recording(filtered(eeg[128.0][0], low_hz, high_hz))
    assert (finding.name, finding.severity) == ("phantom-band", "warning")
    assert f"next to none in {gone}, measured" in finding.message
    names = gone.replace(" and", ",").split(", ")
    assert finding.remedy.startswith(f"Do not interpret {' and '.join(name.split()[0] for name in names)};")


def test_bands_that_were_filtered_away_from_real_eeg_are_named(real):
    for recording in real:
        for edges, gone in (((4.0, 45.0), "delta"), ((None, 30.0), "gamma")):
            (finding,) = found(filtered(recording, *edges))
            assert finding.name == "phantom-band"
            assert f"next to none in {gone} (" in finding.message


def test_one_filter_over_a_set_is_one_finding(eeg):
    findings = {found(filtered(recording, 4.0, 45.0))[0] for recording in eeg[128.0]}
    assert len(findings) == 1


def test_bands_above_the_sampling_rate_are_nobodys_loss(eeg):
    from scipy.signal import resample_poly

    recording = eeg[250.0][0]
    slow = resample_poly(recording.samples_uv, 8, 25, axis=1).astype(np.float32)
    assert check_bands(welch_spectrum(slow, 80.0)) == []


@pytest.mark.parametrize(
    ("true_hz", "stated_hz", "mains_hz", "line_hz"),
    [
        (128.0, 200.0, 50.0, 78.1),
        (128.0, 256.0, 60.0, 120.0),
        (250.0, 256.0, 50.0, 51.2),
        (250.0, 500.0, 50.0, 100.0),
        (200.0, 128.0, 60.0, 38.4),
        (500.0, 250.0, 50.0, 25.0),
        (500.0, 512.0, 60.0, 61.4),
    ],
)
def test_a_line_that_would_be_mains_at_another_rate_is_named(true_hz, stated_hz, mains_hz, line_hz, eeg):
    for recording in eeg[true_hz]:
        humming_one = humming(without_hum(recording), mains_hz, 4.0)
        (finding,) = check_sampling_rate(welch_spectrum(humming_one.samples_uv, stated_hz), recording.place)
        assert (finding.name, finding.severity) == ("sampling-rate", "warning")
        assert recording.place in finding.message
        assert f"a line at {line_hz:.1f} Hz" in finding.message
        assert f"mains at {mains_hz:g} Hz if the sampling rate were {true_hz:g} Hz" in finding.message
        assert f"{stated_hz:g} Hz is stated" in finding.message
        assert finding.remedy
        # With the right rate there is nothing to say.
        assert check_sampling_rate(welch_spectrum(humming_one.samples_uv, true_hz), recording.place) == []


def test_a_wrong_rate_of_real_eeg_is_found(real):
    eeglab, *others = real  # it hums at 60 Hz; the others were cleaned of mains
    (finding,) = found(replace(eeglab, sampling_rate_hz=250.0))
    assert "mains at 60 Hz if the sampling rate were 128 Hz" in finding.message
    for recording in others:
        findings = found(replace(humming(recording, 50.0), sampling_rate_hz=250.0))
        assert "sampling-rate" in [finding.name for finding in findings]
        assert "if the sampling rate were 500 Hz" in findings[-1].message


def test_where_mains_is_seen_as_stated_other_lines_mean_nothing(eeg):
    for recording in eeg[250.0]:
        assert found(humming(humming(recording, 50.0), 48.8, 10.0)) == []
        assert found(humming(humming(recording, 60.0), 25.0, 10.0)) == []


def test_where_a_notch_hides_mains_nothing_is_said(eeg):
    for recording in eeg[500.0]:
        cleaned = notched(recording, 50)
        assert found(humming(cleaned, 100.0, 10.0)) == []  # its harmonic is left
        assert found(humming(cleaned, 25.0, 10.0)) == []


def test_a_line_in_few_channels_or_for_a_while_is_not_mains(eeg):
    for recording in eeg[250.0]:
        clean = without_hum(recording)
        assert found(humming(clean, 48.83, 10.0, n_channels=12)) == []
        flicker = clean.samples_uv.copy()
        half = flicker.shape[1] // 2
        flicker[:, half:] = humming(clean, 48.83, 10.0).samples_uv[:, half:]
        assert found(replace(clean, samples_uv=flicker)) == []
        assert [finding.name for finding in found(humming(clean, 48.83, 10.0))] == ["sampling-rate"]


@pytest.mark.parametrize("rate_hz", [100.0, 120.0])
def test_where_mains_cannot_be_seen_nothing_is_said(rate_hz):
    noise = np.random.default_rng(0).normal(0, 10, (8, round(30 * rate_hz))).astype(np.float32)
    recording = Recording(noise, rate_hz, tuple(f"E{i}" for i in range(8)))
    assert found(humming(recording, 50 * rate_hz / 256, 20.0)) == []


def test_a_flat_channel_does_not_count(eeg):
    recording = filtered(eeg[128.0][0], 4.0, 45.0)
    samples = recording.samples_uv.copy()
    samples[:20] = 0
    names = [finding.name for finding in check_recording(replace(recording, samples_uv=samples))]
    assert names == ["flat-channel", "phantom-band"]


def test_the_spectrum_has_the_density_of_its_samples():
    noise = np.random.default_rng(0).normal(0, 10, (3, 64 * 128)).astype(np.float32)
    spectrum = welch_spectrum(noise + np.float32([[0], [500], [0]]), 128.0)
    assert spectrum.halves_uv2_hz.shape == (2, 3, 257)
    assert spectrum.frequencies_hz[[0, 4, -1]].tolist() == [0.0, 1.0, 64.0]
    # Variance 100 µV² over 64 Hz.
    assert spectrum.halves_uv2_hz[:, :, 4:-1].mean(axis=2) == pytest.approx(np.full((2, 3), 100 / 64), rel=0.1)
    assert np.median(spectrum.median_db[4:-1]) == pytest.approx(10 * np.log10(100 / 64), abs=0.5)


@pytest.mark.parametrize("n_times", [2, 500, 1023])
def test_less_than_two_segments_have_no_spectrum(n_times, eeg):
    recording = eeg[128.0][0]
    short = replace(recording, samples_uv=filtered(recording, 4.0, 45.0).samples_uv[:, :n_times])
    assert welch_spectrum(short.samples_uv, 128.0) is None
    assert "phantom-band" not in [finding.name for finding in check_recording(short)]


def test_without_a_channel_there_is_no_spectrum():
    assert welch_spectrum(np.zeros((0, 5000), dtype=np.float32), 128.0) is None


def test_a_long_recording_costs_no_more(eeg):
    recording = eeg[128.0][0]
    long = np.tile(recording.samples_uv, 20)
    spectrum = welch_spectrum(long, 128.0)
    assert spectrum.median_db == pytest.approx(
        welch_spectrum(recording.samples_uv, 128.0).median_db, abs=6
    )  # other segments of the same
