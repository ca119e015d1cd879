"""SEED, SEED-IV and SEED-V as their authors' differential entropy: 62 electrodes x 5 bands in windows of each clip.

References:
    Duan, Zhu & Lu (2013), Differential entropy feature for EEG-based emotion classification.
    Zheng & Lu (2015), Zheng et al. (2019), Liu et al. (2021): as for the recordings of these sets.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeGuard

import numpy as np
from numpy.typing import NDArray

from emotune.data.pickled_npz import load_pickled_arrays
from emotune.data.published_features import Clip, FeatureFolder
from emotune.errors import InputError
from emotune.features.layout import Layout
from emotune.features.montage import normalise_name
from emotune.findings import Finding, listed
from emotune.recordings.matlab import read_matlab
from emotune.recordings.sets.seed_files import (
    ACCESS,
    N_SESSIONS,
    REMEDY,
    SEED_CHANNELS,
    SEED_CODES,
    SEED_EMOTIONS,
    SEED_IV_CODES,
    SEED_IV_EMOTIONS,
    SEED_V_EMOTIONS,
    Sitting,
    changed_labels,
    read_seed_codes,
    refuse_copies,
    sittings_by_date,
    sittings_by_folder,
    variables_of,
)

__all__ = ["SEED_LAYOUT", "SeedFeatures", "SeedIVFeatures", "SeedVFeatures"]

SEED_LAYOUT = Layout(
    tuple(normalise_name(name) for name in SEED_CHANNELS),
    (("delta", 1.0, 4.0), ("theta", 4.0, 8.0), ("alpha", 8.0, 14.0), ("beta", 14.0, 31.0), ("gamma", 31.0, 50.0)),
    (),
    (),
)
"""62 electrodes x 5 bands, as the sets' authors chose them, and nothing behind."""

# Of what the MATLAB files hold, the variant that was smoothed least: the other (`de_LDS`) looks into the future too.
_VARIABLE = re.compile(r"de_movingAve(\d+)")


class _MatlabFeatures(FeatureFolder):
    """SEED and SEED-IV: a MATLAB file a sitting, a variable `de_movingAve1` and on a clip, `(62, n, 5)`."""

    access, layout = ACCESS, SEED_LAYOUT
    n_clips: ClassVar[int]
    smoothed = "The ready-made features (de_movingAve) are moving averages over neighbouring windows"

    @abstractmethod
    def _sittings(self, folder: Path) -> list[Sitting]:
        """The sittings whose files are named and placed as this set's, by person and session."""

    @abstractmethod
    def _targets(self, folder: Path) -> tuple[tuple[int, ...], ...]:
        """What each clip of each session was meant to raise, as indices into `emotions`."""

    @abstractmethod
    def _stimulus(self, session: int, clip: int) -> str:
        """What to call a clip, the same for all who saw it."""

    def files_in(self, folder: Path) -> list[Path]:
        """The sittings' files; none where their variables are another set's."""
        files = [sitting.file for sitting in self._sittings(folder)]
        return [] if files and self._unlike(files[0]) else files

    def why_not_these(self, folder: Path) -> str:
        """Recordings have files of the same names, and other sets too."""
        sittings = self._sittings(folder)
        return self._unlike(sittings[0].file) if sittings else ""

    def _unlike(self, file: Path) -> str:
        try:
            names = [name for name, _ in variables_of(file)]
        except InputError:
            return ""  # reading it says what is wrong, and names it
        numbers = sorted(int(named[1]) for name in names if (named := _VARIABLE.fullmatch(name)))
        if not numbers:
            return f"no variables de_movingAve1 and on in {file} but {listed(names, 3) or 'none'}"
        return f"{numbers[-1]} clips in {file}, as another set has" if numbers[-1] > self.n_clips else ""

    def clips(self, folder: Path) -> Iterator[Clip]:
        """Every clip of every sitting, one file in memory at a time."""
        sittings = self._sittings(folder)
        refuse_copies(sittings, folder)
        targets = self._targets(folder)
        for sitting in sittings:
            content = read_matlab(sitting.file, [f"de_movingAve{clip}" for clip in range(1, self.n_clips + 1)])
            for clip in range(1, self.n_clips + 1):
                values = content.get(f"de_movingAve{clip}")
                expected = (SEED_LAYOUT.n_channels, SEED_LAYOUT.n_bands)
                if not _is_numbers(values) or values.ndim != 3 or values.shape[::2] != expected or not values.shape[1]:
                    raise InputError(
                        f"Expected `de_movingAve{clip}` of shape (62, n, 5) in {sitting.file}, electrodes, windows "
                        f"and bands. Received: {_shape(values)}. {REMEDY}"
                    )
                rows = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
                yield Clip(
                    _finite(rows, f"{sitting.file}, clip {clip}"),
                    targets[sitting.session - 1][clip - 1],
                    subject=f"{sitting.person:02d}",
                    session=str(sitting.session),
                    clip=clip,
                    stimulus=self._stimulus(sitting.session, clip),
                )


