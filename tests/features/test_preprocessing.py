"""Filters, resampling, bad channels and blinks: what they leave, what they say, what they refuse."""

import warnings
from dataclasses import replace

import mne
import numpy as np
import pytest

import emotune.recordings.simulation.trial as simulated_trial
from emotune.errors import InputError
from emotune.features import bad_channels
from emotune.features.causal import CausalSteps
from emotune.features.extraction import extract
from emotune.features.preprocessing import Preprocessing, preprocess
from emotune.features.resampling import n_resampled, resampling_ratio
from emotune.features.settings import FeatureSettings
from emotune.recordings.recording import Recording
from emotune.recordings.simulator import Simulator

EIGHT = ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")
BAND = Preprocessing(band_pass_hz=(1.0, 40.0))
ZERO = replace(BAND, phase="zero")


def sinusoids(rate_hz, seconds, *frequencies_hz):
    """One channel a frequency, amplitude 1 µV: `(n, n_times)`."""
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.sin(2 * np.pi * np.outer(frequencies_hz, times_s))


def recording_of(samples_uv, rate_hz=128.0, **fields):
    names = EIGHT[: len(samples_uv)]
    return Recording(np.asarray(samples_uv, dtype=np.float32), rate_hz, names, source="made.edf", **fields)


def noise_uv(seconds=20.0, rate_hz=128.0, n_channels=8, seed=0):
    """Channels that share a source, as those of a head do."""
    generator = np.random.default_rng(seed)
    n_times = round(seconds * rate_hz)
    return 10 * generator.standard_normal(n_times) + 6 * generator.standard_normal((n_channels, n_times))


