"""From recordings to vectors and tables: what is checked, refused, reported and aggregated."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.features.extraction import AllRejected, FeatureSettings, extract, extract_all, fingerprint_of_features
from emotune.features.layout import CHANNELS, FEATURE_NAMES, STANDARD
from emotune.features.preprocessing import Preprocessing
from emotune.features.smoothing import smoothed
from emotune.features.vector import compute_vectors
from emotune.features.windows import are_next
from emotune.recordings.targets import Rating

MUSE = ("TP9", "AF7", "AF8", "TP10")
TEN_TWENTY = "Fp1 Fp2 F3 F4 F7 F8 T3 T4 C3 C4 T5 T6 P3 P4 O1 O2 Fz Cz Pz".split()
FOUR = FeatureSettings()


def names_of(findings) -> list[str]:
    return [finding.name for finding in findings]


def test_vectors_are_those_of_the_windows_of_the_referenced_samples(recording):
    noise = recording(seconds=13)
    features = extract(noise, FeatureSettings(window_s=4, overlap=0.5))
    np.testing.assert_array_equal(features.starts_s, [0, 2, 4, 6, 8])
    assert features.layout == STANDARD
    samples = noise.samples_uv.astype(np.float64)
    referenced = samples - samples.mean(axis=0)
    third = compute_vectors(referenced[None, :, 512:1024].astype(np.float32), 128.0, STANDARD)
    np.testing.assert_allclose(features.values[2], third[0], atol=2e-5)
    assert (features.interpolated, features.findings) == ((), ())


def test_without_a_reference_the_samples_stay(recording):
    noise = recording()
    features = extract(noise, FeatureSettings(reference="none"))
    expected = compute_vectors(noise.samples_uv[None, :, :512], 128.0, STANDARD)
    np.testing.assert_allclose(features.values[:1], expected, atol=2e-5)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(TEN_TWENTY))))
def test_a_permuted_channel_order_gives_the_same_vectors(recording, order):
    straight = recording(TEN_TWENTY)
    permuted = replace(
        straight, samples_uv=straight.samples_uv[list(order)], channel_names=tuple(TEN_TWENTY[i] for i in order)
    )
    np.testing.assert_allclose(extract(permuted, FOUR).values, extract(straight, FOUR).values, atol=2e-5)


def test_a_new_reference_of_the_recording_changes_nothing(recording):
    linked = recording(TEN_TWENTY)
    to_cz = replace(linked, samples_uv=linked.samples_uv - linked.samples_uv[17])
    # Cz itself is flat then, says so, and is interpolated as if it had not been recorded.
    assert names_of(extract(to_cz, FOUR).findings) == ["flat-channel", "interpolated-channels"]
    without = [i for i in range(19) if i != 17]
    left_out = replace(
        linked, samples_uv=linked.samples_uv[without], channel_names=tuple(TEN_TWENTY[i] for i in without)
    )
    np.testing.assert_allclose(extract(to_cz, FOUR).values, extract(left_out, FOUR).values, atol=1e-4)


@pytest.mark.parametrize("offset_uv", [1e3, 1e4])
def test_an_offset_of_the_amplifier_changes_nothing(recording, offset_uv):
    noise = recording()
    shifted = replace(noise, samples_uv=noise.samples_uv + np.float32(offset_uv) * np.arange(32)[:, None] / 32)
    np.testing.assert_allclose(extract(shifted, FOUR).values, extract(noise, FOUR).values, atol=5e-4)


def test_missing_channels_are_named_and_more_than_half_is_a_warning(recording):
    usual = extract(recording(TEN_TWENTY), FOUR)
    assert len(usual.interpolated) == 32 - 19
    assert [(f.name, f.severity) for f in usual.findings] == [("interpolated-channels", "note")]
    assert "13 of the 32 channels were not recorded and are interpolated: AF3, FC5" in usual.findings[0].message
    few = extract(recording(CHANNELS[:10]), FOUR)
    assert [(f.name, f.severity) for f in few.findings] == [("interpolated-channels", "warning")]


def test_a_small_cap_says_that_it_has_a_layout_of_its_own(recording):
    features = extract(recording(MUSE), FOUR)
    assert features.values.shape == (2, 4 * 5 + 1 + 4)
    finding = features.findings[0]
    assert (finding.name, finding.severity) == ("own-layout", "warning")
    assert "AF7, AF8, TP9, TP10 (25 values)" in finding.message


def test_one_channel_keeps_its_reference_and_says_so(recording):
    features = extract(recording(("Cz",)), FOUR)
    assert names_of(features.findings) == ["own-layout", "recorded-reference"]
    assert features.values.std() > 0.1


def test_dropped_channels_are_named_and_their_damage_does_not_count(recording):
    noise = recording((*CHANNELS, "ECG", "A2-A1"))
    samples = noise.samples_uv.copy()
    samples[32:] = np.nan
    features = extract(replace(noise, samples_uv=samples), FOUR)
    assert [str(finding) for finding in features.findings] == ["Recorded channels that are not used: ECG, A2-A1."]
    whole = extract(replace(noise, samples_uv=samples[:32], channel_names=CHANNELS), FOUR)
    np.testing.assert_allclose(features.values, whole.values, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(channel=st.integers(0, 31), time=st.integers(0, 9 * 128 - 1))
def test_nan_never_passes_wherever_it_is(recording, value, channel, time):
    noise = recording()
    samples = noise.samples_uv.copy()
    samples[channel, time] = value
    with pytest.raises(InputError, match=rf"noise0.edf.*{CHANNELS[channel]} \(1 of 1152\)"):
        extract(replace(noise, samples_uv=samples), FOUR)


def without_rows(recording, rows):
    kept = [i for i in range(len(recording.channel_names)) if i not in rows]
    names = tuple(recording.channel_names[i] for i in kept)
    return replace(recording, samples_uv=recording.samples_uv[kept], channel_names=names)


@pytest.mark.parametrize("reference", ["average", "none"])
@pytest.mark.parametrize("names", [CHANNELS, (*TEN_TWENTY, "FT10")])
def test_a_flat_channel_counts_as_not_recorded(recording, reference, names):
    noise = recording(names)
    noise.samples_uv[[7, 12]] = [[12.5], [0.0]]
    chosen = FeatureSettings(reference=reference)
    features, expected = extract(noise, chosen), extract(without_rows(noise, (7, 12)), chosen)
    np.testing.assert_array_equal(features.values, expected.values)
    assert features.interpolated == expected.interpolated
    flat = next(finding for finding in features.findings if finding.name == "flat-channel")
    assert flat.severity == "warning"
    assert flat.message == (
        f"Expected a signal in every channel of noise0.edf. Received: a constant in {names[7]}, {names[12]}; flat, "
        "taken as not recorded and interpolated."
    )


def test_a_flat_channel_that_is_not_used_is_no_matter(recording):
    noise = recording((*CHANNELS, "ECG"))
    noise.samples_uv[32] = 3.0
    assert names_of(extract(noise, FOUR).findings) == ["dropped-channels"]


def test_a_flat_channel_of_a_small_cap_is_refused_by_name(recording):
    noise = recording(MUSE)
    noise.samples_uv[1] = 3.0
    with pytest.raises(InputError, match=r"noise0.edf: Expected a signal in every channel.*a constant in AF7\."):
        extract(noise, FOUR)


def test_a_flat_recording_of_a_set_keeps_the_layout(recording, set_of):
    flat = recording(TEN_TWENTY, seed=1)
    flat.samples_uv[:11] = 0
    table = extract_all(set_of(recording(TEN_TWENTY), flat), FOUR)
    assert table.layout == STANDARD
    assert (table.interpolated["Fp1"], table.interpolated["AF3"]) == (1, 2)


def test_windows_that_touch_a_break_are_left_out_with_a_note(recording):
    noise = recording(seconds=21)  # windows at 0, 4, 8, 12, 16
    broken = replace(noise, breaks_s=((4.0, 4.0), (9.0, 9.5), (17.0, 17.0)))
    features = extract(broken, FOUR)
    assert features.starts_s.tolist() == [0, 4, 12]
    np.testing.assert_allclose(features.values, extract(noise, FOUR).values[[0, 1, 3]], atol=1e-5)
    (finding,) = features.findings
    assert (finding.name, finding.severity) == ("broken-windows", "note")
    assert finding.message == (
        "Expected windows without an interruption in noise0.edf. Received: 2 of 5 that touch a bad stretch or a break "
        "of the recording; they are left out."
    )


@pytest.mark.parametrize(
    "steps",
    [
        Preprocessing(),
        Preprocessing(band_pass_hz=(1.0, 45.0)),
        Preprocessing(resample_hz=100.0),
        Preprocessing(band_pass_hz=(2.0, 45.0), phase="zero"),
        Preprocessing(bad_channels="interpolate"),
    ],
)
@pytest.mark.parametrize("smoothing", ["average:3", "lds"])
def test_a_break_between_two_windows_takes_none_away_and_parts_them_all_the_same(recording, steps, smoothing):
    """As between trials that were put end to end: each stretch is smoothed as if it were alone."""
    trials = recording(seconds=24)
    trials.samples_uv[:, 12 * 128 :] *= 50
    broken = replace(trials, breaks_s=((12.0, 12.0), (20.0, 20.0)))
    plain = extract(broken, replace(FOUR, preprocessing=steps))
    assert plain.starts_s.tolist() == [0, 4, 8, 12, 16, 20]
    assert are_next(plain.numbers).tolist() == [True, True, False, True, False]
    found = extract(broken, replace(FOUR, preprocessing=steps, smoothing=smoothing))
    alone = [smoothed(part, np.arange(len(part)), smoothing) for part in np.split(plain.values, [3, 5])]
    np.testing.assert_array_equal(found.values, np.concatenate(alone))


def test_windows_whose_hop_is_rounded_up_by_half_are_in_a_row(recording):
    chosen = FeatureSettings(window_s=1.0, overlap=0.995)  # 0.64 of a sample: a hop is a sample
    features = extract(recording(seconds=1.25), chosen)
    assert len(features.values) == 33
    assert are_next(features.numbers).all()
    smooth = extract(recording(seconds=1.25), replace(chosen, smoothing="average:5"))
    np.testing.assert_array_equal(smooth.values, smoothed(features.values, np.arange(33), "average:5"))


def test_a_recording_of_broken_windows_alone_is_refused(recording):
    with pytest.raises(InputError, match=r"in noise0.edf\. Received: 2 of 2 that touch a bad stretch"):
        extract(recording(breaks_s=((1.0, 7.0),)), FOUR)


def test_a_stretch_without_power_is_a_finding_with_its_channels(recording):
    noise = recording(seconds=12)
    samples = noise.samples_uv.copy()
    samples[7, 512:1024] = 0
    features = extract(replace(noise, samples_uv=samples), FeatureSettings(reference="none"))
    assert np.isfinite(features.values).all()
    [finding] = features.findings
    assert (finding.name, finding.severity) == ("power-floor", "warning")
    assert "noise0.edf: 1 of 3 windows have no measurable power in delta, theta, alpha, beta, gamma at T7" in str(
        finding
    )


def test_nothing_but_flat_channels_is_refused(recording):
    noise = recording()
    with pytest.raises(InputError, match="noise0.edf"):
        extract(replace(noise, samples_uv=np.zeros_like(noise.samples_uv)), FOUR)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seconds": 3.0}, r"noise0.edf: Expected at least one window of 4 s\. Received: 3.00 s"),
        ({"rate_hz": 64.0}, r"noise0.edf: Expected a sampling rate of at least 90 Hz.*Received: 64 Hz"),
        ({"channel_names": ("E1", "E2")}, r"noise0.edf: Expected channels with names.*Received: E1, E2"),
        ({"seconds": 3.0, "source": ""}, r"^subject p1: Expected at least one window"),
        ({"seconds": 3.0, "source": "", "subject": ""}, r"^the recording: Expected at least one window"),
    ],
)
def test_a_recording_that_cannot_be_used_is_named(recording, fields, message):
    with pytest.raises(InputError, match=message):
        extract(recording(**fields), FOUR)


def test_a_table_has_a_row_for_every_window_with_its_groups(recording, set_of):
    recordings = set_of(
        recording(seconds=9, seed=1, subject="anna", emotion="joy", session="1", trial="7", stimulus="film"),
        recording(seconds=13, seed=2, subject="bo", emotion="", trial="2", ratings={"valence": 7.0}),
        scales={"valence": Rating(1.0, 9.0)},
    )
    calls = []
    table = extract_all(recordings, FOUR, on_recording=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
    assert table.values.shape == (5, len(FEATURE_NAMES))
    assert table.values.dtype == np.float32
    assert table.emotion.tolist() == ["joy"] * 2 + [""] * 3
    np.testing.assert_array_equal(table.ratings["valence"], [np.nan] * 2 + [7.0] * 3)
    assert table.subject.tolist() == ["anna"] * 2 + ["bo"] * 3
    assert table.session.tolist() == ["1"] * 2 + [""] * 3
    assert table.trial.tolist() == ["7"] * 2 + ["2"] * 3
    assert table.stimulus.tolist() == ["film"] * 2 + [""] * 3
    assert table.starts_s.tolist() == [0, 4, 0, 4, 8]
    assert (table.n_recordings, len(table), table.emotions) == (2, 5, ("calm", "joy"))
    assert table.scales == recordings.scales
    np.testing.assert_array_equal(table.values[2:], extract(recordings.recordings[1], FOUR).values)


def test_the_same_finding_is_said_once_with_its_count(recording, set_of):
    caps = [recording(TEN_TWENTY, seed=seed) for seed in range(4)] + [recording(seed=9)]
    table = extract_all(set_of(*caps), FOUR)
    assert [str(finding) for finding in table.findings if finding.name == "interpolated-channels"] == [
        "13 of the 32 channels were not recorded and are interpolated: AF3, FC5, FC1, CP5, CP1, PO3, Oz, AF4, FC6, "
        "FC2, CP6, CP2, PO4 (in 4 recordings)."
    ]
    assert table.interpolated["AF3"] == 4
    assert set(table.interpolated.values()) == {4}
    everywhere = extract_all(set_of(*caps[:4]), FOUR)
    assert "(in all 4 recordings)." in everywhere.findings[0].message


@pytest.mark.parametrize(("n", "last"), [(3, None), (4, "1 more recording."), (6, "3 more recordings.")])
def test_of_findings_of_one_kind_three_are_shown(recording, set_of, n, last):
    flat = []
    for seed in range(n):
        noise = recording(seed=seed)
        noise.samples_uv[3] = 0
        flat.append(noise)
    findings = extract_all(set_of(*flat), FOUR).findings
    assert names_of(findings) == ["flat-channel"] * min(n, 4) + ["interpolated-channels"]
    assert [f"noise{i}.edf" in findings[i].message for i in range(3)] == [True] * 3
    if last:
        assert findings[3].message == f"The check `flat-channel` found the like in {last}"
        assert findings[3].severity == "warning"


def test_recordings_of_two_kinds_of_cap_are_refused_by_name(recording, set_of):
    recordings = set_of(recording(seed=1), recording(seed=2), recording(MUSE, seed=3))
    with pytest.raises(
        InputError,
        match=r"Received: 32 channels \(Fp1, AF3, F3, F7 ...\) from noise1.edf, 4 channels .* from noise3.edf",
    ):
        extract_all(recordings, FOUR)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"emotion": "fear"}, r"an emotion of noise0\.edf among calm, joy\. Received: fear\. Check the label file"),
        ({"ratings": {"valence": 9.5}}, r"valence from 1 to 9 in noise0\.edf\. Received: 9\.5\. Check that it is"),
        ({"ratings": {"liking": 5.0}}, r"liking that the set was asked for in noise0\.edf\. Received: 5\."),
    ],
)
def test_what_the_coding_of_the_set_has_not_is_refused(recording, set_of, fields, message):
    with pytest.raises(InputError, match=message):
        extract_all(set_of(recording(**fields), scales={"valence": Rating(1.0, 9.0)}), FOUR)


def test_an_empty_set_is_refused(set_of):
    with pytest.raises(InputError, match=r"at least one recording in in memory\. Received: none"):
        extract_all(set_of(), FOUR)


def test_the_fingerprint_follows_recordings_classes_and_settings(recording, set_of):
    base = set_of(recording())
    prints = {
        fingerprint_of_features(base, FOUR),
        fingerprint_of_features(set_of(recording(), version="2"), FOUR),
        fingerprint_of_features(set_of(recording(), emotions=("calm", "fear")), FOUR),
        *(
            fingerprint_of_features(base, changed)
            for changed in (
                FeatureSettings(window_s=2),
                FeatureSettings(overlap=0.5),
                FeatureSettings(reference="none"),
                FeatureSettings(bands_hz={"alpha": (8, 13)}),
            )
        ),
    }
    assert len(prints) == 7
    assert extract_all(base, FOUR).fingerprint == fingerprint_of_features(set_of(recording()), FeatureSettings())


def test_the_fingerprint_tells_a_scale_that_is_known_from_one_that_is_observed(recording, set_of):
    scales = (Rating(1.0, 9.0), Rating(1.0, 9.0, is_observed=True))
    sets = [set_of(recording(), scales={"valence": scale}) for scale in scales]
    assert len({fingerprint_of_features(recordings, FOUR) for recordings in sets}) == 2


def test_a_new_version_of_the_features_changes_the_fingerprint(recording, set_of, monkeypatch):
    before = fingerprint_of_features(set_of(recording()), FOUR)
    monkeypatch.setattr("emotune.features.extraction.FEATURE_VERSION", 99)
    assert fingerprint_of_features(set_of(recording()), FOUR) != before


def test_a_real_recording_in_old_names(shared_data):
    from emotune.recordings.reading import read_recording

    real = read_recording(shared_data / "eegmat" / "Subject00_1.edf")
    features = extract(real, FOUR)
    assert features.values.shape == (15, len(FEATURE_NAMES))
    assert len(features.interpolated) == 13
    # Relaxed EEG: a few µV in alpha, more in delta than in gamma.
    entropies = features.values[:, : 32 * 5].reshape(-1, 32, 5).mean(axis=(0, 1))
    alpha_uv = np.sqrt(np.exp(2 * entropies[2]) / (2 * np.pi * np.e))
    assert 1 < alpha_uv < 30
    assert entropies[0] > entropies[4]
    assert not [finding for finding in features.findings if finding.severity != "note"]


def test_a_recording_and_its_vectors_take_no_more_than_three_times_its_memory(recording):
    long = recording(seconds=300)
    extract(recording(seconds=9), FOUR)  # what is imported and kept on the way is no matter
    tracemalloc.start()
    try:
        extract(long, FOUR)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The recording itself is the first of the three; the rest are its mapped samples and blocks of windows.
    assert peak < 2.0 * long.samples_uv.nbytes


@pytest.mark.parametrize("rate_hz", [None, 128.0, 256.0])
def test_a_higher_rate_does_not_bring_a_band_that_was_not_recorded(recording, rate_hz):
    settings = FeatureSettings(preprocessing=Preprocessing(resample_hz=rate_hz))
    with pytest.raises(InputError, match="at least 90 Hz, twice the end of the highest band. Received: 64 Hz"):
        extract(recording(rate_hz=64.0), settings)


REJECTING = FeatureSettings(preprocessing=Preprocessing(reject_uv=100.0))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_recording_that_is_all_rejected_is_left_out_of_a_set_and_named(recording, set_of, workers):
    good = [recording(seed=i, trial=str(i)) for i in range(2)]
    loud = [recording(seed=i, trial=str(i), uv=100.0) for i in (2, 3)]
    calls = []
    recordings = set_of(good[0], loud[0], good[1], loud[1])
    table = extract_all(recordings, REJECTING, workers=workers, on_recording=lambda *done: calls.append(done))
    np.testing.assert_array_equal(table.values, extract_all(set_of(*good), REJECTING).values)
    assert table.recordings.trial.tolist() == ["0", "1"]
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    said = [finding for finding in table.findings if finding.name == "rejected-recording"]
    assert [(finding.severity, finding.message) for finding in said] == [
        (
            "warning",
            f"Expected a window of noise{i}.edf that spans at most 100 µV in every channel. Received: 2 of 2 that span "
            "more; the recording is left out.",
        )
        for i in (2, 3)
    ]


def test_a_set_that_is_all_rejected_is_refused(recording, set_of):
    loud = [recording(seed=i, uv=100.0) for i in range(3)]
    with pytest.raises(InputError, match="no more than REJECT_UV. Received: none among 3. Raise REJECT_UV"):
        extract_all(set_of(*loud), REJECTING)
    with pytest.raises(AllRejected, match="windows of noise0.edf that span at most 100 µV.*Received: 2 of 2"):
        extract(loud[0], REJECTING)


def test_windows_that_overlap_by_whole_samples_are_smoothed(recording):
    """A nominal hop of 0.005 s is one sample, 0.0078 s, at 128 Hz."""
    settings = FeatureSettings(window_s=1.0, overlap=0.995)
    plain, found = (extract(recording(seconds=1.5), replace(settings, smoothing=way)) for way in ("none", "average:5"))
    np.testing.assert_allclose(
        found.values[2:-2],
        np.lib.stride_tricks.sliding_window_view(plain.values.astype(np.float64), 5, axis=0).mean(axis=2),
        rtol=0,
        atol=1e-5,
    )
    assert np.abs(found.values - plain.values).max() > 1e-3
