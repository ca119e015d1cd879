"""What made a result: data, features, code, libraries, machine, seed and command, so that it can be made again."""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import emotune
from emotune.data.dataset import Dataset
from emotune.data.normalising import FROM_TRAINING, Normalisation
from emotune.evaluation.splits import Split
from emotune.features.settings import FeatureSettings
from emotune.features.vector import FEATURE_VERSION
from emotune.files import fingerprint, fingerprint_of_file
from emotune.search.hypermodel import fingerprint_of_source
from emotune.search.presence import n_cores

__all__ = ["code_fingerprint", "features_in_short", "features_of", "fingerprints", "provenance"]

_PACKAGES = ("keras", "tensorflow", "keras-tuner", "optuna", "mne", "numpy", "scipy", "scikit-learn")


def provenance(seed: int, command: str) -> dict[str, Any]:
    """Code, libraries, machine, seed and command, as JSON values."""
    return {
        "seed": seed,
        "command": command,
        "versions": {
            "emotune": emotune.__version__,
            "code": code_fingerprint(),
            "features": FEATURE_VERSION,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "machine": f"{platform.system()} {platform.machine()}, {n_cores()} cores, Python {sys.implementation.name}",
    }


@functools.cache
def code_fingerprint() -> str:
    """Changes with any source file of the package: a version number stays the same between releases."""
    package = Path(emotune.__file__).parent
    files = sorted(file for file in package.rglob("*.py"))
    return fingerprint({file.relative_to(package).as_posix(): fingerprint_of_file(file) for file in files})


def fingerprints(dataset: Dataset, split: Split, *, space: Path) -> dict[str, str]:
    """What a result belongs to, each as a fingerprint: `data`, `split`, `features`, `space` and `code`.

    Args:
        dataset: the rows.
        split: their parts.
        space: the user's file with the hypermodel; modules beside it that it imports count.
    """
    return {
        "data": dataset.fingerprint,
        "split": split.fingerprint,
        "features": features_of(dataset)["fingerprint"],
        "space": fingerprint_of_source(space, modules=space.parent),
        "code": code_fingerprint(),
    }


def features_of(dataset: Dataset) -> dict[str, Any]:
    """How the vectors of a dataset were made, as JSON values; of a table the names of its columns, which is all.

    Their fingerprint changes with them, and not with the recordings.
    """
    settings = _settings_in(dataset.provenance)
    made = {name: dataset.provenance.get(name) for name in ("n_steps", "normalisation")}
    if settings is None:
        made["columns"] = list(dataset.feature_names)
    else:
        made |= {**settings.to_dict(), "version": FEATURE_VERSION}
    return {**made, "fingerprint": fingerprint(made)}


def features_in_short(features: Mapping[str, Any]) -> str:
    """What `features_of` gave, in a few words: `4 s windows, notch_hz 50.0`."""
    settings = _settings_in(features)
    words = [f"{len(features.get('columns', ()))} columns" if settings is None else settings.in_short()]
    if settings is not None:
        words.append(f"features of version {features.get('version')}")
    if (n_steps := features.get("n_steps") or 1) > 1:
        words.append(f"{n_steps} windows in a row")
    normalisation = features.get("normalisation")
    words.append(f"--normalise {FROM_TRAINING if normalisation is None else Normalisation.from_dict(normalisation)}")
    return ", ".join(words)


def _settings_in(content: Mapping[str, Any]) -> FeatureSettings | None:
    """The settings among other values, such as a dataset's provenance; None where there are none."""
    known = {name: content[name] for name in FeatureSettings.__slots__ if name in content}
    return FeatureSettings.from_dict(known) if "window_s" in known else None
