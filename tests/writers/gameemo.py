"""GAMEEMO's prepared CSV files: one a person and game, with the channels' names in the first line."""

import numpy as np

from writers import Truth, Written, empty, half, web_page
from writers.signals import eeg_uv, numbers

RATE_HZ = 128
CHANNELS = ("AF3", "AF4", "F3", "F4", "F7", "F8", "FC5", "FC6", "O1", "O2", "P7", "P8", "T7", "T8")
EMOTIONS = ("boring", "calm", "horror", "funny")


def csv_path(folder, person, game):
    """Where a game of a person such as `S01` lies."""
    return folder / f"({person})" / "Preprocessed EEG Data" / ".csv format" / f"{person}G{game}AllChannels.csv"


def csv_text(samples, names=CHANNELS, end="", newline="\n", start=""):
    """`(n_times, n_channels)` as text; `end` is what every line closes with, `start` what the file opens with."""
    lines = [",".join(names) + end, *(",".join(f"{value:.6f}" for value in row) + end for row in samples)]
    return start + newline.join(lines) + newline


def write_game(folder, person, game, samples, **how):
    """The file of a game, and its path."""
    path = csv_path(folder, person, game)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_text(samples, **how).encode())
    return path


# As such files differ: commas at the ends of lines, a byte order mark, lines of Windows.
HOWS = ({}, {"end": ","}, {"start": "\ufeff", "newline": "\r\n"}, {"start": "\ufeff", "end": ",", "newline": "\r\n"})


def write(folder, n_people=2, seconds=2.0):
    """A folder for each person, written last to first; of odd and different lengths."""
    truths = []
    for number in reversed(numbers(n_people)):
        person = f"S{number:02d}"
        for game, emotion, how in reversed(list(zip(range(1, 5), EMOTIONS, HOWS, strict=True))):
            source = np.random.default_rng(10 * number + game)
            n_times = round(seconds * RATE_HZ) + 1 + 2 * game
            samples = eeg_uv(source, len(CHANNELS), n_times, RATE_HZ, (game - 1) / 3).round(6)
            write_game(folder, person, game, samples.T, **how)
            truth = Truth(
                samples,
                float(RATE_HZ),
                CHANNELS,
                subject=person,
                trial=f"G{game}",
                stimulus=f"G{game}",
                emotion=emotion,
            )
            truths.insert(0, truth)
    return Written(f"gameemo:{folder}", folder, truths)


def first(folder):
    """The game that is read first."""
    return csv_path(folder, "S02", 1)


def _other(text):
    return lambda folder: first(folder).write_bytes(text.encode())


GOOD = csv_text(np.ones((5, len(CHANNELS))))


def _someone_elses(folder):
    first(folder).rename(first(folder).with_name("S03G1AllChannels.csv"))


DAMAGES = {
    "cut in half": lambda folder: half(first(folder)),
    "empty": lambda folder: empty(first(folder)),
    "web page": lambda folder: web_page(first(folder)),
    "a picture": lambda folder: first(folder).write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe"),
    "wrong key": _other(GOOD.replace("T8", "Cz")),
    "wrong shape": _other(csv_text(np.ones((5, 13)))),
    "one channel gone": _other(csv_text(np.ones((5, 13)), CHANNELS[1:])),
    "one channel twice": _other(csv_text(np.ones((5, 15)), (*CHANNELS, "T8"))),
    "no header": _other(GOOD.split("\n", 1)[1]),
    "the header alone": _other(GOOD.split("\n", 1)[0]),
    "a last line that is cut off": _other(GOOD[: -5 * 9]),
    "text in place of numbers": _other(GOOD.replace("1.000000", "one", 1)),
    "a number gone": _other(GOOD.replace("1.000000", "", 1)),
    "a file of someone else": _someone_elses,
}
