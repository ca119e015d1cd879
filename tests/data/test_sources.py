"""What the user writes behind `--data` becomes a dataset: of recordings with their groups, or of a table."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotune.data import sources
from emotune.data.dataset import GROUPS
from emotune.data.sources import KINDS, Vectors, dataset_of_recordings, load_dataset, open_source
from emotune.errors import InputError
from emotune.features.settings import FeatureSettings
from emotune.features.store import stored_features
from emotune.features.vector import compute_vectors
from emotune.recordings.channels import CHANNELS
from emotune.recordings.manifest import Manifest
from emotune.recordings.recording import Recording
from emotune.recordings.sets import SETS
from writers import WRITERS, seed_features

SETTINGS = FeatureSettings(window_s=1.0)


class Cap:
    """Recordings in memory: people P1, P2, ... with trials of the given lengths in seconds, emotions in turn."""

    name = "cap"
    emotions = ("calm", "afraid", "glad")
    scales = {}
    findings = ()

    def __init__(self, seconds, *, channels=CHANNELS, n_emotions=2, seed=0, people="12"):
        self.seconds, self.channels, self.seed, self.people = seconds, channels, seed, people
        self.n_emotions = n_emotions

    def __len__(self):
        return sum(map(len, self.seconds))

    def __iter__(self):
        rng = np.random.default_rng(self.seed)
        for person, (who, lengths) in enumerate(zip(self.people, self.seconds, strict=False)):
            for trial, length in enumerate(lengths):
                samples = rng.normal(0, 15, (len(self.channels), round(length * 128))).astype(np.float32)
                yield Recording(
                    samples,
                    128.0,
                    self.channels,
                    subject=f"P{who}",
                    emotion=self.emotions[trial % self.n_emotions],
                    session="s",
                    trial=str(trial + 1),
                    stimulus=f"film {trial + 1}",
                    source=f"{person}-{trial}",
                )

    def fingerprint(self):
        return repr((self.seconds, self.channels, self.n_emotions, self.seed, self.people))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A store of this test's own."""
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))


def message_of(spec, **options):
    with pytest.raises(InputError) as caught:
        load_dataset(spec, SETTINGS, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- recordings


def test_windows_become_rows_with_the_emotion_and_groups_of_their_recording():
    cap = Cap([[3, 2], [4, 1]])
    dataset = dataset_of_recordings(cap, SETTINGS)
    table = stored_features(cap, SETTINGS)
    np.testing.assert_array_equal(dataset.inputs, table.values)
    assert dataset.inputs.shape == (10, table.layout.n_features)
    assert dataset.targets.tolist() == [0] * 3 + [1] * 2 + [0] * 4 + [1]
    assert dataset.groups["subject"].tolist() == ["P1"] * 5 + ["P2"] * 5
    assert dataset.groups["session"].tolist() == ["s"] * 10
    assert dataset.groups["trial"].tolist() == ["P1/s/1"] * 3 + ["P1/s/2"] * 2 + ["P2/s/1"] * 4 + ["P2/s/2"]
    assert dataset.groups["stimulus"].tolist() == ["film 1"] * 3 + ["film 2"] * 2 + ["film 1"] * 4 + ["film 2"]
    assert dataset.class_names == cap.emotions
    assert dataset.layout == table.layout
    assert dataset.feature_names == table.layout.feature_names
    assert (dataset.name, dataset.parts) == ("cap", None)


def test_how_the_rows_were_made_is_kept_as_json_values():
    settings = FeatureSettings(window_s=2.0, overlap=0.5, reference="none")
    channels = tuple(name for name in CHANNELS if name != "Oz")
    dataset = dataset_of_recordings(Cap([[4, 4], [4, 4]], channels=channels), settings)
    known = json.loads(json.dumps(dataset.provenance))
    assert (known["window_s"], known["overlap"], known["reference"], known["n_steps"]) == (2.0, 0.5, "none", 1)
    assert known["bands_hz"][2] == ["alpha", 8.0, 14.0]
    assert known["interpolated"] == {"Oz": 4}
    assert known["n_recordings"] == 4
    assert known["n_rows"] == 12
    assert known["class_counts"] == {"calm": 6, "afraid": 6, "glad": 0}


def test_findings_of_the_recordings_are_carried_over():
    channels = tuple(name for name in CHANNELS if name != "Oz")
    dataset = dataset_of_recordings(Cap([[4, 4]], channels=channels), SETTINGS)
    assert any("Oz" in finding.message for finding in dataset.findings)


def test_the_fingerprint_changes_with_values_labels_and_groups_and_is_the_same_again():
    lengths = [[3, 2, 2], [4, 1, 1]]
    changed = [Cap(lengths, seed=1), Cap(lengths, n_emotions=3), Cap(lengths, people="AB"), Cap([lengths[0]])]
    prints = [dataset_of_recordings(cap, SETTINGS).fingerprint for cap in (Cap(lengths), *changed)]
    assert len(set(prints)) == 5
    assert dataset_of_recordings(Cap(lengths), SETTINGS).fingerprint == prints[0]
    assert dataset_of_recordings(Cap(lengths), SETTINGS, n_steps=2).fingerprint not in prints


def test_the_fingerprint_does_not_follow_the_last_bit_of_another_machine(monkeypatch, tmp_path):
    cap = Cap([[3, 2, 2], [4, 1, 1]])
    here = dataset_of_recordings(cap, SETTINGS)

    def elsewhere(*arguments):
        return np.nextafter(compute_vectors(*arguments), np.float32(np.inf))

    monkeypatch.setattr("emotune.features.extraction.compute_vectors", elsewhere)
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "of another machine"))
    there = dataset_of_recordings(cap, SETTINGS)
    assert (there.inputs != here.inputs).all()
    assert there.fingerprint == here.fingerprint


