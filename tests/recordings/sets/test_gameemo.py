"""GAMEEMO's prepared CSV files: one a person and game, with the channels' names in the first line."""

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.sets.gameemo import Gameemo
from emotune.recordings.targets import TargetChoice

CHANNELS = ("AF3", "AF4", "F3", "F4", "F7", "F8", "FC5", "FC6", "O1", "O2", "P7", "P8", "T7", "T8")
EMOTIONS = ("boring", "calm", "horror", "funny")


def csv_path(folder, person, game):
    return folder / f"({person})" / "Preprocessed EEG Data" / ".csv format" / f"{person}G{game}AllChannels.csv"


def csv_text(samples, names=CHANNELS, end="", newline="\n"):
    """`(n_times, n_channels)` as text; `end` is what every line closes with."""
    lines = [",".join(names) + end, *(",".join(f"{value:.6f}" for value in row) + end for row in samples)]
    return newline.join(lines) + newline


def write_game(folder, person, game, samples, **how):
    path = csv_path(folder, person, game)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_text(samples, **how).encode())
    return path


def write_gameemo(folder, people=("S01",), games=(1, 2, 3, 4), **how):
    """Samples by (person, game), of odd and different lengths and far from zero."""
    content = {}
    for person in reversed(people):
        for game in reversed(games):
            source = np.random.default_rng(10 * int(person[1:]) + game)
            samples = source.normal(30.0, 9.0, (301 + 2 * game, 14)).round(6)
            content[person, game] = samples
            write_game(folder, person, game, samples, **how)
    return content


@pytest.mark.parametrize("how", [{}, {"end": ","}, {"newline": "\r\n"}, {"end": ",", "newline": "\r\n"}])
def test_every_game_is_a_recording(tmp_path, how):
    written = write_gameemo(tmp_path, people=("S02", "S11"), **how)
    gameemo = Gameemo(tmp_path)
    recordings = list(gameemo)
    assert len(gameemo) == len(recordings) == 8
    assert [recording.subject for recording in recordings] == ["S02"] * 4 + ["S11"] * 4
    for index, recording in enumerate(recordings):
        game = index % 4 + 1
        expected = written[recording.subject, game].T
        np.testing.assert_allclose(
            recording.samples_uv, expected - expected.mean(axis=1, keepdims=True), rtol=0, atol=1e-5
        )
        assert recording.samples_uv.dtype == np.float32
        assert recording.channel_names == CHANNELS
        assert recording.sampling_rate_hz == 128
        assert (recording.trial, recording.stimulus, recording.session) == (f"G{game}", f"G{game}", "")
        assert gameemo.class_names[recording.label] == EMOTIONS[game - 1]
        assert recording.source.endswith(f"{recording.subject}G{game}AllChannels.csv")
    assert gameemo.class_names == EMOTIONS


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


def test_a_byte_order_mark_quotes_spaces_and_a_missing_last_line_end_do_no_harm(tmp_path):
    samples = np.arange(42.0).reshape(3, 14)
    text = csv_text(samples, names=[f' "{name}"' for name in CHANNELS]).rstrip("\n")
    path = write_game(tmp_path, "S01", 1, samples)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (recording,) = Gameemo(tmp_path)
    assert recording.channel_names == CHANNELS
    np.testing.assert_allclose(recording.samples_uv[:, 2], np.full(14, 14.0))


def test_people_may_lack_games_and_other_files_are_left_alone(tmp_path):
    write_gameemo(tmp_path, people=("S01", "S02"), games=(4, 1))
    csv_path(tmp_path, "S02", 1).unlink()
    folder = csv_path(tmp_path, "S01", 1).parent
    for name in ("._S01G1AllChannels.csv", "S01G5AllChannels.csv", "S01G2AllChannels.mat", "S01G2AF3.csv"):
        (folder / name).touch()
    (tmp_path / "(S03)" / "Raw EEG Data" / ".csv format").mkdir(parents=True)
    (tmp_path / "(S03)" / "Raw EEG Data" / ".csv format" / "S03G1AllRawChannels.csv").touch()
    (tmp_path / "Gameplays").mkdir()
    files = Gameemo(tmp_path).files
    assert [file.name for file in files] == [f"{game}AllChannels.csv" for game in ("S01G1", "S01G4", "S02G4")]


def test_the_folder_above_is_the_same_set(tmp_path):
    write_gameemo(tmp_path / "GAMEEMO", games=(1,))
    assert Gameemo(tmp_path).files == Gameemo(tmp_path / "GAMEEMO").files


