from collections import Counter

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings import simulator
from emotune.recordings.channels import CHANNELS
from emotune.recordings.rhythms import EMOTIONS
from emotune.recordings.simulator import Simulator

RATE_HZ = 128.0
SMALL = {"n_people": 2, "trials_per_emotion": 1, "seconds": 4.0}


def rows(*names):
    return [CHANNELS.index(name) for name in names]


def spectra(samples_uv, rate_hz=RATE_HZ):
    """Power density of windows of 4 s in µV²/Hz: `(n_channels, n_windows, n_bins)`, and the frequencies."""
    n = round(4 * rate_hz)
    windows = samples_uv[:, : samples_uv.shape[1] // n * n].reshape(len(samples_uv), -1, n)
    taper = np.hanning(n + 1)[:n]
    power = 2 * np.abs(np.fft.rfft((windows - windows.mean(axis=2, keepdims=True)) * taper)) ** 2
    return power / (rate_hz * (taper**2).sum()), np.fft.rfftfreq(n, 1 / rate_hz)


def band_power(samples_uv, low_hz, high_hz, rate_hz=RATE_HZ):
    """Power of a band in µV², the mean over windows: `(n_channels,)`."""
    power, frequencies_hz = spectra(samples_uv, rate_hz)
    inside = (frequencies_hz >= low_hz) & (frequencies_hz < high_hz)
    return power[..., inside].sum(axis=-1).mean(axis=1) * frequencies_hz[1]


@pytest.fixture(scope="module")
def everyone():
    """The default set, in memory for this module."""
    return list(Simulator())


@pytest.fixture(scope="module")
def alpha(everyone):
    """Alpha power of each recording: `(n_recordings, n_channels)`."""
    return np.stack([band_power(recording.samples_uv, 8, 14) for recording in everyone])


def test_the_default_set_is_what_the_guide_needs(everyone):
    assert Simulator().emotions == tuple(emotion.name for emotion in EMOTIONS)
    assert Simulator().scales == {}
    assert len(Simulator()) == len(everyone) == 12 * 5 * 4
    assert {recording.channel_names for recording in everyone} == {CHANNELS}
    assert {recording.samples_uv.shape for recording in everyone} == {(32, 24 * 128)}
    assert {recording.samples_uv.dtype for recording in everyone} == {np.dtype(np.float32)}
    assert {recording.sampling_rate_hz for recording in everyone} == {128.0}
    assert [recording.subject for recording in everyone[::20]] == [f"P{person:02d}" for person in range(1, 13)]


def test_everybody_sees_each_clip_once_in_an_order_of_their_own(everyone):
    clips = {f"{emotion.name}-{number}" for emotion in EMOTIONS for number in range(1, 5)}
    orders = [tuple(r.stimulus for r in everyone[first : first + 20]) for first in range(0, len(everyone), 20)]
    assert all(set(order) == clips for order in orders)
    assert len(set(orders)) == len(orders)
    assert [recording.trial for recording in everyone[:20]] == [f"{trial:02d}" for trial in range(1, 21)]


def test_classes_are_balanced_and_emotions_are_those_of_the_clips(everyone):
    assert set(Counter((r.subject, r.emotion) for r in everyone).values()) == {4}
    assert all(r.stimulus.rsplit("-", 1)[0] == r.emotion for r in everyone)
    assert {r.emotion for r in everyone} == {emotion.name for emotion in EMOTIONS}


def test_a_seed_gives_the_same_samples_again_and_another_gives_others():
    first, again, other = (list(Simulator(**SMALL, seed=seed)) for seed in (3, 3, 4))
    assert [r.stimulus for r in first] == [r.stimulus for r in again]
    assert all(np.array_equal(a.samples_uv, b.samples_uv) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a.samples_uv, b.samples_uv) for a, b in zip(first, other, strict=True))


def test_people_do_not_depend_on_how_many_there_are():
    two, three = list(Simulator(**SMALL)), list(Simulator(**{**SMALL, "n_people": 3}))
    for fewer, more in zip(two, three[: len(two)], strict=True):
        assert (fewer.subject, fewer.trial, fewer.stimulus) == (more.subject, more.trial, more.stimulus)
        assert np.array_equal(fewer.samples_uv, more.samples_uv)