def test_progress_is_told():
    told = []
    dataset_of_recordings(Cap([[3, 2]]), SETTINGS, on_recording=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_recordings_without_trials_have_no_trial_group_and_are_not_joined():
    class Nameless(Cap):
        def __iter__(self):
            return (replace(recording, trial="") for recording in super().__iter__())

    dataset = dataset_of_recordings(Nameless([[3, 3]]), SETTINGS, n_steps=2)
    assert dataset.groups["trial"].tolist() == ["", ""]
    assert dataset.targets.tolist() == [0, 1]


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_sequences_are_consecutive_windows_of_one_trial(overlap):
    settings = FeatureSettings(window_s=1.0, overlap=overlap)
    cap = Cap([[5, 2], [4, 1]])
    single = dataset_of_recordings(cap, settings)
    dataset = dataset_of_recordings(cap, settings, n_steps=2)
    assert dataset.inputs.shape[1:] == (2, single.inputs.shape[1])
    used = 0
    for trial in dict.fromkeys(single.groups["trial"].tolist()):
        of_trial = np.flatnonzero(single.groups["trial"] == trial)
        whole = of_trial[: len(of_trial) // 2 * 2]
        rows = np.flatnonzero(dataset.groups["trial"] == trial)
        np.testing.assert_array_equal(dataset.inputs[rows].reshape(single.inputs[whole].shape), single.inputs[whole])
        for name in GROUPS:
            assert set(dataset.groups[name][rows].tolist()) <= set(single.groups[name][whole].tolist())
        assert set(dataset.targets[rows].tolist()) <= set(single.targets[whole].tolist())
        used += len(whole)
    assert used == dataset.inputs.shape[0] * 2
    (note,) = (finding for finding in dataset.findings if finding.name == "windows-left-over")
    assert note.message.startswith(f"{len(single) - used} of {len(single)} windows")


def test_nothing_left_over_is_not_mentioned():
    dataset = dataset_of_recordings(Cap([[4, 2]]), SETTINGS, n_steps=2)
    assert "windows-left-over" not in [finding.name for finding in dataset.findings]


def test_trials_too_short_for_a_sequence():
    with pytest.raises(
        InputError, match="trials of at least 5 consecutive windows in cap. Received: only shorter ones"
    ):
        dataset_of_recordings(Cap([[4, 4]]), SETTINGS, n_steps=5)


@pytest.mark.parametrize(("cap", "n_steps"), [(Cap([[4, 4]], n_emotions=1), 1), (Cap([[4, 1], [4, 1]]), 2)])
def test_one_class_only(cap, n_steps):
    with pytest.raises(InputError, match="at least 2 classes in cap. Received: 'calm' alone. Add recordings"):
        dataset_of_recordings(cap, SETTINGS, n_steps=n_steps)


def test_a_nan_in_a_recording_is_an_error_that_names_it():
    class Broken(Cap):
        def __iter__(self):
            for recording in super().__iter__():
                recording.samples_uv[2, 5] = np.nan
                yield recording

    with pytest.raises(InputError, match="numbers in every channel of 0-0. Received: NaN or infinite samples in F3"):
        dataset_of_recordings(Broken([[4, 4]]), SETTINGS)


# --- what the user writes


def test_eegmat_end_to_end(shared_data, monkeypatch):
    told = []
    spec = f"manifest:{shared_data / 'eegmat' / 'recordings.csv'}"
    dataset = load_dataset(spec, FeatureSettings(), on_recording=lambda done, total: told.append((done, total)))
    assert dataset.name == spec
    assert dataset.inputs.shape == (32 * 15, 167)
    assert np.isfinite(dataset.inputs).all()
    assert Counter(dataset.targets.tolist()) == {0: 240, 1: 240}
    assert dataset.class_names == ("arithmetic", "rest")
    assert len(set(dataset.groups["subject"].tolist())) == 16
    assert dataset.groups["trial"][0] == "00/1/00-1"
    assert len(set(dataset.groups["trial"].tolist())) == 32
    assert told[-1] == (32, 32)
    assert len(dataset.provenance["interpolated"]) == 32 - 19
    monkeypatch.setattr(Manifest, "__iter__", None)  # the second time the store has them
    again = load_dataset(spec, FeatureSettings())
    assert again.fingerprint == dataset.fingerprint


def test_an_npz_by_its_suffix_or_its_kind(save, make_table):
    path = save(make_table())
    for spec in (str(path), f"npz:{path}", f" {path} "):
        assert len(load_dataset(spec, SETTINGS)) == 12


def test_a_path_of_windows_has_no_kind_c():
    message = message_of(r"C:\data\table.npz")
    assert message.startswith("Expected an NPZ file at ")
    assert message_of(r"manifest:C:\data\table.csv").startswith("Expected a CSV of recordings at ")
    assert r"C:\data\table.csv" in message_of(r"manifest:C:\data\table.csv")


def test_a_table_of_sequences_says_its_own_steps(save, make_table):
    path = save(make_table(X=np.random.default_rng(0).normal(size=(12, 3, 6))))
    assert load_dataset(str(path), SETTINGS).inputs.shape == (12, 3, 6)
    assert load_dataset(str(path), SETTINGS, n_steps=3).inputs.shape == (12, 3, 6)
    assert "Expected `n_steps` of 3" in message_of(str(path), n_steps=2)


def test_rows_of_a_table_are_not_put_in_sequences(save, make_table):
    message = message_of(str(save(make_table())), n_steps=4)
    assert "Expected `n_steps` of 1" in message
    assert "Save X as (n, n_steps, n_features)" in message


@pytest.mark.parametrize("spec", ["", "feeltrace", "feeltrace:folder", "s3://bucket/x", "table", "C:\\table.xlsx"])
def test_an_unknown_kind_lists_the_kinds(spec):
    message = message_of(spec)
    assert f"Received: {spec!r}" in message
    assert ", which is no kind and no file or folder that is there." in message or not spec
    for kind in KINDS.values():
        assert kind.written in message
        assert kind.description in message


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("people.csv", "Expected a table at people.csv, but there is no such file."),
        ("a/S01.EDF", "Expected a recording at a/S01.EDF, but there is no such file."),
        ("rows.pq", "Expected a table at rows.pq, but there is no such file."),
    ],
)
def test_a_path_without_its_kind_is_told_what_it_was_taken_for(spec, message):
    assert message in message_of(spec)


