import pytest

from emotune.features.findings import settings_findings
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings


def names_of(**steps):
    return [finding.name for finding in settings_findings(FeatureSettings(preprocessing=Preprocessing(**steps)))]


def test_the_usual_settings_say_nothing():
    assert settings_findings(FeatureSettings()) == []


@pytest.mark.parametrize(
    ("band_pass_hz", "cut"),
    [
        ((0.5, 45.0), ""),
        ((1.0, None), ""),
        ((None, 45.0), ""),
        ((10.0, 20.0), "delta and theta and alpha and beta and gamma"),
        ((2.0, None), "delta,"),
        ((None, 30.0), "beta and gamma"),
    ],
)
def test_a_band_that_the_band_pass_cuts_is_warned_of(band_pass_hz, cut):
    found = settings_findings(FeatureSettings(preprocessing=Preprocessing(band_pass_hz)))
    assert [finding.name for finding in found] == (["filtered-band"] if cut else [])
    assert all(cut in finding.message for finding in found)


@pytest.mark.parametrize(
    ("notch_hz", "warned"), [(50.0, False), (60.0, False), (10.0, True), (22.5, True), (45.0, False)]
)
def test_a_notch_within_a_band_is_warned_of(notch_hz, warned):
    assert names_of(notch_hz=notch_hz) == (["notched-band"] if warned else [])


def test_what_looks_ahead_is_noted():
    assert names_of(blinks="ica") == ["offline-only"]
    assert names_of(phase="zero") == []  # without a filter there is nothing of that phase