def test_recordings_are_made_one_at_a_time(monkeypatch):
    made = []
    monkeypatch.setattr(
        simulator, "simulate_trial", lambda *arguments, times_s, **named: made.append(1) or np.zeros((32, len(times_s)))
    )
    recordings = Simulator()
    assert len(recordings) == 240 and recordings.fingerprint() and not made
    iterator = iter(recordings)
    next(iterator)
    next(iterator)
    assert len(made) == 2


def test_amplitudes_are_those_of_eeg(everyone):
    # The spread that blinks do not move: the distance between quartiles, 1.35 standard deviations of a Gaussian.
    low, high = np.percentile(np.stack([r.samples_uv for r in everyone[::7]]), [25, 75], axis=2)
    spread_uv = (high - low) / 1.35
    assert 5 < spread_uv.min() < spread_uv.max() < 60
    assert 10 < np.median(spread_uv) < 25
    assert max(np.abs(r.samples_uv).max() for r in everyone) < 600
    assert all(np.abs(r.samples_uv.mean(axis=1)).max() < 1e-3 for r in everyone)


def test_the_power_falls_with_frequency_as_real_eeg_does(everyone):
    # Far from the forehead's blinks and the temples' muscles, below and above the rhythms.
    power = np.mean([spectra(r.samples_uv[rows("Cz", "CP1", "CP2", "Pz")])[0].mean(axis=1) for r in everyone], axis=0)
    frequencies_hz = spectra(everyone[0].samples_uv)[1]
    low = power[:, (frequencies_hz >= 2) & (frequencies_hz <= 3)].mean(axis=1)
    high = power[:, (frequencies_hz >= 54) & (frequencies_hz <= 60)].mean(axis=1)
    exponents = np.log(low / high) / np.log(57.0 / 2.5)
    assert 1.2 < exponents.min() < exponents.max() < 2.0


def test_alpha_is_strongest_at_the_back_of_every_head(everyone, alpha):
    subjects = np.array([recording.subject for recording in everyone])
    back, front = rows("O1", "Oz", "O2", "PO3", "PO4"), rows("F3", "Fz", "F4", "F7", "F8")
    ratios = [
        alpha[subjects == name][:, back].mean() / alpha[subjects == name][:, front].mean() for name in set(subjects)
    ]
    assert min(ratios) > 1
    assert np.mean(ratios) > 2


def test_blinks_are_large_at_the_forehead_and_small_at_the_back(everyone):
    forehead, back = rows("Fp1", "Fp2"), rows("O1", "Oz", "O2")
    blinks = []
    for recording in everyone:
        windows = recording.samples_uv.reshape(32, -1, 128)
        peaks_uv = windows[forehead].mean(axis=0).max(axis=1)
        blinks += [windows[:, window].astype(float) for window in np.flatnonzero(peaks_uv > 80)]
    assert 0.02 < len(blinks) / (24 * len(everyone)) < 0.3  # a share of all seconds: 1 to 18 blinks a minute
    power = np.stack([blink.var(axis=1) for blink in blinks]).mean(axis=0)
    assert power[forehead].mean() > 3 * power[back].mean()


def test_frontal_asymmetry_follows_valence_over_people(everyone, alpha):
    asymmetry = sum(
        np.log(alpha[:, CHANNELS.index(right)] / alpha[:, CHANNELS.index(left)])
        for right, left in (("F4", "F3"), ("F8", "F7"), ("Fp2", "Fp1"))
    )
    means = {}
    for recording, value in zip(everyone, asymmetry, strict=True):
        means.setdefault((recording.subject, recording.emotion), []).append(value)
    subjects = sorted({recording.subject for recording in everyone})
    change = np.array([np.mean(means[name, "happy"]) - np.mean(means[name, "angry"]) for name in subjects])
    assert change.mean() / (change.std(ddof=1) / np.sqrt(len(change))) > 3


def test_arousal_raises_beta(everyone):
    fear, sad = (
        np.log(
            [
                band_power(r.samples_uv, 16, 26)[rows("F3", "Fz", "F4", "FC1", "FC2")].mean()
                for r in everyone
                if r.emotion == emotion
            ]
        )
        for emotion in ("fear", "sad")
    )
    assert fear.mean() - sad.mean() > 0.5


