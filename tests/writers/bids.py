"""A BIDS folder of EEG: BrainVision recordings of films with button presses between them, and a rest without events."""

import json
import re
from pathlib import Path

import numpy as np

from writers import Damage, Truth, Written, empty, half, web_page

RATE_HZ = 256
EEG = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "Fz", "Cz", "Pz")
ALL = (*EEG, "HEOG", "ECG")
BAD = "C4"
FILMS = (("happy", "joy.mp4"), ("sad", "loss.mp4"), ("neutral", "map.mp4"), ("happy", "n/a"))
VALENCE = ("8.5", "2", "n/a", "7")

RUN_1 = "sub-01/ses-a/eeg/sub-01_ses-a_task-film_run-1"


def write_brainvision(header, names, steps, rate_hz, markers=()):
    """Samples in steps of 0.1 µV as 16-bit integers, one sample of all channels after the other."""
    header.parent.mkdir(parents=True, exist_ok=True)
    data, marker = header.with_suffix(".eeg"), header.with_suffix(".vmrk")
    channels = "\n".join(f"Ch{i}={name},,0.1,µV" for i, name in enumerate(names, start=1))
    header.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n; Written by hand\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={data.name}\nMarkerFile={marker.name}\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
        f"NumberOfChannels={len(names)}\nSamplingInterval={1e6 / rate_hz:g}\n\n[Binary Infos]\nBinaryFormat=INT_16\n\n"
        f"[Channel Infos]\n{channels}\n",
        encoding="utf-8",
    )
    noted = "".join(f"Mk{i}=Stimulus,S  1,{at},1,0\n" for i, at in enumerate(markers, start=2))
    marker.write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={data.name}\n\n[Marker Infos]\nMk1=New Segment,,1,1,0,20200101120000000000\n{noted}",
        encoding="utf-8",
    )
    data.write_bytes(np.ascontiguousarray(steps.T, dtype="<i2").tobytes())


def write_table(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(map(str, row)) for row in (columns, *rows)]
    # The byte order mark is what mne-bids writes.
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig", newline="\n")


