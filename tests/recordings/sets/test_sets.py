"""What holds for every published set: the table, recognition of folders, and one description each."""

import pytest

from emotune.data.sources import KINDS, load_dataset
from emotune.errors import InputError
from emotune.features.settings import FeatureSettings
from emotune.recordings.sets import SETS

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
        with pytest.raises(InputError, match=f"path behind the colon, as in {kind}:FOLDER"):
            load_dataset(kind + ":", SETTINGS)
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match="Received: a file"):
            load_dataset(f"{kind}:{tmp_path / 'file'}", SETTINGS)


def test_a_folder_alone_is_recognised_and_becomes_a_dataset(write_deap, tmp_path):
    write_deap(tmp_path / "deap", people=(1, 2, 3))
    dataset = load_dataset(str(tmp_path / "deap"), SETTINGS, target="arousal >= 5")
    assert len(dataset) == 3 * 40 * 3
    assert dataset.class_names == ("low arousal", "high arousal")
    assert sorted(set(dataset.groups["subject"])) == ["s01", "s02", "s03"]
    assert len(set(dataset.groups["trial"])) == 120
    assert len(set(dataset.groups["stimulus"])) == 40
    names = [finding.name for finding in dataset.findings]
    assert names[:2] == ["rating-threshold", "phantom-band"]
    # A second reading comes from the store, with the same findings.
    again = load_dataset(str(tmp_path / "deap"), SETTINGS, target="arousal >= 5")
    assert again.fingerprint == dataset.fingerprint
    assert [finding.name for finding in again.findings] == names
    other = load_dataset(str(tmp_path / "deap"), SETTINGS)
    assert other.fingerprint != dataset.fingerprint
    assert other.class_names == ("low valence", "high valence")


def test_a_folder_of_nothing_known_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"Expected a data set in .*Looked for deap \(s01\.dat") as raised:
        load_dataset(str(tmp_path), SETTINGS)
    assert all(f"{kind} (" in str(raised.value) for kind in SETS)


@pytest.mark.parametrize("spec", ["simulated", "manifest:recordings.csv", "table.npz"])
def test_data_with_labels_of_its_own_has_no_target_to_choose(spec):
    with pytest.raises(InputError, match=r"Expected no target for .*Received: valence\. Take it out"):
        load_dataset(spec, SETTINGS, target="valence")