def amplitudes(samples):
    """Of sinusoids, once the filters have settled, and before those of zero phase feel the end."""
    n_times = samples.shape[1]
    return np.sqrt(2.0) * samples[:, n_times // 2 : n_times * 9 // 10].std(axis=1)


def changed(recording, **steps):
    return preprocess(recording, Preprocessing(**steps)).recording


def test_without_steps_nothing_changes():
    recording = recording_of(noise_uv(), breaks_s=((1.0, 2.0),))
    done = preprocess(recording, Preprocessing())
    assert (done.recording, done.bad_channels, done.findings) == (recording, (), ())


@pytest.mark.parametrize("phase", ["causal", "zero"])
def test_a_band_pass_keeps_its_band_and_stops_the_rest(phase):
    recording = recording_of(sinusoids(250.0, 30.0, 0.05, 2.0, 20.0, 30.0, 120.0), 250.0)
    kept = amplitudes(changed(recording, band_pass_hz=(1.0, 45.0), phase=phase).samples_uv)
    np.testing.assert_allclose(kept[1:4], 1.0, atol=0.05)
    assert max(kept[0], kept[4]) < 0.02
    high_pass = amplitudes(changed(recording, band_pass_hz=(1.0, None), phase=phase).samples_uv)
    np.testing.assert_allclose(high_pass, [0, 1, 1, 1, 1], atol=0.05)


@pytest.mark.parametrize("phase", ["causal", "zero"])
def test_a_notch_takes_the_mains_and_their_harmonics_and_little_else(phase):
    recording = recording_of(sinusoids(250.0, 30.0, 45.0, 50.0, 55.0, 100.0, 110.0), 250.0)
    kept = amplitudes(changed(recording, notch_hz=50.0, phase=phase).samples_uv)
    np.testing.assert_allclose(kept, [1, 0, 1, 0, 1], atol=0.02)


@pytest.mark.parametrize("phase", ["causal", "zero"])
@pytest.mark.parametrize("rates", [(250, 128), (200, 128), (1000, 128), (500, 250), (512, 128), (128, 160), (100, 128)])
def test_resampling_keeps_what_both_rates_hold_and_folds_nothing_back(rates, phase):
    old_hz, new_hz = rates
    recording = recording_of(sinusoids(old_hz, 20.0, 1.0, 10.0, 30.0, 45.0), old_hz)
    result = changed(recording, resample_hz=float(new_hz), phase=phase)
    assert (result.sampling_rate_hz, result.samples_uv.shape[1]) == (new_hz, 20 * new_hz)
    decibels = 20 * np.log10(amplitudes(result.samples_uv))
    np.testing.assert_allclose(decibels, 0.0, atol=0.02)
    if new_hz < old_hz:
        above = recording_of(sinusoids(old_hz, 20.0, new_hz / 2 + 1.0, old_hz / 2 - 1.0), old_hz)
        assert amplitudes(changed(above, resample_hz=float(new_hz), phase=phase).samples_uv).max() < 2e-3


@pytest.mark.parametrize("rates", [(250.0, 128.0), (500.0, 250.0), (128.0, 256.0)])
def test_resampling_delays_by_what_it_says_and_not_at_all_in_zero_phase(rates):
    old_hz, new_hz = rates
    recording = recording_of(sinusoids(old_hz, 8.0, 5.0), old_hz)
    times_s = np.arange(round(8 * new_hz)) / new_hz
    delay_s = CausalSteps(old_hz, resample_hz=new_hz).delay_s
    for phase, late_s in (("causal", delay_s), ("zero", 0.0)):
        result = changed(recording, resample_hz=new_hz, phase=phase).samples_uv[0]
        wanted = np.sin(2 * np.pi * 5.0 * (times_s - late_s))
        inner = slice(round(new_hz), -round(new_hz))
        np.testing.assert_allclose(result[inner], wanted[inner], atol=2e-3)


@pytest.mark.parametrize("steps", [BAND, Preprocessing(notch_hz=50.0), Preprocessing(resample_hz=100.0)])
def test_the_causal_form_sees_no_later_sample_and_the_other_one_does(steps):
    samples = noise_uv()
    later = samples.copy()
    later[:, 1280:] += 100.0
    for phase in ("causal", "zero"):
        chosen = replace(steps, phase=phase)
        one, other = (preprocess(recording_of(each), chosen).recording for each in (samples, later))
        until = round(10 * one.sampling_rate_hz)
        same = np.array_equal(one.samples_uv[:, :until], other.samples_uv[:, :until])
        assert same == (phase == "causal")


@pytest.mark.parametrize(
    "steps", [BAND, ZERO, Preprocessing(notch_hz=50.0), Preprocessing(resample_hz=100.0), replace(BAND, notch_hz=50.0)]
)
def test_an_offset_does_not_ring(steps):
    flat = recording_of(np.full((8, 2560), 1e4))
    result = preprocess(flat, steps).recording.samples_uv
    assert np.ptp(result, axis=1).max() < 0.01


@pytest.mark.parametrize("phase", ["causal", "zero"])
def test_each_stretch_is_filtered_on_its_own(phase):
    steps = Preprocessing(band_pass_hz=(1.0, 40.0), notch_hz=50.0, resample_hz=100.0, phase=phase)
    samples = noise_uv(30.0)
    samples[:, 1280:1408] = 1e6  # inside the break
    whole = preprocess(recording_of(samples, breaks_s=((10.0, 11.0), (20.0, 20.0))), steps).recording
    assert whole.breaks_s == ((10.0, 11.0), (20.0, 20.0))
    for first_s, last_s in ((0, 10), (11, 20), (20, 30)):
        alone = preprocess(recording_of(samples[:, first_s * 128 : last_s * 128]), steps).recording
        np.testing.assert_array_equal(whole.samples_uv[:, first_s * 100 : last_s * 100], alone.samples_uv)
    assert not whole.samples_uv[:, 1000:1100].any()


def test_a_break_between_two_new_samples_still_covers_what_is_not_filtered():
    """A stretch from old sample 6 on begins at new sample 12; 11 belongs to the break, which ends at 5.2."""
    breaks_s = ((2.1 / 128, 5.2 / 128), (100.0 / 128, 100.0 / 128))
    result = changed(recording_of(noise_uv(), breaks_s=breaks_s), resample_hz=256.0)
    assert result.stretches == ((0, 6), (12, 200), (200, 5120))
    assert not result.samples_uv[:, 6:12].any()
    halved = changed(recording_of(noise_uv(), breaks_s=breaks_s), resample_hz=64.0)
    assert halved.stretches == ((0, 2), (3, 50), (50, 1280))


def test_breaks_at_both_ends_stay():
    result = changed(recording_of(noise_uv(), breaks_s=((0.0, 1.0), (19.0, 20.0))), band_pass_hz=(1.0, 40.0))
    assert result.breaks_s == ((0.0, 1.0), (19.0, 20.0))


def test_the_rest_is_treated_as_a_stretch_of_its_own():
    rest, steps = noise_uv(5.0, seed=1), replace(BAND, resample_hz=100.0)
    done = preprocess(recording_of(noise_uv(), baseline_uv=rest.astype(np.float32)), steps).recording
    np.testing.assert_array_equal(done.baseline_uv, preprocess(recording_of(rest), steps).recording.samples_uv)
    assert preprocess(recording_of(noise_uv()), steps).recording.baseline_uv is None


@pytest.mark.parametrize("phase", ["causal", "zero"])
def test_settings_from_a_file_give_the_same_vectors(phase):
    steps = Preprocessing(
        band_pass_hz=(1.0, 45.0),
        notch_hz=50.0,
        resample_hz=100.0,
        phase=phase,
        bad_channels="interpolate",
        blinks="ica",
    )
    settings = FeatureSettings(preprocessing=steps)
    recording = next(iter(Simulator(n_people=1, n_emotions=2, trials_per_emotion=1)))
    first = extract(recording, settings)
    again = extract(recording, FeatureSettings.from_dict(settings.to_dict()))
    np.testing.assert_array_equal(first.values, again.values)
    assert np.abs(first.values - extract(recording, FeatureSettings()).values).max() > 0.1


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"band_pass_hz": (1.0, 64.0)}, "band-pass that ends below 64 Hz, half the sampling rate. Received: 64 Hz"),
        ({"band_pass_hz": (70.0, None)}, "band-pass that ends below 64 Hz.*Received: 70 Hz"),
        ({"notch_hz": 0.5}, "mains above 1 Hz, half the width of a notch.*Received: 0.5 Hz"),
        ({"band_pass_hz": (0.1, None)}, "at least 10 s of the recording, one cycle.*Received: 5 s. Raise the lower"),
        ({"resample_hz": 1e-3}, "within 5000 times the recording's 128 Hz.*Received: 0.001 Hz"),
        ({"resample_hz": 1e9}, "within 5000 times the recording's 128 Hz.*Received: 1e"),
    ],
)
@pytest.mark.parametrize("phase", ["causal", "zero"])
def test_steps_that_the_recording_does_not_fit_are_refused(steps, phase, message):
    with pytest.raises(InputError, match=message):
        changed(recording_of(noise_uv(5.0)), phase=phase, **steps)


