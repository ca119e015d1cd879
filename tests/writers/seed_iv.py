"""SEED-IV's `eeg_raw_data`: a folder for each session, in it a MATLAB file for each person."""

from writers import Truth, Written
from writers.film_clips import CHANNELS, INITIALS, RATE_HZ, clip_of, damages, save, sitting
from writers.signals import numbers

CODES = {
    1: (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    2: (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    3: (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
}
EMOTIONS = ("neutral", "sad", "fear", "happy")
DATES = {1: "20151210", 2: "20151018", 3: "20151118"}  # the folder is the session, whatever the date
N_CLIPS = len(CODES[1])


def write(folder, n_people=2, seconds=1.0, sessions=(1, 2)):
    """`eeg_raw_data`, written last to first, so that no order of the file system helps."""
    truths = []
    for person in reversed(numbers(n_people)):
        for session in reversed(sessions):
            codes = CODES[session]
            levels = [code / 3 for code in codes]
            clips = sitting(1000 * session + person, levels, seconds, INITIALS.get(person, "djc"))
            save(folder / str(session) / f"{person}_{DATES[session]}.mat", clips)
            truths[:0] = [
                Truth(
                    clip_of(clips, clip),
                    float(RATE_HZ),
                    CHANNELS,
                    subject=f"{person:02d}",
                    session=str(session),
                    trial=f"{clip:02d}",
                    stimulus=f"session {session} clip {clip:02d}",
                    emotion=EMOTIONS[code],
                )
                for clip, code in enumerate(codes, start=1)
            ]
    return Written(f"seed-iv:{folder}", folder, truths)


def first(folder):
    """The sitting that is read first."""
    return folder / "1" / f"2_{DATES[1]}.mat"


DAMAGES = damages(first, N_CLIPS)
