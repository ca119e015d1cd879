"""SEED-V's Neuroscan files: 900 bytes of header, 75 a channel, 32-bit samples, a table of events.

Clips are shorter than the set's, and the table of their times beside the folder says so, as the set's own table does.
"""

import struct

import numpy as np

from emotune.recordings.sets.seed_files import SEED_CHANNELS, SEED_V_CODES, SEED_V_EMOTIONS
from writers import Truth, Written, empty, half, web_page

RATE_HZ = 1000
N_CLIPS = 15
DATES = {1: "20180804", 2: "20180810", 3: "20180722"}  # a session is which clips were shown, whatever the date
TABLE = "trial_start_end_timestamp.txt"

# As recorded: the ears among the electrodes, the eyes behind them.
CHANNELS = (*SEED_CHANNELS[:32], "M1", *SEED_CHANNELS[32:41], "M2", *SEED_CHANNELS[41:], "HEO", "VEO")

N_SAMPLES_AT, EVENTS_AT, DATA_AT = 864, 886, 900 + 75 * len(CHANNELS)


def cnt(values, names=CHANNELS, *, rate_hz=RATE_HZ, baseline=7, sensitivity=2.5, calibration=1.25):
    """The bytes of a file of raw values `(n_channels, n_times)`, int16 or int32, with three events."""
    n_channels, n_times = values.shape
    setup = bytearray(900)
    setup[0:12] = b"Version 3.0\x00"
    setup[225:245] = b"08/04/18\x00\x0009:30:00\x00\x00"
    struct.pack_into("<H", setup, 370, n_channels)
    struct.pack_into("<H", setup, 376, rate_hz)
    struct.pack_into("<i", setup, N_SAMPLES_AT, n_times)
    events_at = 900 + 75 * n_channels + values.nbytes
    struct.pack_into("<I", setup, EVENTS_AT, events_at % 2**32)
    struct.pack_into("<f", setup, 890, n_times / rate_hz)
    electrodes = bytearray()
    for index, name in enumerate(names):
        electrode = bytearray(75)
        electrode[0 : len(name)] = name.encode("ascii")
        angle = 2 * np.pi * index / n_channels
        struct.pack_into("<ff", electrode, 19, 300 + 200 * np.cos(angle), 300 + 200 * np.sin(angle))
        struct.pack_into("<h", electrode, 47, baseline)
        struct.pack_into("<f", electrode, 59, sensitivity)
        struct.pack_into("<f", electrode, 71, calibration)
        electrodes += electrode
    row_bytes = n_channels * values.itemsize
    events = b"".join(
        struct.pack("<HBBihhfBBB", code, 0, 0, 900 + 75 * n_channels + n_times // 4 * code * row_bytes, *[0] * 6)
        for code in (1, 2, 3)
    )
    table = struct.pack("<Bii", 2, len(events), 0) + events
    return bytes(setup) + bytes(electrodes) + np.ascontiguousarray(values.T).tobytes() + table


def microvolts(values, *, baseline=7, sensitivity=2.5, calibration=1.25):
    """What raw values are, as the format has it."""
    return (values.astype(np.float64) - baseline) * (sensitivity * calibration / 204.8)


def clips_s(session, seconds):
    """Start and end of each clip, each a little longer than the last, with a second between them."""
    starts, ends, now = [], [], session
    for clip in range(N_CLIPS):
        starts.append(now)
        ends.append(now + seconds + clip % 2)
        now = ends[-1] + 1
    return starts, ends


def write_table(file, seconds):
    """The set's text file of clip times."""
    lines = []
    for session in (1, 2, 3):
        starts, ends = clips_s(session, seconds)
        lines += [f"Session {session}:", f"start_second: {starts}", f"end_second: {ends}", ""]
    file.write_text("\n".join(lines), encoding="utf-8")


def write(folder, n_people=2, seconds=4, sessions=(1,)):
    """`EEG_raw` with a file for each sitting, and the table of clips above it."""
    seconds = max(1, int(seconds))
    (folder / "EEG_raw").mkdir(parents=True, exist_ok=True)
    write_table(folder / TABLE, seconds)
    truths = []
    for person in range(1, n_people + 1):
        for session in sessions:
            starts, ends = clips_s(session, seconds)
            source = np.random.default_rng(100 * person + session)
            n_times = (ends[-1] + 1) * RATE_HZ + 137
            # Far from zero, as an amplifier without a high-pass filter gives it.
            values = source.normal(0, 900, (len(CHANNELS), n_times)) + source.uniform(-2e5, 2e5, (len(CHANNELS), 1))
            values = values.astype("<i4")
            (folder / "EEG_raw" / f"{person}_{session}_{DATES[session]}.cnt").write_bytes(cnt(values))
            rows = [CHANNELS.index(name) for name in SEED_CHANNELS]
            for clip, (start, end) in enumerate(zip(starts, ends, strict=True), start=1):
                truths.append(
                    Truth(
                        microvolts(values[rows, start * RATE_HZ : end * RATE_HZ]),
                        float(RATE_HZ),
                        SEED_CHANNELS,
                        subject=f"{person:02d}",
                        trial=f"{clip:02d}",
                        session=str(session),
                        stimulus=f"session {session} clip {clip:02d}",
                        emotion=SEED_V_EMOTIONS[SEED_V_CODES[session - 1][clip - 1]],
                    )
                )
    return Written(f"seed-v:{folder}", folder, truths)


def first_file(folder):
    """The first sitting's file."""
    return folder / "EEG_raw" / f"1_1_{DATES[1]}.cnt"


def _patched(*patches):
    def damage(folder):
        file = first_file(folder)
        content = bytearray(file.read_bytes())
        for at, form, value in patches:
            struct.pack_into(form, content, at, value)
        file.write_bytes(content)

    return damage


def _kept(n_bytes):
    def damage(folder):
        file = first_file(folder)
        content = file.read_bytes()
        file.write_bytes(content[: n_bytes if n_bytes > 0 else len(content) + n_bytes])

    return damage


def _one_channel_gone(folder):
    file = first_file(folder)
    content = bytearray(file.read_bytes())
    at = 900 + 75 * CHANNELS.index("CZ")
    content[at : at + 10] = b"EKG".ljust(10, b"\x00")
    file.write_bytes(content)


def _clip_beyond_the_end(folder):
    first_file(folder).write_bytes(cnt(np.ones((len(CHANNELS), 3 * RATE_HZ), dtype="<i4")))


def _table(text):
    return lambda folder: (folder / TABLE).write_text(text, encoding="utf-8")


DAMAGES = {
    "cut in half": lambda folder: half(first_file(folder)),
    "empty": lambda folder: empty(first_file(folder)),
    "web page": lambda folder: web_page(first_file(folder)),
    "cut in the header": _kept(500),
    "cut in the channels": _kept(1800),
    "the last bytes gone": _kept(-5),
    "the events gone": _kept(-(9 + 3 * 19)),
    "one channel gone": _one_channel_gone,
    "a clip beyond the end": _clip_beyond_the_end,
    "never closed": _patched((N_SAMPLES_AT, "<i", 0), (EVENTS_AT, "<I", 0)),
    "no channels": _patched((370, "<H", 0)),
    "no rate": _patched((376, "<H", 0)),
    "more channels than there are": _patched((370, "<H", 90)),
    "another format of this name": lambda folder: first_file(folder).write_bytes(b"RIFF\x00\x00\x00\x00CNT " * 99),
    "a table of clips that is empty": _table(""),
    "a table of clips that lacks some": _table("Session 1:\nstart_second: [1, 5]\nend_second: [4, 9]\n"),
    "a table of clips that is a web page": _table("<!DOCTYPE html><html>login</html>"),
}
