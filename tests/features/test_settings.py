"""Settings: they survive JSON, and what makes no sense is refused."""

import json
import pickle

import pytest

from emotune.errors import InputError
from emotune.features.extraction import fingerprint_of_features
from emotune.features.layout import BANDS_HZ
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.recordings.simulator import Simulator

OTHERS = FeatureSettings(window_s=2, overlap=0.5, bands_hz={"alpha": (8, 13), "theta": (4, 8)}, reference="none")


def test_defaults_are_those_of_the_design():
    settings = FeatureSettings()
    assert (settings.window_s, settings.overlap, settings.reference) == (4.0, 0.0, "average")
    assert dict(settings.bands_hz) == dict(BANDS_HZ)


@pytest.mark.parametrize("settings", [FeatureSettings(), OTHERS])
def test_settings_survive_json_and_the_way_to_another_process(settings):
    assert FeatureSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_bands_are_kept_from_low_to_high():
    assert list(OTHERS.bands_hz) == ["theta", "alpha"]
    same = FeatureSettings(2, 0.5, {"theta": (4, 8), "alpha": (8, 13)}, reference="none")
    assert json.dumps(same.to_dict()) == json.dumps(OTHERS.to_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_s": 0}, "`window_s` must be a length above 0 s"),
        ({"overlap": 1}, "`overlap` must be a part of a window"),
        ({"reference": "left"}, "`reference` must be average, none or electrodes.* Received: 'left'"),
        ({"bands_hz": {"theta": (4, 8)}}, "one of them `alpha`.*Received: theta. Name the band"),
        ({"bands_hz": {}}, "one of them `alpha`.*Received: none"),
        ({"bands_hz": [("alpha", 8, 13), ("alpha", 4, 8)]}, "bands with different names"),
        ({"bands_hz": {"alpha": (13, 8)}}, "from above 0 Hz to a higher edge.*Mend alpha"),
        ({"bands_hz": {"alpha": (0, 8)}}, "from above 0 Hz to a higher edge.*Mend alpha"),
        ({"bands_hz": {"alpha": (8, float("nan"))}}, "from above 0 Hz to a higher edge.*Mend alpha"),
        ({"bands_hz": {"alpha": 8}}, r"each band its \(low, high\) in Hz"),
        ({"bands_hz": {"alpha": ("low", "high")}}, r"each band its \(low, high\) in Hz"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        FeatureSettings(**change)


@pytest.mark.parametrize("change", [{"wavelet": "db4"}, None])
def test_a_file_of_another_version_is_refused(change):
    content = FeatureSettings().to_dict() | change if change else {"window_s": 4.0}
    with pytest.raises(InputError, match=r"Expected the feature settings.*Received: .*Write the file anew"):
        FeatureSettings.from_dict(content)


def test_in_short_it_tells_what_is_not_usual():
    assert FeatureSettings().in_short() == "4 s windows"
    steps = Preprocessing((1.0, None), notch_hz=50.0, reject_uv=150.0, blinks="ica")
    other = FeatureSettings(2.0, 0.5, smoothing="lds", estimator="filter", preprocessing=steps, extra_blocks=("dasm",))
    assert other.in_short() == (
        "2 s windows, overlap 0.5, estimator filter, extra_blocks dasm, smoothing lds, band_pass_hz 1.0 None, "
        "notch_hz 50.0, blinks ica, reject_uv 150.0"
    )


def test_what_was_fingerprinted_before_stays_as_it_is():
    assert set(FeatureSettings().to_dict()) == {"window_s", "overlap", "bands_hz", "channels", "reference", "baseline"}
    assert fingerprint_of_features(Simulator(), FeatureSettings()) == "e11a07a3a6f62d66"
    other = FeatureSettings(preprocessing=Preprocessing(notch_hz=50.0), smoothing="lds")
    assert set(other.to_dict()) - set(FeatureSettings().to_dict()) == {"preprocessing", "smoothing"}
    assert FeatureSettings.from_dict(other.to_dict()) == other
