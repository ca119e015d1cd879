"""Which channels of a file are EEG, told by their names: many files type every channel as EEG."""

from __future__ import annotations

import re

__all__ = ["is_eeg_name"]

# What recorders call channels that are not on the scalp. A name is compared token by token, so `EEG ECG-REF`
# and `CQ_AF3` (Emotiv's contact quality) are found too. Ears and mastoids stay: the montage decides on those.
_NOT_EEG = re.compile(
    r"""
    (?: [lr]?[hv]?eog[hvlr]? | [hv]eo[lrud]? | loc | roc                        # eyes
    | e[ck]g | [a-z]?emg | exg | bip | aux | misc | dc                          # heart, muscle, free inputs
    | gsr | eda | scr | erg | pleth? | ppg | bvp | pulse | spo | sao            # skin, blood
    | resp | respiration | airflow | thorax | abdomen | snore | temp | temperature
    | acc | accel | accelerometer | gyro? | gyroscope | magnetometer            # motion
    | sti | stim | status | trig | trigger | events? | markers? | markervalue | annotations | photic | sync
    | counter | interpolated | cq | battery | timestamps? | time | ibi | bursts | suppr
    )
    [xyz]?\d*
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_eeg_name(name: str) -> bool:
    """Whether `name` may be an electrode on the head: False for ECG, EOG, EMG, triggers and sensors."""
    return not any(_NOT_EEG.fullmatch(token) for token in re.split(r"[^A-Za-z0-9]+", name) if token)
