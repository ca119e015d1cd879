"""From a specification to parts: what is said about classes that the data only numbers."""

import numpy as np
import pytest

from emotune.features.settings import FeatureSettings
from emotune.studies.preparation import prepare


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.npz"
    source = np.random.default_rng(0)
    targets = np.tile([0, 1], 30)
    np.savez(path, X=source.normal(size=(60, 167)), y=targets, subject=np.repeat(np.arange(6), 10))
    return str(path)


def notes(prepared):
    return [str(finding) for finding in prepared.findings if finding.name == "named-classes"]


def test_numbers_that_the_settings_name_are_said(table):
    names = {"0": "neutral", "1": "happy"}
    prepared = prepare(
        table, FeatureSettings(), n_steps=1, seed=0, class_names=lambda found: tuple(names[name] for name in found)
    )
    assert prepared.dataset.class_names == ("neutral", "happy")
    assert notes(prepared) == [
        "The labels are numbers, which EMOTION_LABELS names: 0 = neutral, 1 = happy. "
        "Edit it in src/config.py if they mean something else."
    ]


def test_names_of_the_datas_own_need_no_word(table):
    assert notes(prepare(table, FeatureSettings(), n_steps=1, seed=0)) == []
