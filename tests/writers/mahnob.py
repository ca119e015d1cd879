"""MAHNOB-HCI: `Sessions/<number>` with a BDF of BioSemi's recorder, cut to a clip and 30 s around it, and its XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from writers import Damage, Truth, Written, empty, half, web_page
from writers._edf import DIGITAL, Signal, edf_bytes

__all__ = ["DAMAGES", "write"]

RATE_HZ = 256
AROUND_S = 30
# As the author of the set lists them: the EEG in DEAP's Geneva order.
ELECTRODES = (
    "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz", "Fp2", "AF4",
    "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2",
)  # fmt: skip
OTHERS = (
    "EXG1",
    "EXG2",
    "EXG3",
    "EXG4",
    "EXG5",
    "EXG6",
    "EXG7",
    "EXG8",
    "GSR1",
    "GSR2",
    "Erg1",
    "Erg2",
    "Resp",
    "Temp",
)
CODES = {0: "neutral", 1: "anger", 2: "disgust", 3: "fear", 4: "joy", 5: "sadness", 6: "surprise", 11: "amusement",
         12: "anxiety"}  # fmt: skip
CLIPS = ("69.avi", "55.avi", "detroit_f.avi", "cats_f.avi")
PULSE = 268  # what the low 16 bits of Status hold where a clip begins and ends
FLAGS = 0x300000  # of the amplifier: speed mode, reference in range
STEP_UV = 1 / 32


def write(folder: Path, n_people: int = 2, seconds: float = 34.6, n_clips: int = 4) -> Written:
    """Clips of `seconds` and a little more each; before each a neutral one, which is no part of the set."""
    recordings = []
    for person in range(1, n_people + 1):
        for clip in range(1, n_clips + 1):
            source = np.random.default_rng([person, clip])
            neutral, rated = (130 * (person - 1) + 2 * clip - back for back in (1, 0))
            _write_session(folder, person, clip, neutral, source, seconds=2.0, media="waves_Final.avi", felt=None)
            code = list(CODES)[(person + 3 * clip) % len(CODES)]
            answers = source.integers(1, 10, 4)
            felt = dict(zip(("feltArsl", "feltCtrl", "feltPred", "feltVlnc"), map(str, answers), strict=True))
            lasts_s = seconds + clip / 7
            before, during, names = _write_session(
                folder, person, clip, rated, source, lasts_s, CLIPS[(clip - 1) % 4], {**felt, "feltEmo": str(code)}
            )
            recordings.append(
                Truth(
                    during,
                    float(RATE_HZ),
                    names,
                    subject=str(person),
                    trial=str(rated),
                    stimulus=CLIPS[(clip - 1) % 4],
                    emotion=CODES[code],
                    ratings={
                        "valence": float(felt["feltVlnc"]),
                        "arousal": float(felt["feltArsl"]),
                        "control": float(felt["feltCtrl"]),
                        "predictability": float(felt["feltPred"]),
                    },
                    baseline_uv=before,
                )
            )
    return Written(f"mahnob:{folder}", folder, recordings, tolerance_uv=STEP_UV / 2)


def _write_session(
    folder: Path,
    person: int,
    clip: int,
    number: int,
    source: np.random.Generator,
    seconds: float,
    media: str,
    felt: Mapping[str, str] | None,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """EEG before and during the clip, in µV, and the names of its channels."""
    place = folder / "Sessions" / str(number)
    place.mkdir(parents=True, exist_ok=True)
    start, stop = AROUND_S * RATE_HZ, AROUND_S * RATE_HZ + round(seconds * RATE_HZ)
    # Whole seconds: what is left of the last one after 30 s belongs to the recording too.
    n_times = -(-(stop + AROUND_S * RATE_HZ) // RATE_HZ) * RATE_HZ
    offset = source.normal(0.0, 2e5, (len(ELECTRODES) + len(OTHERS), 1))  # thousands of µV, as BioSemi's are
    numbers = (offset + source.normal(0.0, 600.0, (len(offset), n_times))).round().astype(np.int64)
    status = np.full(n_times, FLAGS, dtype=np.int64)
    status[0] |= 0x10000  # BioSemi's flag of a new epoch, which is no trigger
    for onset in (start, stop):
        status[onset : onset + 13] |= PULSE
    signals = [
        Signal(name, row, ("-262144", "262144"), "uV", "Active Electrode, pin type", "HP: DC; LP: 67 Hz")
        for name, row in zip((*ELECTRODES, *OTHERS), numbers, strict=True)
    ]
    signals.append(Signal("Status", status, ("-8388608", "8388607"), "Boolean", "Triggers and Status", "No filtering"))
    kind = "N" if felt is None else "S"
    (place / f"Part_{person}_{kind}_Trial{clip}_emotion.bdf").write_bytes(
        edf_bytes(signals, RATE_HZ, width=3, patient="", recording="", reserved="24BIT", start="15.07.0915.24.41")
    )
    answers = "".join(f' {name}="{value}"' for name, value in (felt or {}).items())
    (place / "session.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<session audBeginSmp="134848" audEndSmp="5412800" audRate="48000" cutLenSec="{seconds:.4f}" '
        f'cutNr="{2 * clip - (kind == "N")}" date="2009-07-15" experimentType="emotion elicitation"{answers} '
        f'isStim="{int(kind == "S")}" mediaFile="{media}" sessionId="{number}" time="15:24:41" vidRate="60.9708">\n'
        f'  <subject id="{person}" gender="female" birthDate="1984-01-01" education="BSc"/>\n'
        f'  <track type="Physiological" filename="Part_{person}_{kind}_Trial{clip}_emotion.bdf"/>\n'
        "</session>\n",
        encoding="utf-8",
    )
    values = np.stack([signal.physical_values(DIGITAL[3]) for signal in signals[: len(ELECTRODES)]])
    return values[:, :start], values[:, start:stop], ELECTRODES


def bdf(folder: Path) -> Path:
    """The recording of the first clip."""
    return folder / "Sessions" / "2" / "Part_1_S_Trial1_emotion.bdf"


def xml(folder: Path) -> Path:
    """Its description."""
    return bdf(folder).with_name("session.xml")


def replace_in_xml(folder: Path, pattern: str, by: str) -> None:
    """Change the description of the first clip in one place."""
    text, n_places = re.subn(pattern, by, xml(folder).read_text(encoding="utf-8"), count=1)
    if not n_places:
        raise ValueError(f"{pattern} is not in {xml(folder)}")
    xml(folder).write_text(text, encoding="utf-8")


def relabel(folder: Path, old: str, new: str) -> None:
    """Give a channel of the first clip another name."""
    content = bdf(folder).read_bytes()
    bdf(folder).write_bytes(content.replace(old.encode().ljust(16), new.encode().ljust(16), 1))


def set_status(folder: Path, pulses: list[int]) -> None:
    """Let the triggers of the first clip begin at these samples."""
    content = bytearray(bdf(folder).read_bytes())
    n_signals = len(ELECTRODES) + len(OTHERS) + 1
    n_bytes, record = 256 * (n_signals + 1), 3 * RATE_HZ * n_signals
    n_times = (len(content) - n_bytes) // record * RATE_HZ
    high = {sample for onset in pulses for sample in range(onset, min(onset + 13, n_times))}
    for sample in range(n_times):
        second, within = divmod(sample, RATE_HZ)
        at = n_bytes + second * record + 3 * (RATE_HZ * (n_signals - 1) + within)
        content[at : at + 2] = (PULSE if sample in high else 0).to_bytes(2, "little")
    bdf(folder).write_bytes(content)


def _growing_entities(folder: Path) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    xml(folder).write_text(
        f'<?xml version="1.0"?><!DOCTYPE session [<!ENTITY e0 "ha">{entities}]><session a="&e11;"/>', encoding="utf-8"
    )


DAMAGES: Mapping[str, Damage] = {
    "cut in half": lambda folder: half(bdf(folder)),
    "empty": lambda folder: empty(bdf(folder)),
    "web page": lambda folder: web_page(bdf(folder)),
    "one channel gone": lambda folder: relabel(folder, "Oz", "EXG9"),
    "no Status channel": lambda folder: relabel(folder, "Status", "EXG9"),
    "no triggers": lambda folder: set_status(folder, []),
    "one trigger": lambda folder: set_status(folder, [AROUND_S * RATE_HZ]),
    "missing labels": lambda folder: xml(folder).unlink(),
    "labels cut in half": lambda folder: half(xml(folder)),
    "empty labels": lambda folder: empty(xml(folder)),
    "web page of labels": lambda folder: web_page(xml(folder)),
    "labels that grow": _growing_entities,
    "labels of another kind": lambda folder: replace_in_xml(folder, "(?s)<session .*</session>", "<trial/>"),
    "no subject": lambda folder: replace_in_xml(folder, "<subject [^>]*>", ""),
    "another subject": lambda folder: replace_in_xml(folder, 'subject id="1"', 'subject id="2"'),
    "wrong key": lambda folder: replace_in_xml(folder, 'feltEmo="[^"]*"', 'feltEmo="13"'),
    "a rating in words": lambda folder: replace_in_xml(folder, 'feltVlnc="[^"]*"', 'feltVlnc="high"'),
    "the same session twice": lambda folder: replace_in_xml(folder, 'sessionId="2"', 'sessionId="4"'),
}
