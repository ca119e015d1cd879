"""GAMEEMO's prepared CSV files: one a person and game, with the channels' names in the first line."""

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.sets.gameemo import Gameemo
from writers import gameemo
from writers.gameemo import CHANNELS, GOOD, csv_path, csv_text, write_game


@pytest.mark.parametrize("end", ["", ","])
def test_columns_are_known_by_their_names_not_by_their_order(tmp_path, end):
    samples = np.random.default_rng(1).normal(size=(9, 14))
    order = np.random.default_rng(2).permutation(14)
    names = tuple(CHANNELS[index] for index in order)
    write_game(tmp_path, "S01", 3, samples[:, order], names=names, end=end)
    (recording,) = Gameemo(tmp_path)
    assert recording.channel_names == names
    for row, name in enumerate(names):
        expected = samples[:, CHANNELS.index(name)]
        np.testing.assert_allclose(recording.samples_uv[row], expected - expected.mean(), rtol=0, atol=1e-5)


def test_quotes_spaces_and_a_missing_last_line_end_do_no_harm(tmp_path):
    samples = np.arange(42.0).reshape(3, 14)
    text = csv_text(samples, names=[f' "{name}"' for name in CHANNELS]).rstrip("\n")
    path = write_game(tmp_path, "S01", 1, samples)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (recording,) = Gameemo(tmp_path)
    assert recording.channel_names == CHANNELS
    np.testing.assert_allclose(recording.samples_uv[:, 2], np.full(14, 14.0))


def test_people_may_lack_games_and_other_files_are_left_alone(tmp_path):
    for person, game in (("S01", 4), ("S01", 1), ("S02", 4)):
        write_game(tmp_path, person, game, np.ones((3, 14)))
    folder = csv_path(tmp_path, "S01", 1).parent
    for name in ("S01G5AllChannels.csv", "S01G2AllChannels.mat", "S01G2AF3.csv"):
        (folder / name).touch()
    (tmp_path / "(S03)" / "Raw EEG Data" / ".csv format").mkdir(parents=True)
    (tmp_path / "(S03)" / "Raw EEG Data" / ".csv format" / "S03G1AllRawChannels.csv").touch()
    (tmp_path / "Gameplays").mkdir()
    files = Gameemo(tmp_path).files
    assert [file.name for file in files] == [f"{game}AllChannels.csv" for game in ("S01G1", "S01G4", "S02G4")]


def test_the_folder_above_is_the_same_set(tmp_path):
    gameemo.write(tmp_path / "GAMEEMO", n_people=1, seconds=0.1)
    assert Gameemo(tmp_path).files == Gameemo(tmp_path / "GAMEEMO").files


def test_game_and_emotion_are_said_to_be_one(tmp_path):
    gameemo.write(tmp_path, n_people=1, seconds=0.1)
    (finding,) = Gameemo(tmp_path).findings
    assert (finding.name, finding.severity) == ("one-stimulus-a-class", "warning")
    assert "one game for each emotion" in finding.message


def test_nan_is_left_to_the_checks_of_samples(tmp_path):
    samples = np.ones((5, 14))
    samples[2, 3] = np.nan
    write_game(tmp_path, "S01", 1, samples)
    (recording,) = Gameemo(tmp_path)
    assert np.argwhere(np.isnan(recording.samples_uv)).tolist() == [[3, 2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"Expected the names AF3.*Received: no names"),
        ("<!DOCTYPE html><html>\nlogin</html>", r"Received: none of AF3, .* and also <!DOCTYPE html><html>\. Down"),
        (GOOD.replace("T8", "Cz"), r"Received: none of T8 and also Cz\."),
        (csv_text(np.ones((5, 13)), CHANNELS[1:]), r"Received: none of AF3\."),
        (csv_text(np.ones((5, 15)), (*CHANNELS, "GYROX")), r"Received: also GYROX\."),
        (csv_text(np.ones((5, 15)), (*CHANNELS, "T8")), r"Received: repeated names\."),
        (GOOD.split("\n", 1)[1], r"Received: none of AF3, .* and also 1\.000000, .* and 9 more\."),
        (GOOD.split("\n", 1)[0], r"lines of 14 samples in .*Received: the header alone\."),
        (GOOD[: -5 * 9], r"Received: a last line that is cut off\."),
        (csv_text(np.ones((5, 14)), end=",")[:-4], r"Received: a last line that is cut off\."),
        (csv_text(np.ones((5, 13))).replace("1.0", "x", 1), r"lines of 14 numbers, in µV.*Received: .*col"),
        (GOOD.replace("1.000000", "one", 1), r"14 numbers.*Received: .*'one'.*\. Download"),
        (GOOD.replace("1.000000", "", 1), r"14 numbers.*Received: .*''"),
    ],
)
def test_other_contents_are_named(tmp_path, content, message):
    path = csv_path(tmp_path, "S01", 1)
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode())
    with pytest.raises(InputError, match=message):
        list(Gameemo(tmp_path))


def test_bytes_that_are_no_text_are_named(tmp_path):
    write_game(tmp_path, "S01", 1, np.ones((5, 14))).write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(InputError, match=r"S01G1AllChannels\.csv, but it cannot be read as text"):
        list(Gameemo(tmp_path))


def test_a_file_in_the_folder_of_someone_else_is_named(tmp_path):
    path = write_game(tmp_path, "S01", 1, np.ones((5, 14)))
    path.rename(path.with_name("S02G1AllChannels.csv"))
    with pytest.raises(InputError, match=r"files of S01 alone in the folder \(S01\)\. Received: .*S02G1AllChannels"):
        list(Gameemo(tmp_path))
