"""Neuroscan headers: the width of a sample and the number of samples, told by what agrees with the file's size."""

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.neuroscan import NeuroscanFile, neuroscan_options, read_neuroscan_header
from writers.seed_v import cnt, microvolts

NAMES = ("FP1", "FZ", "CB1")


@pytest.fixture
def saved(tmp_path):
    def save(values, **changes):
        path = tmp_path / "recording.cnt"
        path.write_bytes(cnt(values, NAMES, **changes))
        return path

    return save


@pytest.mark.parametrize("dtype", ["<i2", "<i4"])
@pytest.mark.parametrize("n_times", [1, 2, 500, 1001])
def test_the_width_is_told_by_count_and_size(saved, dtype, n_times):
    values = np.random.default_rng(1).integers(-3000, 3000, (3, n_times)).astype(dtype)
    header = read_neuroscan_header(saved(values, rate_hz=250))
    assert (header.n_samples, header.sample_bytes, header.is_counted) == (n_times, int(dtype[-1]), True)
    assert (header.channel_names, header.sampling_rate_hz) == (NAMES, 250)
    assert header.duration_s == n_times / 250
    options = neuroscan_options(header)
    assert options == {"data_format": f"int{8 * int(dtype[-1])}", "recompute_n_samples": False}


def test_a_stretch_of_some_channels_in_any_order(saved):
    values = np.random.default_rng(2).integers(-(2**30), 2**30, (3, 45_000)).astype("<i4")
    path = saved(values, baseline=-3, sensitivity=0.5, calibration=1.5)
    stretch = NeuroscanFile(path, read_neuroscan_header(path)).stretch_uv([2, 0], 17, 44_990)
    expected = microvolts(values[[2, 0], 17:44_990], baseline=-3, sensitivity=0.5, calibration=1.5)
    np.testing.assert_allclose(stretch, expected, rtol=1e-9)


def test_a_count_that_is_wrong_needs_the_width(saved):
    path = saved(np.ones((3, 800), dtype="<i4"))
    content = bytearray(path.read_bytes())
    content[864:868] = bytes(4)
    path.write_bytes(content)
    header = read_neuroscan_header(path, sample_bytes=4)
    assert (header.n_samples, header.is_counted) == (800, False)
    assert neuroscan_options(header)["recompute_n_samples"] is True
    with pytest.raises(
        InputError, match=r"place of the events agree in .*Received: 0 samples of 3 channels and events"
    ):
        read_neuroscan_header(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_neuroscan_header(tmp_path / "none.cnt")


def test_what_mne_cannot_read_is_said(saved):
    path = saved(np.ones((3, 800), dtype="<i4"))
    header = read_neuroscan_header(path)
    recording = NeuroscanFile(path, header)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InputError, match=r"recording\.cnt, but it cannot be read"):
        recording.stretch_uv([0, 1], 0, 800)