def test_another_sampling_rate_gives_the_same_kind_of_eeg():
    def powers(rate_hz):
        recordings = Simulator(n_people=6, trials_per_emotion=1, seconds=16.0, sampling_rate_hz=rate_hz)
        return np.mean([np.log(band_power(r.samples_uv, 1, 45, rate_hz)) for r in recordings])

    assert next(iter(Simulator(**SMALL, sampling_rate_hz=256.0))).samples_uv.shape == (32, 1024)
    assert powers(256.0) == pytest.approx(powers(128.0), abs=0.15)


def test_fewer_emotions_are_the_first_ones():
    recordings = Simulator(**SMALL, n_emotions=2)
    assert recordings.emotions == ("neutral", "happy")
    assert sorted(recording.emotion for recording in recordings) == ["happy"] * 2 + ["neutral"] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"n_people": 11},
        {"n_emotions": 4},
        {"trials_per_emotion": 5},
        {"seconds": 20.0},
        {"seed": 1},
        {"sampling_rate_hz": 200.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_argument_changes_the_fingerprint(change):
    assert Simulator(**change).fingerprint() != Simulator().fingerprint() == Simulator().fingerprint()


def test_a_new_version_changes_the_fingerprint(monkeypatch):
    before = Simulator().fingerprint()
    monkeypatch.setattr(simulator, "SIMULATOR_VERSION", simulator.SIMULATOR_VERSION + 1)
    assert Simulator().fingerprint() != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_people": 0}, r"`n_people` must be a whole number of at least 1\. Received: 0\."),
        ({"n_people": 2.5}, r"`n_people` must be a whole number of at least 1\. Received: 2\.5\."),
        ({"n_emotions": 1}, r"`n_emotions` must be a whole number from 2 to 5\. Received: 1\."),
        ({"n_emotions": 6}, r"`n_emotions` must be a whole number from 2 to 5\. Received: 6\."),
        ({"trials_per_emotion": 0}, r"`trials_per_emotion` must be a whole number of at least 1\. Received: 0\."),
        ({"seed": -1}, r"`seed` must be a whole number of at least 0\. Received: -1\."),
        ({"seconds": 0.5}, r"`seconds` must be a number of at least 1\. Received: 0\.5\. Choose a larger one\."),
        ({"seconds": float("nan")}, r"`seconds` must be a number of at least 1\. Received: nan\."),
        ({"sampling_rate_hz": 64}, r"`sampling_rate_hz` must be a number of at least 100\. Received: 64\."),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Simulator(**arguments)


def test_the_problem_is_hard_across_people_and_flattered_by_a_leak(everyone):
    """With an independent, simpler set of features: log band power against the average of the electrodes."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    bands = ((1, 4), (4, 8), (8, 14), (14, 31), (31, 45))
    inputs, targets, subjects = [], [], []
    for recording in everyone:
        power, frequencies_hz = spectra(recording.samples_uv - recording.samples_uv.mean(axis=0))
        inside = [(frequencies_hz >= low) & (frequencies_hz < high) for low, high in bands]
        values = np.log(np.stack([power[..., bins].sum(axis=-1) for bins in inside]))
        inputs.append(values.transpose(2, 0, 1).reshape(power.shape[1], -1))
        targets += [recording.emotion] * power.shape[1]
        subjects += [recording.subject] * power.shape[1]
    inputs, targets, subjects = np.concatenate(inputs), np.array(targets), np.array(subjects)

    def accuracy(train):
        mean, scale = inputs[train].mean(axis=0), inputs[train].std(axis=0)
        model = LogisticRegression(C=0.1, max_iter=200, tol=1e-3)
        with threadpool_limits(1):  # several threads would mostly wait for each other
            model.fit((inputs[train] - mean) / scale, targets[train])
        return model.score((inputs[~train] - mean) / scale, targets[~train])  # classes are balanced

    people = np.unique(subjects)
    orders = [np.random.default_rng(seed).permutation(people) for seed in range(4)]
    honest = np.mean([accuracy(np.isin(subjects, order[:7])) for order in orders])
    leaky = accuracy(np.random.default_rng(0).random(len(targets)) < 7 / 12)
    assert 0.40 < honest < 0.65
    assert leaky > honest + 0.08