def test_reading_is_lazy_and_one_file_at_a_time(tmp_path):
    write_gameemo(tmp_path, games=(1, 2))
    csv_path(tmp_path, "S01", 2).write_text("damaged")
    gameemo = Gameemo(tmp_path)
    assert len(gameemo) == 2
    recordings = iter(gameemo)
    assert next(recordings).trial == "G1"
    with pytest.raises(InputError, match=r"S01G2AllChannels\.csv"):
        next(recordings)


def test_game_and_emotion_are_said_to_be_one(tmp_path):
    write_gameemo(tmp_path, games=(1,))
    findings = {finding.name: finding for finding in Gameemo(tmp_path).findings}
    assert findings["one-stimulus-a-class"].severity == "warning"
    assert "one game for each emotion" in str(findings["one-stimulus-a-class"])


def test_a_target_is_an_emotion(tmp_path):
    write_gameemo(tmp_path, games=(1,))
    assert Gameemo(tmp_path, TargetChoice("emotion")).class_names == EMOTIONS
    with pytest.raises(InputError, match=r"Expected a target among emotion\. Received: arousal"):
        Gameemo(tmp_path, TargetChoice("arousal"))


def test_the_fingerprint_changes_with_the_bytes_not_with_the_place(tmp_path):
    write_gameemo(tmp_path / "games", games=(1, 2))
    before = Gameemo(tmp_path / "games").fingerprint()
    (tmp_path / "games").rename(tmp_path / "moved")
    assert Gameemo(tmp_path / "moved").fingerprint() == before
    path = csv_path(tmp_path / "moved", "S01", 2)
    path.write_text(path.read_text().replace("1", "2", 1))
    assert Gameemo(tmp_path / "moved").fingerprint() != before


def test_nan_is_left_to_the_checks_of_samples(tmp_path):
    samples = np.ones((5, 14))
    samples[2, 3] = np.nan
    write_game(tmp_path, "S01", 1, samples)
    (recording,) = Gameemo(tmp_path)
    assert np.argwhere(np.isnan(recording.samples_uv)).tolist() == [[3, 2]]


GOOD = csv_text(np.ones((5, 14)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"Expected the names AF3.*Received: no names"),
        (b"<!DOCTYPE html><html>\nlogin</html>", r"Received: none of AF3, .* and also <!DOCTYPE html><html>\. Down"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", r"cannot be read as text"),
        (GOOD.replace("T8", "Cz").encode(), r"Received: none of T8 and also Cz\."),
        (csv_text(np.ones((5, 13)), CHANNELS[1:]).encode(), r"Received: none of AF3\."),
        (csv_text(np.ones((5, 15)), (*CHANNELS, "GYROX")).encode(), r"Received: also GYROX\."),
        (csv_text(np.ones((5, 15)), (*CHANNELS, "T8")).encode(), r"Received: repeated names\."),
        (GOOD.split("\n", 1)[1].encode(), r"Received: none of AF3, .* and also 1\.000000, .* and 9 more\."),
        (GOOD.split("\n", 1)[0].encode(), r"lines of 14 samples in .*Received: the header alone\."),
        (GOOD[: -5 * 9].encode(), r"Received: a last line that is cut off\."),
        (csv_text(np.ones((5, 14)), end=",")[:-4].encode(), r"Received: a last line that is cut off\."),
        (csv_text(np.ones((5, 13))).replace("1.0", "x", 1).encode(), r"lines of 14 numbers, in µV.*Received: .*col"),
        (GOOD.replace("1.000000", "one", 1).encode(), r"14 numbers.*Received: .*'one'.*\. Download"),
        (GOOD.replace("1.000000", "", 1).encode(), r"14 numbers.*Received: .*''"),
    ],
)
def test_other_contents_are_named(tmp_path, content, message):
    path = csv_path(tmp_path, "S01", 1)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        list(Gameemo(tmp_path))
    assert "S01G1AllChannels.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_in_the_folder_of_someone_else_is_named(tmp_path):
    path = write_game(tmp_path, "S01", 1, np.ones((5, 14)))
    path.rename(path.with_name("S02G1AllChannels.csv"))
    with pytest.raises(InputError, match=r"files of S01 alone in the folder \(S01\)\. Received: .*S02G1AllChannels"):
        list(Gameemo(tmp_path))


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    (tmp_path / "(S01)").mkdir()
    with pytest.raises(InputError, match=r"Expected GAMEEMO in .*S01G1AllChannels\.csv.*Received: none of these files"):
        Gameemo(tmp_path)
    with pytest.raises(InputError, match="Received: no such folder"):
        Gameemo(tmp_path / "nowhere")