def test_a_csv_that_lists_recordings_is_a_manifest_without_saying_so(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("file,subject,label\nS01.edf,01,calm\n", encoding="utf-8")
    assert "S01.edf" in message_of(str(path))


def test_a_recording_alone_is_told_to_be_listed(shared_data):
    path = shared_data / "formats" / "eeglab" / "eeglab_data.set"
    message = message_of(str(path))
    assert f"Received: {path}, which says nothing of what was felt." in message
    assert "write manifest:PATH.csv" in message


@pytest.mark.parametrize("kind", seed_features.WRITERS)
def test_the_features_of_a_set_go_by_its_kind_or_by_their_folder(kind, tmp_path):
    written = seed_features.WRITERS[kind](tmp_path / kind)
    for spec in (written.spec, f"{kind}:{written.folder}", str(written.folder), f"{written.folder}/"):
        source = open_source(spec)
        assert isinstance(source, Vectors)
    named, recognised = load_dataset(written.spec, SETTINGS), load_dataset(str(written.folder), SETTINGS)
    assert named.fingerprint == recognised.fingerprint
    assert load_dataset(written.spec, SETTINGS, target="emotion").fingerprint == named.fingerprint
    assert "Received: valence" in message_of(written.spec, target="valence")


def test_recordings_go_before_the_features_beside_them(tmp_path):
    recordings = WRITERS["seed-v"].write(tmp_path / "SEED-V", n_people=1, seconds=1.0)
    seed_features.WRITERS["seed-v"](tmp_path / "SEED-V", n_people=1)
    assert not isinstance(open_source(f"seed-v:{recordings.folder}"), Vectors)


def test_a_folder_of_nothing_known_says_what_it_was_compared_with(tmp_path):
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    message = message_of(str(tmp_path))
    for kind in (*SETS, "bids"):
        assert f"{kind} (" in message
    assert "dataset_description.json" in message


@pytest.mark.parametrize("spec", ["manifest:", "npz:", "manifest: ", "bids:", "csv:", "deap:", "file:"])
def test_a_kind_without_its_path(spec):
    assert "Expected a path behind the colon" in message_of(spec)


def test_simulated_takes_no_path():
    assert "Expected `simulated` alone. Received: `simulated:x`." in message_of("simulated:x")


@pytest.mark.parametrize("n_steps", [0, -1])
def test_a_sample_has_a_window(n_steps):
    assert (
        message_of("simulated", n_steps=n_steps)
        == f"`n_steps` must be 1 or more windows a sample. Received: {n_steps}."
    )


def test_simulated_people_are_always_the_same(monkeypatch):
    from emotune.recordings import simulator

    monkeypatch.setattr(simulator, "Simulator", lambda: Cap([[3, 3]]))
    assert load_dataset("simulated", SETTINGS).fingerprint == load_dataset("simulated", SETTINGS).fingerprint


def test_the_module_is_imported_without_anything_heavy():
    code = (
        "import sys, emotune.data.sources\n"
        "heavy = {'mne', 'sklearn', 'h5py', 'scipy', 'pandas', 'tensorflow', 'keras'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    source = str(Path(sources.__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_simulator_end_to_end():
    from emotune.recordings.simulator import Simulator

    simulator = Simulator(n_people=2, n_emotions=3, trials_per_emotion=2, seconds=8.0, seed=1)
    dataset = dataset_of_recordings(simulator, FeatureSettings(), n_steps=2)
    assert dataset.inputs.shape == (12, 2, 167)
    assert dataset.class_names == simulator.emotions
    assert Counter(dataset.targets.tolist()) == {0: 4, 1: 4, 2: 4}
    assert set(dataset.groups["subject"].tolist()) == {"P01", "P02"}
    assert len(set(dataset.groups["trial"].tolist())) == 12
    assert set(dataset.groups["stimulus"].tolist()) == {f"{name}-{i}" for name in simulator.emotions for i in (1, 2)}
