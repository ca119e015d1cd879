"""`emotune inspect` and `emotune datasets`: what there is, without training."""

import numpy as np
import pytest

from emotune.cli.console import main
from emotune.data.feature_folders import FEATURE_FOLDERS
from emotune.data.sources import KINDS
from emotune.recordings.sets import SETS
from writers import deap


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.npz"
    source = np.random.default_rng(0)
    labels = np.array(["calm", "calm", "glad"] * 20)
    np.savez(path, X=source.normal(size=(60, 5)), y=labels, subject=np.repeat(np.arange(6), 10))
    return path


@pytest.fixture(scope="module")
def deap_folder(tmp_path_factory):
    return deap.write(tmp_path_factory.mktemp("deap"), n_people=2, seconds=5.0).folder


def inspected(capsys, *words):
    """The exit code, and the words of each printed line."""
    code = main(["inspect", *map(str, words)])
    return code, [line.split() for line in capsys.readouterr().out.splitlines()]


def test_people_classes_and_shares(table, capsys):
    code, lines = inspected(capsys, table)
    assert code == 0
    assert ["people", "6"] in lines
    assert ["stimuli", "not", "known"] in lines
    assert ["rows", "60", "of", "5", "values"] in lines
    assert ["calm", "40", "66.7%", "6"] in lines
    assert ["glad", "20", "33.3%", "6"] in lines


def test_recordings_say_what_is_interpolated(shared_data, capsys):
    code, lines = inspected(capsys, f"manifest:{shared_data / 'eegmat' / 'recordings.csv'}")
    assert code == 0
    assert ["people", "16"] in lines
    assert ["sampling", "rate", "500", "Hz"] in lines
    assert ["arithmetic", "16", "50.0%", "240", "16"] in lines
    [layout] = [line for line in lines if line[:3] == ["of", "the", "layout"]]
    assert layout[3:9] == ["19", "of", "32", "recorded;", "interpolated:", "AF3,"]
    assert any(line[:6] == "note: 13 of the 32 channels".split() for line in lines)


def test_every_rating_of_a_set_is_shown_where_none_was_asked_for(deap_folder, capsys):
    code, lines = inspected(capsys, f"deap:{deap_folder}", "--window-s", "2")
    assert code == 0
    titles = [" ".join(line) for line in lines if line and line[0] == "Target"]
    assert titles == [f"Target {name} > 5" for name in ("valence", "arousal", "dominance", "liking")]
    assert ["baseline", "3.0", "s", "or", "more", "before", "80", "of", "them"] in lines
    assert ["windows", "160", "of", "2", "s"] in lines


def test_a_rating_whose_scale_is_not_known_is_shown_whole(tmp_path, capsys):
    import mne

    info = mne.create_info(["Fp1", "Fp2", "F3", "F4", "C3", "C4", "O1", "O2"], 128.0, "eeg")
    samples = np.random.default_rng(0).normal(scale=1e-5, size=(8, 128 * 30))
    mne.io.RawArray(samples, info, verbose="error").save(tmp_path / "x_raw.fif", verbose="error")
    table = tmp_path / "t.csv"
    table.write_text(
        "file,subject,valence,arousal[1-9],start_s,stop_s\n"
        "x_raw.fif,1,3,4,0,8\nx_raw.fif,1,6,5,10,18\nx_raw.fif,1,9,6,20,28\n"
    )
    code, lines = inspected(capsys, table)
    titles = [" ".join(line) for line in lines if line and line[0] == "Target"]
    assert (code, titles) == (0, ["Target valence as rating", "Target arousal > 5"])
    assert ["answers", "3", "to", "9"] in lines
    assert inspected(capsys, table, "--target", "valence > 5")[0] == 0
    assert main(["inspect", str(table), "--target", "valence"]) == 2
    assert "Expected a threshold for valence" in capsys.readouterr().err


def test_several_targets_a_threshold_and_ratings_as_they_are(deap_folder, capsys):
    _, lines = inspected(capsys, f"deap:{deap_folder}", "--target", "valence,arousal >= 4", "--threshold", ">=4.5")
    titles = [" ".join(line) for line in lines if line and line[0] == "Target"]
    assert titles == ["Target valence >= 4.5", "Target arousal >= 4"]
    shares = [float(line[3].rstrip("%")) for line in lines if line[:1] in (["low"], ["high"])]
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(200.0, abs=0.2)
    _, lines = inspected(capsys, f"deap:{deap_folder}", "--target", "valence", "--threshold", "none")
    assert "Target valence as rating" in [" ".join(line) for line in lines]
    assert ["scale", "1", "to", "9"] in lines
    assert ["known", "80", "of", "80"] in lines


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "joy"], "Expected a target of deap:"),
        (["--target", "valence", "--threshold", "twelve"], "A threshold must be a number"),
        (["--target", "valence > 12"], "A threshold of valence must part its scale, 1 to 9. Received: > 12."),
        (["--target", "emotion", "--threshold", "5"], "Expected a rating that the threshold 5 cuts"),
    ],
)
def test_a_slip_in_the_target_is_one_line_before_anything_is_read(deap_folder, words, said, capsys):
    assert main(["inspect", f"deap:{deap_folder}", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_a_recording_alone_has_no_labels_and_may_be_looked_at(shared_data, capsys):
    code, lines = inspected(capsys, shared_data / "formats" / "eeglab" / "eeglab_data.set")
    assert code == 0
    assert ["sampling", "rate", "128", "Hz"] in lines
    assert ["people", "not", "known"] in lines
    assert any(line[:2] == ["No", "labels:"] for line in lines)


def test_what_a_search_would_refuse_is_listed_and_ends_with_2(deap_folder, capsys):
    code, lines = inspected(capsys, f"deap:{deap_folder}", "--window-s", "30")
    assert code == 2
    assert any(line[:1] == ["error:"] and "30" in line for line in lines)


def test_a_slip_is_one_line(tmp_path, capsys):
    assert main(["inspect", "nothing:here"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Expected data as one of: ")
    assert error.count("\n") == 1


def test_every_kind_and_every_set_is_listed(capsys):
    assert main(["datasets"]) == 0
    out = capsys.readouterr().out
    for kind in KINDS.values():
        assert kind.written in out
    for reader in SETS.values():
        for said in (reader.about.folder, reader.about.access, reader.about.licence):
            assert said in out
    for features in FEATURE_FOLDERS.values():
        assert features.folder in out