def write(folder, n_people=2, seconds=4.0):
    """Two sittings a person, in each two runs of two films, and once a rest."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    description = {"Name": "Films", "BIDSVersion": "1.8.0", "DatasetType": "raw"}
    (folder / "dataset_description.json").write_text(json.dumps(description), encoding="utf-8")
    people = [f"{number:02d}" for number in range(1, n_people + 1)]
    write_table(folder / "participants.tsv", ("participant_id", "age"), [(f"sub-{person}", "n/a") for person in people])
    truths = []
    for person in people:
        for session in ("a", "b"):
            for run in (1, 2):
                truths += _film(folder, person, session, run, seconds)
            if session == "b":
                truths.append(_rest(folder, person, seconds))
    decoy = folder / "derivatives" / "cleaned" / "sub-01" / "eeg" / "sub-01_task-film_eeg.vhdr"
    write_brainvision(decoy, ALL, np.zeros((len(ALL), 9), dtype=int), RATE_HZ)
    return Written(f"bids:{folder}", folder, truths)


def _steps(*seed, n_times):
    noise = np.random.default_rng(seed).normal(0.0, 150.0, (len(ALL), n_times))
    return np.round(noise).astype(int) + np.arange(len(ALL))[:, np.newaxis] * 100


def _kept(steps):
    rows = [ALL.index(name) for name in EEG if name != BAD]
    return steps[rows] * 0.1, tuple(ALL[row] for row in rows)


def _film(folder, person, session, run, seconds):
    stem = folder / f"sub-{person}/ses-{session}/eeg/sub-{person}_ses-{session}_task-film_run-{run}"
    onsets = (1.013, 1.013 + seconds + 2.25)  # none falls on a sample
    presses = tuple(onset + seconds + 0.5 for onset in onsets)
    steps = _steps(int(person), ord(session), run, n_times=int((presses[-1] + 1.5) * RATE_HZ) + run)
    films = list(zip(FILMS, VALENCE, strict=True))[2 * run - 2 : 2 * run]
    films = films[::-1] if session == "b" else films
    write_brainvision(Path(f"{stem}_eeg.vhdr"), ALL, steps, RATE_HZ, [round(at * RATE_HZ) + 1 for at in presses])
    _channels(Path(f"{stem}_channels.tsv"))
    rows, truths = [], []
    for onset, press, ((emotion, film), valence) in zip(onsets, presses, films, strict=True):
        arousal = str(1 + (len(rows) + int(person)) % 5)
        # Not a code for every event: the trigger's number is in `value`, the answers stand in the row of the film.
        rows += [(f"{onset:.3f}", f"{seconds:.3f}", emotion, 10 + run, film, valence, arousal, round(onset * RATE_HZ))]
        first, last = round(float(f"{onset:.3f}") * RATE_HZ), round(float(f"{onset + seconds:.3f}") * RATE_HZ)
        samples, names = _kept(steps[:, first:last])
        truths.append(
            Truth(
                samples,
                RATE_HZ,
                names,
                subject=person,
                session=session,
                trial=f"task-film run-{run} {len(rows):04d}",
                stimulus="" if film == "n/a" else film,
                emotion=emotion,
                ratings={"valence": float("nan") if valence == "n/a" else float(valence), "arousal": float(arousal)},
            )
        )
        rows += [(f"{press:.3f}", "0.0", "answered", 99, "n/a", "n/a", "n/a", round(press * RATE_HZ))]
    columns = ("onset", "duration", "trial_type", "value", "stim_file", "valence", "arousal", "sample")
    write_table(Path(f"{stem}_events.tsv"), columns, rows)
    return truths


def _rest(folder, person, seconds):
    stem = folder / f"sub-{person}/ses-b/eeg/sub-{person}_ses-b_task-rest"
    steps = _steps(int(person), 0, n_times=int(seconds * RATE_HZ) + 7)
    write_brainvision(Path(f"{stem}_eeg.vhdr"), ALL, steps, RATE_HZ)
    _channels(Path(f"{stem}_channels.tsv"))
    samples, names = _kept(steps)
    unknown = {"valence": float("nan"), "arousal": float("nan")}
    return Truth(samples, RATE_HZ, names, subject=person, session="b", trial="task-rest", ratings=unknown)


def _channels(path):
    types = {"HEOG": "EOG", "ECG": "ECG"}
    rows = [(name, types.get(name, "EEG"), "µV", "bad" if name == BAD else "good") for name in ALL]
    write_table(path, ("name", "type", "units", "status"), rows)


def _of(name: str, change: Damage) -> Damage:
    return lambda folder: change(folder / f"{RUN_1}_{name}")


def _rewritten(name: str, pattern: str, replacement: str) -> Damage:
    def change(folder):
        path = folder / f"{RUN_1}_{name}"
        text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
        assert count, pattern
        path.write_text(text, encoding="utf-8", newline="\n")

    return change


def _unlabelled(folder):
    path = folder / f"{RUN_1}_events.tsv"
    rows = [line.split("\t")[:2] for line in path.read_text(encoding="utf-8-sig").splitlines()]
    write_table(path, rows[0], rows[1:])


def _no_recordings(folder):
    for path in folder.glob("sub-*/ses-*/eeg/*_eeg.*"):
        path.unlink()


def _description(folder):
    (folder / "dataset_description.json").unlink()


DAMAGES = {
    "cut in half": _of("eeg.eeg", half),
    "empty": _of("eeg.eeg", empty),
    "samples missing": _of("eeg.eeg", Path.unlink),
    "header missing": _of("eeg.vhdr", Path.unlink),
    "header empty": _of("eeg.vhdr", empty),
    "header cut in half": _of("eeg.vhdr", half),
    "markers missing": _of("eeg.vmrk", Path.unlink),
    "web page": _of("eeg.vhdr", web_page),
    "events are a web page": _of("events.tsv", web_page),
    "events are empty": _of("events.tsv", empty),
    "events lack a cell": _rewritten("events.tsv", r"\t[^\t\n]*\n$", "\n"),
    "events beyond the end": _rewritten("events.tsv", r"\n1\.013\t", "\n900.5\t"),
    "wrong key": _rewritten("events.tsv", "onset", "start"),
    "onset is n/a": _rewritten("events.tsv", r"\n1\.013\t", "\nn/a\t"),
    "onset is a word": _rewritten("events.tsv", r"\n1\.013\t", "\nsoon\t"),
    "duration is negative": _rewritten("events.tsv", r"\n1\.013\t", "\n1.013\t-"),
    "rating is a word": _rewritten("events.tsv", r"\t8\.5\t", "\thigh\t"),
    "missing labels": _unlabelled,
    "channels are a web page": _of("channels.tsv", web_page),
    "channels are empty": _of("channels.tsv", empty),
    "one channel gone": _rewritten("channels.tsv", r"\nF3\t[^\n]*", ""),
    "a channel twice": _rewritten("channels.tsv", r"\nF3\t", "\nF4\t"),
    "no channel is EEG": lambda folder: [
        path.write_text(path.read_text(encoding="utf-8").replace("\tEEG\t", "\tMISC\t"), encoding="utf-8")
        for path in [folder / f"{RUN_1}_channels.tsv"]
    ],
    "description missing": _description,
    "no recordings": _no_recordings,
}