class SeedFeatures(_MatlabFeatures):
    """`ExtractedFeatures` of SEED, in newer copies `ExtractedFeatures_1s` and `ExtractedFeatures_4s`."""

    kind, title, emotions, n_clips = "seed", "SEED", SEED_EMOTIONS, len(SEED_CODES)
    folder = "ExtractedFeatures with label.mat and files such as 1_20131027.mat, three a person"

    def _place(self, folder: Path) -> Path:
        inner = ("ExtractedFeatures", "ExtractedFeatures_1s", "ExtractedFeatures_4s")
        return next(
            (place for place in (folder, *(folder / name for name in inner)) if sittings_by_date(place)), folder
        )

    def _sittings(self, folder: Path) -> list[Sitting]:
        return sittings_by_date(self._place(folder))

    def _targets(self, folder: Path) -> tuple[tuple[int, ...], ...]:
        codes = read_seed_codes(self._place(folder) / "label.mat")
        return (tuple(code + 1 for code in codes),) * N_SESSIONS

    def _stimulus(self, session: int, clip: int) -> str:
        return f"clip {clip:02d}"

    def findings(self, folder: Path) -> tuple[Finding, ...]:
        """A label file that is not the published one is used, and said."""
        return changed_labels(read_seed_codes(self._place(folder) / "label.mat"), folder)

    def provenance(self, folder: Path) -> Mapping[str, Any]:
        """The name of the folder too: newer copies say there how long a row is."""
        return {"feature": "de_movingAve", "files": self._place(folder).name}


class SeedIVFeatures(_MatlabFeatures):
    """`eeg_feature_smooth` of SEED-IV with the folders 1, 2 and 3 of its sessions; a row is 4 seconds."""

    kind, title, emotions, n_clips = "seed-iv", "SEED-IV", SEED_IV_EMOTIONS, len(SEED_IV_CODES[0])
    folder = "eeg_feature_smooth with the folders 1, 2 and 3, in each files such as 1_20160518.mat, one a person"

    def _sittings(self, folder: Path) -> list[Sitting]:
        return sittings_by_folder(folder) or sittings_by_folder(folder / "eeg_feature_smooth")

    def _targets(self, folder: Path) -> tuple[tuple[int, ...], ...]:
        return SEED_IV_CODES

    def _stimulus(self, session: int, clip: int) -> str:
        return f"session {session} clip {clip:02d}"

    def provenance(self, folder: Path) -> Mapping[str, Any]:
        """Which of the variants that the files hold."""
        return {"feature": "de_movingAve"}


class SeedVFeatures(FeatureFolder):
    """`EEG_DE_features` of SEED-V: a file a person, two pickled dicts with the clips of all sessions; a row is 4 s."""

    access, layout = ACCESS, SEED_LAYOUT
    kind, title, emotions = "seed-v", "SEED-V", SEED_V_EMOTIONS
    folder = "EEG_DE_features with files such as 1_123.npz, one a person"
    smoothed = "The ready-made features of SEED-V may be smoothed over neighbouring windows (its files do not say)"
    _n_clips = 15  # of each session
    _file = re.compile(r"(\d+)_123\.npz", re.IGNORECASE)

    def _people(self, folder: Path) -> list[tuple[int, Path]]:
        for place in (folder, folder / "EEG_DE_features"):
            found = [(file, self._file.fullmatch(file.name)) for file in place.iterdir()] if place.is_dir() else []
            people = sorted((int(name[1]), file) for file, name in found if name)
            if people:
                return people
        return []

    def files_in(self, folder: Path) -> list[Path]:
        """`1_123.npz` and so on, by number."""
        return [file for _, file in self._people(folder)]

    def why_not_these(self, folder: Path) -> str:
        """No other set has files of these names."""
        return ""

    def clips(self, folder: Path) -> Iterator[Clip]:
        """45 clips a person: 15 of each session."""
        for person, file in self._people(folder):
            content = load_pickled_arrays(file, ("data", "label"))
            data, label = content.get("data"), content.get("label")
            keys = range(N_SESSIONS * self._n_clips)
            if not isinstance(data, dict) or not isinstance(label, dict) or not set(keys) == set(data) == set(label):
                received = " and ".join(
                    f"`{name}` with {len(part)} clips" if isinstance(part, dict) else f"no dict in `{name}`"
                    for name, part in (("data", data), ("label", label))
                )
                raise InputError(
                    f"Expected `data` and `label` in {file}, each with the clips 0 to {keys[-1]}. "
                    f"Received: {received}. {REMEDY}"
                )
            for key in keys:
                session, clip = key // self._n_clips + 1, key % self._n_clips + 1
                place = f"{file}, clip {key}"
                yield Clip(
                    self._rows(data[key], place),
                    self._one_emotion(label[key], len(data[key]), place),
                    subject=f"{person:02d}",
                    session=str(session),
                    clip=clip,
                    stimulus=f"session {session} clip {clip:02d}",
                )

    def _rows(self, values: Any, place: str) -> NDArray[np.float32]:
        if not _is_numbers(values) or values.ndim != 2 or values.shape[1] != SEED_LAYOUT.n_features or not len(values):
            raise InputError(
                f"Expected (n, {SEED_LAYOUT.n_features}) values, windows by electrodes and bands, in {place}. "
                f"Received: {_shape(values)}. {REMEDY}"
            )
        return _finite(values, place)

    def _one_emotion(self, labels: Any, n: int, place: str) -> int:
        values = labels.ravel().tolist() if _is_numbers(labels) else []
        if len(values) != n or len(set(values)) != 1 or values[0] not in range(len(self.emotions)):
            received = f"{len(values)} labels, {listed([f'{value:g}' for value in sorted(set(values))], 6) or 'none'}"
            raise InputError(
                f"Expected one emotion, 0 to {len(self.emotions) - 1}, for all {n} windows of {place}. "
                f"Received: {received}. {REMEDY}"
            )
        return int(values[0])


def _is_numbers(values: Any) -> TypeGuard[NDArray[Any]]:
    return isinstance(values, np.ndarray) and values.dtype.kind in "fiu"


def _shape(values: Any) -> str:
    return f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else "nothing of that kind"


def _finite(values: NDArray[Any], place: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        rows = values.astype(np.float32)
    wrong = int((~np.isfinite(rows)).sum())
    if wrong:
        raise InputError(f"Expected finite values in {place}. Received: {wrong} that are NaN or infinite. {REMEDY}")
    return rows