def test_a_short_stretch_is_left_out_by_filters_of_zero_phase_and_said():
    recording = recording_of(noise_uv(), breaks_s=((3.0, 4.0),))
    done = preprocess(recording, ZERO)
    assert done.recording.breaks_s == ((0.0, 4.0),)
    assert [(found.name, found.severity) for found in done.findings] == [("short-stretches", "note")]
    assert "1 of 2 stretches between breaks of made.edf are shorter than the 3.3" in done.findings[0].message
    assert preprocess(recording, BAND).recording.breaks_s == ((3.0, 4.0),)


@pytest.mark.parametrize(("rest_s", "seconds", "what"), [(None, 3.0, "the recording"), (3.0, 20.0, "the rest before")])
def test_what_is_shorter_than_filters_of_zero_phase_is_refused(rest_s, seconds, what):
    rest = None if rest_s is None else noise_uv(rest_s).astype(np.float32)
    recording = recording_of(noise_uv(seconds), baseline_uv=rest)
    with pytest.raises(InputError, match=rf"at least 3\.3\d s in {what}.*Received: 3.00 s. Set FILTER_PHASE"):
        preprocess(recording, ZERO)
    preprocess(recording, BAND)


def test_a_rest_that_nobody_needs_refuses_nothing():
    recording = recording_of(noise_uv(), baseline_uv=noise_uv(3.0).astype(np.float32))
    settings = FeatureSettings(preprocessing=ZERO, channels=EIGHT)
    assert len(extract(recording, settings).values) == 5
    with pytest.raises(InputError, match="the rest before the recording"):
        extract(recording, replace(settings, baseline="subtract"))


@pytest.mark.parametrize("rates", [(250.0, 128.0), (999.93, 128.0), (128.0, 512.0), (256.1, 128.0), (128.01, 128.0)])
def test_new_samples_cover_the_time_of_the_old_ones(rates):
    ratio = resampling_ratio(*rates)
    assert float(ratio) == pytest.approx(rates[1] / rates[0], rel=1e-4)
    assert max(ratio.numerator, ratio.denominator) <= 5000
    for n_times in (0, 1, 7, 1000):
        assert -0.5 < n_resampled(n_times, ratio) - n_times * rates[1] / rates[0] < 1.5


