"""DREAMER's one file of nested MATLAB structs: always 23 people."""

import numpy as np
import scipy.io

from writers import Truth, Written, empty, half, web_page
from writers.signals import eeg_uv

RATE_HZ = 128
N_PEOPLE, N_CLIPS = 23, 18
ELECTRODES = ("AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4")
SCORES = {"valence": "ScoreValence", "arousal": "ScoreArousal", "dominance": "ScoreDominance"}


def cells(values, shape):
    """A MATLAB cell array; NumPy would make one array of cells of equal size."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array.reshape(shape)


def person(number, seconds):
    """One cell of `Data`: (n_times, 14) around the headset's offset, of another odd length for each clip."""
    source = np.random.default_rng(number)
    scores = {field: source.integers(1, 6, (N_CLIPS, 1)).astype(np.uint8) for field in SCORES.values()}
    levels = ((scores["ScoreValence"].ravel() - 1.0) / 4.0).tolist()

    def samples(n_times, level):
        return np.round(eeg_uv(source, len(ELECTRODES), n_times, RATE_HZ, level, offset_uv=4200.0).T, 1)

    stimuli = [samples(round(seconds * RATE_HZ) + 1 + 2 * clip + number, levels[clip]) for clip in range(N_CLIPS)]
    baseline = [samples(RATE_HZ // 2 + 1 + clip, 0.0) for clip in range(N_CLIPS)]
    return {
        "Age": "27",
        "Gender": "female",
        "EEG": {"baseline": cells(baseline, (N_CLIPS, 1)), "stimuli": cells(stimuli, (N_CLIPS, 1))},
        "ECG": {name: cells([np.zeros((10, 2))] * N_CLIPS, (N_CLIPS, 1)) for name in ("baseline", "stimuli")},
        **scores,
    }


def save(folder, people, **fields):
    """`DREAMER.mat` of these people."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "Data": cells(people, (1, len(people))),
        "EEG_SamplingRate": RATE_HZ,
        "ECG_SamplingRate": 256,
        "EEG_Electrodes": cells(list(ELECTRODES), (1, len(ELECTRODES))),
        "noOfSubjects": N_PEOPLE,
        "noOfVideoSequences": N_CLIPS,
        **fields,
    }
    scipy.io.savemat(folder / "DREAMER.mat", {"DREAMER": content}, do_compression=True)


def write(folder, n_people=N_PEOPLE, seconds=1.0):
    """The file; of all its people, however many are asked for."""
    people = [person(number, seconds) for number in range(1, N_PEOPLE + 1)]
    save(folder, people)
    truths = [
        Truth(
            who["EEG"]["stimuli"][clip, 0].T,
            float(RATE_HZ),
            ELECTRODES,
            subject=f"p{number:02d}",
            trial=f"{clip + 1:02d}",
            stimulus=f"clip {clip + 1:02d}",
            ratings={name: float(who[field][clip, 0]) for name, field in SCORES.items()},
            baseline_uv=who["EEG"]["baseline"][clip, 0].T,
        )
        for number, who in enumerate(people, start=1)
        for clip in range(N_CLIPS)
    ]
    return Written(f"dreamer:{folder}", folder, truths)


def small_person(**changes):
    """One cell of `Data` with one sample a clip; a change of None leaves that field out."""
    ones = cells([np.ones((1, len(ELECTRODES)))] * N_CLIPS, (N_CLIPS, 1))
    eeg = {"baseline": ones, "stimuli": ones}
    scores = {field: np.full((N_CLIPS, 1), 3, dtype=np.uint8) for field in SCORES.values()}
    content = {"Age": "27", "EEG": eeg, **scores}
    for field, value in changes.items():
        place = eeg if field in eeg else content
        place[field] = value
        if value is None:
            del place[field]
    return content


def with_a_changed_person(**changes):
    """A way to spoil a folder: its file anew, small, whose third person has been changed."""
    return lambda folder: save(
        folder, [small_person(**(changes if number == 3 else {})) for number in range(1, N_PEOPLE + 1)]
    )


def _score(value):
    return np.array([[3.0]] * (N_CLIPS - 1) + [[value]])


def _last_clip(samples):
    return cells([np.ones((5, len(ELECTRODES)))] * (N_CLIPS - 1) + [samples], (N_CLIPS, 1))


DAMAGES = {
    "cut in half": lambda folder: half(folder / "DREAMER.mat"),
    "empty": lambda folder: empty(folder / "DREAMER.mat"),
    "web page": lambda folder: web_page(folder / "DREAMER.mat"),
    "wrong key": lambda folder: scipy.io.savemat(folder / "DREAMER.mat", {"other": np.ones(3)}),
    "wrong shape": with_a_changed_person(stimuli=_last_clip(np.ones((5, 14, 2)))),
    "missing labels": with_a_changed_person(ScoreArousal=None),
    "labels of another length": with_a_changed_person(ScoreArousal=np.ones((17, 1))),
    "one channel gone": with_a_changed_person(stimuli=_last_clip(np.ones((5, 13)))),
    "one clip gone": with_a_changed_person(stimuli=cells([np.ones((5, 14))] * 17, (17, 1))),
    "one person gone": lambda folder: save(folder, [small_person()] * (N_PEOPLE - 1)),
    "no baseline": with_a_changed_person(baseline=None),
    "one baseline gone": with_a_changed_person(baseline=cells([np.ones((5, 14))] * 17, (17, 1))),
    "one channel of a baseline gone": with_a_changed_person(baseline=_last_clip(np.ones((5, 13)))),
    "text in place of numbers": with_a_changed_person(stimuli=_last_clip("text")),
    "a rating beyond the scale": with_a_changed_person(ScoreValence=_score(6.0)),
}
