"""What holds for every published set: the table, recognition of folders, and one description each."""

from dataclasses import replace

import pytest

from emotune.data.sources import FETCHED, KINDS, load_dataset
from emotune.errors import InputError
from emotune.features.settings import FeatureSettings
from emotune.recordings.sets import SETS
from writers import deap

SETTINGS = FeatureSettings(window_s=1.0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", SETS)
class TestEverySet:
    def test_says_what_it_is(self, kind):
        about = SETS[kind].about
        assert about.kind == kind
        assert kind in KINDS
        assert about.n_people > 0
        assert about.emotions or about.ratings
        assert all((about.title, about.folder, about.licence))
        assert about.access.startswith("https://")

    def test_says_what_an_empty_folder_lacks(self, kind, tmp_path):
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(InputError, match=f"Expected {SETS[kind].about.title} in .*Received: none of these files"):
            load_dataset(f"{kind}:{empty}", SETTINGS)

    def test_wants_a_folder(self, kind, tmp_path):
        if kind != FETCHED:
            with pytest.raises(InputError, match=f"path behind the colon, as in {kind}:FOLDER"):
                load_dataset(kind + ":", SETTINGS)
        with pytest.raises(InputError, match="Received: no such folder"):
            load_dataset(f"{kind}:{tmp_path / 'nowhere'}", SETTINGS)
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match="Received: a file"):
            load_dataset(f"{kind}:{tmp_path / 'file'}", SETTINGS)


def test_a_folder_alone_becomes_a_dataset_with_the_target_that_was_asked_for(tmp_path):
    deap.write(tmp_path / "deap", n_people=3, seconds=3.0)
    dataset = load_dataset(str(tmp_path / "deap"), SETTINGS, target="arousal >= 5")
    assert len(dataset) == 3 * 40 * 3
    assert dataset.class_names == ("low arousal", "high arousal")
    assert sorted(set(dataset.groups["subject"])) == ["s01", "s02", "s11"]
    assert len(set(dataset.groups["trial"])) == 120
    assert len(set(dataset.groups["stimulus"])) == 40
    names = [finding.name for finding in dataset.findings]
    assert "phantom-band" in names
    assert "rating-threshold" in names
    # A second reading comes from the store, with the same findings.
    again = load_dataset(str(tmp_path / "deap"), SETTINGS, target="arousal >= 5")
    assert again.fingerprint == dataset.fingerprint
    assert [finding.name for finding in again.findings] == names
    other = load_dataset(str(tmp_path / "deap"), SETTINGS)
    assert other.fingerprint != dataset.fingerprint
    assert other.class_names == ("low valence", "high valence")


def test_the_rest_before_a_trial_can_be_taken_away(tmp_path):
    deap.write(tmp_path / "deap", n_people=1, seconds=3.0)
    cut = load_dataset(str(tmp_path / "deap"), SETTINGS)
    subtracted = load_dataset(str(tmp_path / "deap"), replace(SETTINGS, baseline="subtract"))
    assert subtracted.fingerprint != cut.fingerprint
    # Noise of one strength before and during the video: what is left is about nothing.
    assert abs(subtracted.inputs[:, :160].mean()) < 0.1 < cut.inputs[:, :160].mean()


def test_a_folder_of_nothing_known_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"Expected a data set in .*Looked for deap \(s01\.dat") as raised:
        load_dataset(str(tmp_path), SETTINGS)
    assert all(f"{kind} (" in str(raised.value) for kind in SETS)