def test_a_measured_rate_can_be_resampled():
    result = changed(recording_of(sinusoids(499.93, 20.0, 10.0), 499.93), resample_hz=128.0, phase="zero")
    assert result.sampling_rate_hz == 128.0
    wanted = sinusoids(128.0, 20.0, 10.0)[0]
    np.testing.assert_allclose(result.samples_uv[0, 128:2432], wanted[128:2432], atol=0.01)


@pytest.fixture(scope="module")
def simulated():
    return next(iter(Simulator(n_people=1, n_emotions=2, trials_per_emotion=1, seed=3)))


def spoilt(recording, row, kind):
    samples = recording.samples_uv.copy()
    generator = np.random.default_rng(5)
    strange = generator.standard_normal(samples.shape[1])
    samples[row] = {
        "loud": samples[row] + 60 * strange,
        "disconnected": 0.3 * strange,
        "wandering": np.cumsum(strange),
        "of another gain": 8 * samples[row],
    }[kind]
    return replace(recording, samples_uv=samples)


@pytest.mark.parametrize("kind", ["loud", "disconnected", "wandering", "of another gain"])
def test_a_spoilt_channel_is_found_named_and_interpolated(simulated, kind):
    steps = Preprocessing(bad_channels="interpolate")
    done = preprocess(spoilt(simulated, 9, kind), steps)
    assert done.bad_channels == (simulated.channel_names[9],)
    assert [(found.name, found.severity) for found in done.findings] == [("bad-channels", "note")]
    assert f"interpolated: {simulated.channel_names[9]}." in done.findings[0].message
    features = extract(spoilt(simulated, 9, kind), FeatureSettings(preprocessing=steps))
    assert simulated.channel_names[9] in features.interpolated
    left_out = [row for row in range(32) if row != 9]
    without = replace(
        simulated,
        samples_uv=simulated.samples_uv[left_out],
        channel_names=tuple(simulated.channel_names[row] for row in left_out),
    )
    np.testing.assert_allclose(features.values, extract(without, FeatureSettings()).values, atol=1e-4)


@pytest.mark.parametrize("kind", ["loud", "wandering"])
def test_outlying_channels_are_those_that_mne_finds_in_the_samples(simulated, kind):
    """Which are given to it as their distances."""
    samples = spoilt(simulated, 9, kind).samples_uv
    samples[20] = samples[21]  # of a copy, rounding leaves a distance of less than nothing
    raw = bad_channels.mne_raw(samples, 128.0)
    found, scores = mne.preprocessing.find_bad_channels_lof(
        raw, n_neighbors=10, threshold=2.0, return_scores=True, verbose="error"
    )
    distances = bad_channels.mne_raw(bad_channels._distances(samples), 128.0)
    _, expected = mne.preprocessing.find_bad_channels_lof(
        distances, n_neighbors=10, metric="precomputed", return_scores=True, verbose="error"
    )
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    assert np.flatnonzero(bad_channels._outlying(samples, 128.0)).tolist() == [int(name) for name in found] == [9]


@pytest.mark.parametrize(("seconds", "every"), [(20.0, 1), (20.0, 3), (20.03, 4)])
def test_stretches_are_filtered_on_their_own_and_thinned(seconds, every):
    recording = recording_of(noise_uv(seconds), breaks_s=((8.0, 9.0), (9.5, 10.0)))
    found = bad_channels.whole_stretches_uv(recording, (1.0, 45.0), every)
    parts = [recording.samples_uv[:, :1024], recording.samples_uv[:, 1280:]]
    expected = [
        mne.filter.filter_data(part.astype(np.float64), 128.0, 1.0, 45.0, verbose="error")[:, ::every] for part in parts
    ]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-4)


def test_no_good_channel_is_called_bad(simulated):
    done = preprocess(simulated, Preprocessing(bad_channels="interpolate"))
    assert (done.bad_channels, done.findings) == ((), ())


