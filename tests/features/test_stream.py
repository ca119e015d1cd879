"""A stream gives the vectors of the finished recording, however it is cut and whatever the amplifier's offset."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.features.extraction import extract
from emotune.features.layout import CHANNELS, EXTRA_BLOCKS
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.features.stream import StreamedVectors, VectorStream
from emotune.features.windows import are_next
from emotune.recordings.recording import Recording, centred_uv

EIGHT = ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")
CLOSE = {"rtol": 1e-5, "atol": 1e-5}

STEPS = {
    "none": Preprocessing(),
    "band-pass": Preprocessing(band_pass_hz=(0.5, 45.0)),
    "high-pass": Preprocessing(band_pass_hz=(1.0, None)),
    "notch": Preprocessing(notch_hz=50.0),
    "low-pass": Preprocessing(band_pass_hz=(None, 46.0)),
    "all": Preprocessing(band_pass_hz=(0.5, 45.0), notch_hz=50.0, resample_hz=100.0),
    "up": Preprocessing(resample_hz=160.0),
}


def raw_uv(rate_hz, seconds, offset_uv=0.0, channel_names=EIGHT, seed=1):
    """Noise with a drift, and an offset that differs between channels, in float64."""
    generator = np.random.default_rng(seed)
    n_times = round(seconds * rate_hz)
    drift = np.cumsum(generator.standard_normal((len(channel_names), n_times)), axis=1) / np.sqrt(rate_hz)
    noise = 10 * generator.standard_normal((len(channel_names), n_times))
    return noise + drift + offset_uv * np.linspace(-1, 1, len(channel_names))[:, np.newaxis]


def finished(raw, rate_hz, **fields):
    return Recording(centred_uv(raw), rate_hz, EIGHT, source="finished", **fields)


def pushed(stream, raw, sizes, gaps=()):
    """Push `raw` in chunks of these sizes again and again, with a gap said at each of `gaps`."""
    values, starts, numbers, at, turn = [], [], [], 0, 0
    while at < raw.shape[1]:
        if at in gaps:
            stream.gap()
        stop = min([at + sizes[turn % len(sizes)], raw.shape[1], *(gap for gap in gaps if gap > at)])
        done = stream.push(raw[:, at:stop])
        assert len(done.values) == len(done.starts_s) == len(done.numbers)
        values.append(done.values)
        starts.append(done.starts_s)
        numbers.append(done.numbers)
        at, turn = stop, turn + 1
    return StreamedVectors(np.concatenate(values), np.concatenate(starts), np.concatenate(numbers))


def streamed(stream, raw, sizes, gaps=()):
    """The values and starts alone."""
    return pushed(stream, raw, sizes, gaps)[:2]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    steps=st.sampled_from(sorted(STEPS)),
    rate_hz=st.sampled_from([128.0, 250.0, 256.0, 500.0]),
    sizes=st.lists(st.integers(40, 900), min_size=1, max_size=5),
    overlap=st.sampled_from([0.0, 0.5, 0.3]),
    offset_uv=st.sampled_from([0.0, 1e3, 1e5]),
    gap=st.none() | st.integers(1, 900),
)
def test_a_stream_gives_the_vectors_of_the_finished_recording(steps, rate_hz, sizes, overlap, offset_uv, gap):
    chosen = FeatureSettings(window_s=1.5, overlap=overlap, preprocessing=STEPS[steps])
    raw = raw_uv(rate_hz, 8.0, offset_uv)
    breaks_s = () if gap is None else ((gap / rate_hz, gap / rate_hz),)
    whole = extract(finished(raw, rate_hz, breaks_s=breaks_s), chosen)
    live = pushed(VectorStream(EIGHT, rate_hz, chosen), raw, sizes, () if gap is None else (gap,))
    np.testing.assert_array_equal(live.starts_s, whole.starts_s)
    np.testing.assert_array_equal(are_next(live.numbers), are_next(whole.numbers))
    np.testing.assert_allclose(live.values, whole.values, **CLOSE)
    assert len(live.values) > 2


@pytest.mark.parametrize("size", [1, 4096])
def test_single_samples_and_one_large_chunk_at_1000_hz(size):
    steps = replace(STEPS["all"], resample_hz=128.0)
    chosen = FeatureSettings(window_s=1.0, preprocessing=steps, extra_blocks=("relative_power", "band_entropy"))
    raw = raw_uv(1000.0, 2.2, 1e4)
    values, _ = streamed(VectorStream(EIGHT, 1000.0, chosen), raw, [size])
    np.testing.assert_allclose(values, extract(finished(raw, 1000.0), chosen).values, **CLOSE)


def test_lost_samples_are_a_break_of_the_finished_recording():
    chosen = FeatureSettings(window_s=1.0, preprocessing=STEPS["all"])
    raw = raw_uv(250.0, 10.0)
    whole = extract(finished(raw, 250.0, breaks_s=((3.3, 4.1),)), chosen)
    stream = VectorStream(EIGHT, 250.0, chosen)
    first = stream.push(raw[:, :825])
    stream.gap(np.int64(200))
    second = stream.push(raw[:, 1025:])
    np.testing.assert_array_equal(np.concatenate([first[1], second[1]]), whole.starts_s)
    np.testing.assert_allclose(np.concatenate([first[0], second[0]]), whole.values, **CLOSE)


@pytest.mark.parametrize("sizes", [[7], [3000], [64, 1, 90]])
def test_a_recorder_that_stood_still_is_a_gap(sizes):
    chosen = FeatureSettings(window_s=1.0, preprocessing=STEPS["band-pass"])
    raw = raw_uv(128.0, 12.0)
    raw[:, 400:600] = raw[:, 400:401]
    raw[:, 1000:1040] = raw[:, 1000:1001]  # less than half a second: as it is
    whole = extract(finished(raw, 128.0), chosen)
    assert len(whole.starts_s) == 12 - 2
    live = pushed(VectorStream(EIGHT, 128.0, chosen), raw, sizes)
    np.testing.assert_array_equal(live.starts_s, whole.starts_s)
    np.testing.assert_array_equal(are_next(live.numbers), are_next(whole.numbers))
    np.testing.assert_allclose(live.values, whole.values, **CLOSE)


def test_windows_that_span_too_much_are_left_out_as_offline():
    chosen = FeatureSettings(window_s=1.0, preprocessing=Preprocessing(reject_uv=120.0))
    raw = raw_uv(128.0, 8.0, 1e5)
    raw[2, 300:310] += 500.0
    whole = extract(finished(raw, 128.0), chosen)
    live = pushed(VectorStream(EIGHT, 128.0, chosen), raw, [50])
    assert 2.0 not in live.starts_s and len(live.starts_s) == 7
    np.testing.assert_array_equal(live.starts_s, whole.starts_s)
    np.testing.assert_array_equal(are_next(live.numbers), are_next(whole.numbers))
    np.testing.assert_allclose(live.values, whole.values, **CLOSE)


def test_an_offset_that_moves_between_windows_changes_nothing():
    """In float32 it would: an electrode that settles moves by millivolts while a stream goes on."""
    stream, moved = (VectorStream(EIGHT, 128.0, FeatureSettings(window_s=1.0)) for _ in range(2))
    raw = raw_uv(128.0, 6.0)
    settled = raw + 1e5 * (np.arange(raw.shape[1]) >= 256)
    np.testing.assert_allclose(moved.push(settled)[0], stream.push(raw)[0], **CLOSE)


def test_a_bad_channel_is_interpolated_as_a_constant_one_is_offline():
    chosen = FeatureSettings(window_s=1.0)
    names, raw = (*EIGHT, "Cz"), raw_uv(128.0, 4.0, channel_names=(*EIGHT, "Cz"))
    constant = raw.copy()
    constant[8] = 0.0
    whole = extract(Recording(centred_uv(constant), 128.0, names), chosen)
    stream = VectorStream(names, 128.0, chosen, bad_channels=["Cz"])
    raw[8, 100] = np.nan  # of what is not used nothing is asked
    values, _ = streamed(stream, raw, [33])
    np.testing.assert_allclose(values, whole.values, **CLOSE)
    assert (stream.layout, stream.interpolated) == (whole.layout, whole.interpolated)


def test_the_vector_of_a_rest_is_taken_away():
    chosen = FeatureSettings(window_s=1.0, baseline="subtract", preprocessing=STEPS["all"])
    raw, rest = raw_uv(250.0, 6.0, 1e4), raw_uv(250.0, 4.0, 1e4, seed=2)
    whole = extract(finished(raw, 250.0, baseline_uv=centred_uv(rest)), chosen)
    values, _ = streamed(VectorStream(EIGHT, 250.0, chosen, rest_uv=rest), raw, [100])
    np.testing.assert_allclose(values, whole.values, **CLOSE)
    without = replace(chosen, baseline="cut")
    for wrong in ({"settings": chosen}, {"settings": without, "rest_uv": rest}):
        with pytest.raises(InputError, match="Expected `rest_uv`.*Received: baseline="):
            VectorStream(EIGHT, 250.0, **wrong)


@pytest.mark.parametrize(("window_s", "most"), [(1.0, 250), (40.0, 4096 + 10_000)])
def test_memory_stays_within_a_window_and_what_waits(window_s, most):
    stream = VectorStream(EIGHT, 250.0, FeatureSettings(window_s=window_s, overlap=0.5, preprocessing=STEPS["all"]))
    raw = raw_uv(250.0, 1.0)
    n_windows = 0
    for turn in range(130):
        n_windows += len(stream.push(raw + turn)[0])
        assert sum(piece.shape[1] for piece in (*stream._kept, *stream._pending)) <= most
    assert n_windows == (130 - window_s) / (0.5 * window_s) // 1 + 1


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e300, 1.01e9, -1e15])
def test_a_chunk_that_cannot_be_used_is_refused_and_the_stream_goes_on_after_a_gap(value):
    chosen = FeatureSettings(window_s=1.0, preprocessing=STEPS["band-pass"])
    raw = raw_uv(128.0, 6.0)
    stream = VectorStream(EIGHT, 128.0, chosen)
    first = stream.push(raw[:, :300])
    spoilt = raw[:, 300:428].copy()
    spoilt[3, 5] = value
    with pytest.raises(InputError, match="Expected finite samples of at most 1e[+]09 µV. Received: 1 that are.* C4"):
        stream.push(spoilt)
    with pytest.raises(InputError, match=r"Expected `gap\(\)`.*Received: further samples"):
        stream.push(raw[:, 428:])
    stream.gap(128)
    second = stream.push(raw[:, 428:])
    np.testing.assert_array_equal(second.starts_s, [4.0, 5.0])
    whole = extract(finished(raw, 128.0, breaks_s=((300 / 128, 428 / 128),)), chosen)
    np.testing.assert_allclose(np.concatenate([first.values, second.values]), whole.values, **CLOSE)


@pytest.mark.parametrize("rate_hz", [128.0, 20_000.0])
def test_the_largest_samples_that_are_taken_have_vectors(rate_hz):
    """Also at the highest band that there may be, and in electrodes that others are interpolated from."""
    bands = {"alpha": (8.0, 14.0), "rest": (14.0, rate_hz / 2)}
    chosen = FeatureSettings(window_s=1.0, bands_hz=bands, extra_blocks=tuple(EXTRA_BLOCKS))
    largest = 1e9 * np.random.default_rng(0).choice([-1.0, 1.0], size=(12, round(rate_hz)))
    stream = VectorStream(CHANNELS[:12], rate_hz, chosen)
    assert stream.interpolated
    assert np.isfinite(stream.push(largest).values).all()


def test_what_was_complete_before_a_sample_that_cannot_be_used_is_not_told():
    stream, raw = VectorStream(EIGHT, 128.0, FeatureSettings(window_s=1.0)), raw_uv(128.0, 4.0)
    spoilt = raw.copy()
    spoilt[0, 400] = 1e25
    with pytest.raises(InputError, match="Expected finite samples"):
        stream.push(spoilt)
    stream.gap(raw.shape[1])
    np.testing.assert_array_equal(stream.push(raw).starts_s, [4.0, 5.0, 6.0, 7.0])


@pytest.mark.parametrize(("n_lost", "rate_hz"), [(0, 128.0), (3, 1000.0)])
def test_windows_on_both_sides_of_a_break_that_takes_none_away_are_not_in_a_row(n_lost, rate_hz):
    chosen = FeatureSettings(window_s=1.0, preprocessing=Preprocessing(resample_hz=128.0))
    stream, raw = VectorStream(EIGHT, rate_hz, chosen), raw_uv(rate_hz, 4.0)
    n_times = round(2 * rate_hz)
    first = stream.push(raw[:, : n_times - n_lost])
    stream.gap(n_lost)
    second = stream.push(raw[:, n_times:])
    is_next = are_next(np.concatenate([first.numbers, second.numbers]))
    whole = extract(finished(raw, rate_hz, breaks_s=(((n_times - n_lost) / rate_hz, n_times / rate_hz),)), chosen)
    assert [*first.starts_s, *second.starts_s] == whole.starts_s.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert is_next.tolist() == are_next(whole.numbers).tolist() == [True, False, True]


def test_a_text_is_one_bad_channel():
    stream = VectorStream(CHANNELS, 128.0, FeatureSettings(), bad_channels="Fp1")
    assert stream.interpolated == ("Fp1",)
    with pytest.raises(InputError, match="`bad_channels` must be among.*Received: Fp9"):
        VectorStream(CHANNELS, 128.0, FeatureSettings(), bad_channels="Fp9")


@pytest.mark.parametrize(
    "samples", [np.zeros(8), np.zeros((7, 10)), np.zeros((8, 10), dtype=complex), np.full((8, 2), "a"), [["x"] * 3] * 8]
)
def test_samples_of_another_shape_are_refused(samples):
    with pytest.raises(InputError, match=r"Expected samples \(n_channels, n_times\) of the 8 channels"):
        VectorStream(EIGHT, 128.0, FeatureSettings()).push(samples)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preprocessing": Preprocessing(band_pass_hz=(1, 45), phase="zero")}, "filters of zero phase"),
        ({"preprocessing": Preprocessing(bad_channels="interpolate")}, "bad channels found over"),
        ({"preprocessing": Preprocessing(blinks="ica")}, "ICA over"),
        ({"estimator": "filter"}, "band powers by filters"),
        ({"smoothing": "lds"}, "smoothing over later windows"),
    ],
)
def test_settings_that_look_ahead_are_refused(change, words):
    with pytest.raises(InputError, match=f"need no later samples. Received: {words}"):
        VectorStream(EIGHT, 128.0, FeatureSettings(**change))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampling_rate_hz": 0.0}, "`sampling_rate_hz` must be a rate above 0"),
        ({"sampling_rate_hz": float("nan")}, "`sampling_rate_hz` must be a rate above 0"),
        ({"sampling_rate_hz": "128"}, "`sampling_rate_hz` must be a rate above 0"),
        ({"sampling_rate_hz": 80.0}, "sampling rate of at least 90 Hz"),
        ({"settings": FeatureSettings(preprocessing=Preprocessing(resample_hz=80.0))}, "at least 90 Hz.*Received: 80"),
        ({"settings": FeatureSettings(window_s=0.001)}, "A window must hold at least one sample"),
        ({"settings": FeatureSettings(window_s=0.5)}, "windows with a whole cycle"),
        ({"bad_channels": ["Fz"]}, "`bad_channels` must be among the channels of the stream.*Received: Fz"),
        ({"channel_names": ["X1", "X2"]}, "names of the 10-20 system"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_sample_comes(arguments, message):
    usual = {"channel_names": EIGHT, "sampling_rate_hz": 128.0, "settings": FeatureSettings()}
    with pytest.raises(InputError, match=message):
        VectorStream(**(usual | arguments))


@pytest.mark.parametrize("n_lost", [-1, 1.5, True])
def test_a_gap_of_no_count_is_refused(n_lost):
    with pytest.raises(InputError, match="`n_lost` must be a number of samples"):
        VectorStream(EIGHT, 128.0, FeatureSettings()).gap(n_lost)


def test_volts_are_refused():
    stream = VectorStream(EIGHT, 128.0, FeatureSettings(window_s=1.0))
    with pytest.raises(
        InputError, match=r"Expected EEG in µV.*Received: .*as if these were volts.*Multiply them by 1e6"
    ):
        stream.push(raw_uv(128.0, 3.0) * 1e-6)


def test_a_flat_beginning_says_nothing_of_the_unit():
    stream = VectorStream(EIGHT, 128.0, FeatureSettings(window_s=1.0))
    raw = raw_uv(128.0, 3.0)
    raw[:, :60] = raw[:, :1]
    assert len(stream.push(raw)[0]) == 3


def test_a_stream_that_lacks_a_band_is_refused_whatever_it_is_resampled_to():
    chosen = FeatureSettings(channels=EIGHT, preprocessing=Preprocessing(resample_hz=128.0))
    with pytest.raises(InputError, match="at least 90 Hz, twice the end of the highest band. Received: 64 Hz"):
        VectorStream(EIGHT, 64.0, chosen)


def test_a_slow_stream_goes_without_a_notch_as_its_recording_does():
    chosen = FeatureSettings(channels=EIGHT, preprocessing=Preprocessing(notch_hz=50.0))
    raw = raw_uv(100.0, 9.0)
    values, _ = streamed(VectorStream(EIGHT, 100.0, chosen), raw, [77])
    np.testing.assert_allclose(values, extract(finished(raw, 100.0), chosen).values, **CLOSE)


def test_a_stand_still_in_the_rest_of_a_stream_does_not_count():
    chosen = FeatureSettings(channels=EIGHT, baseline="subtract", preprocessing=STEPS["band-pass"])
    raw, rest = raw_uv(128.0, 9.0), raw_uv(128.0, 16.0, seed=2)
    rest[:, 1024:] = rest[:, 1024:1025]
    values, _ = streamed(VectorStream(EIGHT, 128.0, chosen, rest_uv=rest), raw, [100])
    expected, _ = streamed(VectorStream(EIGHT, 128.0, chosen, rest_uv=rest[:, :1024]), raw, [100])
    np.testing.assert_allclose(values, expected, rtol=0, atol=2e-2)  # the offset that is taken off before differs
    rest[:, 100:] = rest[:, 100:101]
    with pytest.raises(InputError, match="in the rest before the stream. Received: 4 of 4 that touch"):
        VectorStream(EIGHT, 128.0, chosen, rest_uv=rest)