def test_where_most_channels_are_unlike_each_other_none_is_interpolated():
    generator = np.random.default_rng(0)
    done = preprocess(recording_of(generator.standard_normal((8, 1280))), Preprocessing(bad_channels="interpolate"))
    assert done.bad_channels == ()
    assert [(found.name, found.severity) for found in done.findings] == [("bad-channels", "warning")]


@pytest.mark.parametrize(("n_channels", "seconds"), [(7, 20.0), (8, 7.0), (8, 2.0)])
def test_too_few_channels_or_too_short_for_bad_channels_is_said(n_channels, seconds):
    done = preprocess(recording_of(noise_uv(seconds)[:n_channels]), Preprocessing(bad_channels="interpolate"))
    assert done.bad_channels == ()
    assert [found.name for found in done.findings] == ["bad-channels-unknown"]
    assert f"Received: {n_channels} channels" in done.findings[0].message


@pytest.fixture(scope="module")
def with_and_without_blinks():
    """One simulated recording twice, all else alike."""

    def make():
        return next(iter(Simulator(n_people=1, n_emotions=2, trials_per_emotion=1, seconds=40.0, seed=5)))

    made, blinks = make(), simulated_trial.blinks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_trial, "blinks", lambda *arguments: 0 * blinks(*arguments))
        return made, make()


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def test_blinks_are_taken_out_and_little_else(with_and_without_blinks):
    blinking, clean = with_and_without_blinks
    rest = blinking.samples_uv[:, :1280]
    done = preprocess(replace(blinking, baseline_uv=rest), Preprocessing(blinks="ica"))
    assert [(found.name, found.severity) for found in done.findings] == [("blinks", "note")]
    assert "1 component of blinks" in done.findings[0].message
    left, right = (blinking.channel_names.index(name) for name in ("Fp1", "Fp2"))
    for row in (left, right):
        before = rms(blinking.samples_uv[row] - clean.samples_uv[row])
        assert rms(done.recording.samples_uv[row] - clean.samples_uv[row]) < 0.5 * before
    back = blinking.channel_names.index("Oz")
    assert rms(done.recording.samples_uv[back] - clean.samples_uv[back]) < 0.05 * rms(clean.samples_uv[back])
    np.testing.assert_allclose(done.recording.baseline_uv, done.recording.samples_uv[:, :1280], atol=1e-3)


def test_without_blinks_the_recording_stays(with_and_without_blinks):
    _, clean = with_and_without_blinks
    done = preprocess(clean, Preprocessing(blinks="ica"))
    assert done.recording is clean
    assert "No component" in done.findings[0].message


def pulses_uv(seconds, where):
    """Noise with a pulse of 100 µV every 3 s, as large in a channel as `where` says."""
    samples = 6 * np.random.default_rng(0).standard_normal((8, round(seconds * 128)))
    times_s = np.arange(samples.shape[1]) / 128 % 3.0
    return samples + np.outer(where, 100 * np.exp(-(((times_s - 1.5) / 0.1) ** 2)))


def test_what_is_as_large_at_the_back_is_no_blink():
    everywhere = preprocess(recording_of(pulses_uv(20.0, np.ones(8))), Preprocessing(blinks="ica"))
    assert "No component" in everywhere.findings[0].message
    in_front = preprocess(recording_of(pulses_uv(20.0, [1, 1, 0, 0, 0, 0, 0, 0])), Preprocessing(blinks="ica"))
    assert "1 component of blinks taken out" in in_front.findings[0].message


def test_blinks_in_samples_of_lower_rank_give_finite_samples(with_and_without_blinks):
    blinking, _ = with_and_without_blinks
    few = blinking.samples_uv[[0, 3, 8, 12, 16, 20, 25, 30]].astype(np.float64)
    few[7] = few[:7].sum(axis=0)
    few -= few.mean(axis=0)
    names = tuple(blinking.channel_names[row] for row in (0, 3, 8, 12, 16, 20, 25, 30))
    made = replace(blinking, samples_uv=few.astype(np.float32), channel_names=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = preprocess(made, Preprocessing(blinks="ica"))
    assert np.isfinite(done.recording.samples_uv).all()


@pytest.mark.parametrize(
    ("rows", "seconds", "words"),
    [(slice(0, 7), 20.0, "7 channels, 20.0 s"), (slice(0, 8), 12.0, "8 channels, 12.0 s")],
)
def test_too_few_channels_or_too_short_for_blinks_is_said(rows, seconds, words):
    made = recording_of(noise_uv(seconds)[rows])
    done = preprocess(made, Preprocessing(blinks="ica"))
    assert done.recording is made
    assert f"Received: {words}; it stays" in done.findings[0].message


def test_a_cap_without_frontal_channels_says_so():
    names = ("C3", "C4", "P3", "P4", "O1", "O2", "Cz", "Pz")
    made = replace(recording_of(noise_uv()), channel_names=names)
    done = preprocess(made, Preprocessing(blinks="ica"))
    assert done.recording is made
    assert "8 channels, none of them frontal, 20.0 s" in done.findings[0].message


@pytest.mark.parametrize("phase", ["causal", "zero"])
@pytest.mark.parametrize("rate_hz", [90.0, 100.0, 102.0])
def test_a_recording_that_is_too_slow_for_a_notch_stays_without_and_that_is_said(rate_hz, phase):
    recording = recording_of(noise_uv(rate_hz=rate_hz), rate_hz)
    done = preprocess(recording, Preprocessing(notch_hz=50.0, phase=phase))
    np.testing.assert_array_equal(done.recording.samples_uv, recording.samples_uv)
    assert [(found.name, found.severity) for found in done.findings] == [("no-notch", "note")]
    assert f"Received: recordings at {rate_hz:g} Hz; their mains are not taken out." in done.findings[0].message
    band = preprocess(recording, replace(BAND, notch_hz=50.0, phase=phase)).recording
    np.testing.assert_array_equal(
        band.samples_uv, preprocess(recording, replace(BAND, phase=phase)).recording.samples_uv
    )


@pytest.mark.parametrize("phase", ["causal", "zero"])
def test_a_recording_with_room_for_a_notch_is_filtered_and_nothing_said(phase):
    recording = recording_of(noise_uv(rate_hz=102.5), 102.5)
    done = preprocess(recording, Preprocessing(notch_hz=50.0, phase=phase))
    assert not done.findings
    assert np.abs(done.recording.samples_uv - recording.samples_uv).max() > 1.0


def test_each_stretch_of_the_rest_between_stand_stills_is_filtered_on_its_own():
    rest = noise_uv(12.0, seed=1).astype(np.float32)
    rest[:, 512:768] = rest[:, 512:513]
    done = preprocess(recording_of(noise_uv(), baseline_uv=rest), BAND)
    assert done.rest_breaks_s == ((4.0, 6.0),)
    for first, last in ((0, 512), (768, 1536)):
        alone = preprocess(recording_of(rest[:, first:last]), BAND).recording.samples_uv
        np.testing.assert_array_equal(done.recording.baseline_uv[:, first:last], alone)
    assert preprocess(recording_of(noise_uv(), baseline_uv=rest), Preprocessing()).rest_breaks_s == ((4.0, 6.0),)


def test_a_clock_that_was_measured_is_met_within_one_in_ten_thousand():
    for rate_hz in (249.97, 250.4, 127.99, 333.3):
        assert abs(float(resampling_ratio(rate_hz, 128.0)) * rate_hz / 128.0 - 1) <= 1e-4
    with pytest.raises(InputError, match="within 5000 times"):
        resampling_ratio(128.0, 128.0 / 5000.75)  # the nearest fraction is 1.5 in 10,000 away


@pytest.mark.parametrize("steps", [{}, {"band_pass_hz": (1.0, 45.0)}])
def test_a_bad_channel_is_taken_out_of_the_rest_too(simulated, steps):
    made = replace(simulated, baseline_uv=simulated.samples_uv[:, :1280].copy())
    spoilt_too = replace(spoilt(made, 9, "loud"), baseline_uv=spoilt(made, 9, "loud").samples_uv[:, :1280])
    settings = FeatureSettings(baseline="subtract", preprocessing=Preprocessing(**steps, bad_channels="interpolate"))
    found = extract(spoilt_too, settings)
    left_out = [row for row in range(32) if row != 9]
    without = replace(
        made,
        samples_uv=made.samples_uv[left_out],
        baseline_uv=made.baseline_uv[left_out],
        channel_names=tuple(made.channel_names[row] for row in left_out),
    )
    expected = extract(without, FeatureSettings(baseline="subtract", preprocessing=Preprocessing(**steps)))
    np.testing.assert_allclose(found.values, expected.values, atol=1e-4)
