"""The user's constants: read from src/config.py, overridden by the command line, each with its source."""

from __future__ import annotations

import contextlib
import difflib
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from emotune.cli.constants import CONSTANTS, REQUIRED, checked, constants_of, hyperparameters_of, storable
from emotune.errors import InputError
from emotune.imports import FreshSourceLoader

if TYPE_CHECKING:
    from emotune.features.settings import FeatureSettings

__all__ = ["Configuration", "constants_in", "not_applied", "read_configuration", "shown", "shown_path"]

# The 32 channels in full would push the sources out of sight.
_SHOWN_IN_FULL = 8

# BANDPASS_HZ is meant for BAND_PASS_HZ (0.96), EPOCHES for EPOCHS (0.92); WINDOW (0.86) may be the user's own name.
_NEARLY = 0.88


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of a run.

    Attributes:
        values: constant name -> checked value.
        sources: constant name -> where its value came from: the file, or `command line`.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]

    @property
    def data(self) -> str:
        """What `load_dataset` takes: `simulated`, `manifest:PATH` or `FILE.npz`."""
        return str(self.values["DATA"])

    @property
    def metric(self) -> str:
        """Name of the metric that is optimised."""
        return str(self.values["METRIC"])

    @property
    def protocol(self) -> str:
        """Name of the protocol that divides the data; empty for the one that fits."""
        return str(self.values["PROTOCOL"])

    @property
    def epochs(self) -> int:
        """Most passes over the training part."""
        return int(self.values["EPOCHS"])

    @property
    def patience(self) -> int:
        """Passes without improvement after which training ends."""
        return int(self.values["PATIENCE"])

    @property
    def seed(self) -> int:
        """Seed of the split, the search and the training."""
        return int(self.values["SEED"])

    @property
    def n_steps(self) -> int:
        """Windows in a row that make one sample."""
        return int(self.values["N_STEPS"])

    @property
    def channels(self) -> tuple[str, ...]:
        """Electrodes that are used."""
        return tuple(self.values["CHANNELS"])

    @property
    def emotion_labels(self) -> dict[int, str]:
        """Label number -> its name."""
        return dict(self.values["EMOTION_LABELS"])

    @property
    def models_dir(self) -> Path:
        """Folder of everything that is written."""
        return Path(self.values["MODELS_DIR"])

    @property
    def feature_settings(self) -> FeatureSettings:
        """How recordings become vectors.

        Raises:
            InputError: if a value is none of those that are known.
        """
        from emotune.features.preprocessing import Preprocessing
        from emotune.features.settings import FeatureSettings

        with _by_their_constants(self):
            return FeatureSettings(
                window_s=self.values["WINDOW_S"],
                overlap=self.values["WINDOW_OVERLAP"],
                bands_hz=self.values["BANDS_HZ"],
                channels=self.channels,
                reference=self.values["REFERENCE"],
                baseline=self.values["BASELINE"],
                preprocessing=Preprocessing(
                    band_pass_hz=self.values["BAND_PASS_HZ"],
                    notch_hz=self.values["NOTCH_HZ"],
                    resample_hz=self.values["RESAMPLE_HZ"],
                    phase=self.values["FILTER_PHASE"],
                    bad_channels=self.values["BAD_CHANNELS"],
                    blinks=self.values["BLINKS"],
                    reject_uv=self.values["REJECT_UV"],
                ),
                estimator=self.values["ESTIMATOR"],
                extra_blocks=tuple(self.values["EXTRA_BLOCKS"]),
                smoothing=self.values["SMOOTHING"],
            )

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What the constants say to `build_model`, by its own names; made for `Replay(..., strict=False)`."""
        return hyperparameters_of(self.values)

    def source_of(self, name: str) -> str:
        """Where a constant's value came from; `default` for names that are no constants."""
        return self.sources.get(name, "default")

    def class_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Class names as `EMOTION_LABELS` words them, where the data has these numbers, all of them, and no names."""
        labels = {str(number): label for number, label in self.emotion_labels.items()}
        return tuple(labels[name] for name in names) if set(names) == set(labels) else names

    def overridden(self, given: Mapping[str, object], *, source: str = "command line") -> Configuration:
        """The same settings with other values; None stands for not given.

        Args:
            given: constant name -> value.
            source: where the values came from.

        Raises:
            InputError: if a value is not of its constant's type.
            KeyError: if there is no such constant.
        """
        known = {constant.name: constant for constant in CONSTANTS}
        new = {
            name: checked(known[name], value, where=f"the {source}")
            for name, value in given.items()
            if value is not None
        }
        changed = replace(
            self,
            values=MappingProxyType({**self.values, **new}),
            sources=MappingProxyType({**self.sources, **dict.fromkeys(new, source)}),
        )
        hyperparameters_of(changed.values)
        return changed

    def with_threshold(self, threshold: str | None) -> Configuration:
        """The same settings with a threshold for the ratings of `TARGET`; None stands for not given.

        Raises:
            InputError: if it is no threshold, or `TARGET` has no rating without one.
        """
        from emotune.recordings.targets import parse_targets

        if threshold is None:
            return self
        choices = parse_targets(str(self.values["TARGET"]), threshold)
        return self.overridden({"TARGET": ",".join(map(str, choices))})

    def with_hyperparameters(self, hyperparameters: Mapping[str, Any], *, source: str) -> Configuration:
        """The same settings with a whole configuration of the network, such as a search's winner.

        Raises:
            InputError: if a value is no number, text or boolean that a file can hold.
        """
        new = constants_of(hyperparameters, self.values, where=source)
        return self.overridden(new, source=source)

    def rows(self) -> list[tuple[str, str, str]]:
        """(constant, value, source) of every constant, for printing."""
        return [
            (constant.name, shown(self.values[constant.name]), self.source_of(constant.name)) for constant in CONSTANTS
        ]


def read_configuration(path: Path | str) -> Configuration:
    """Read the constants of a configuration file; names that are not known are ignored.

    A file of an earlier version may lack those that came since; what it then did is their default.

    Raises:
        InputError: if the file is missing or broken, a constant is missing, or a value is of another type.
    """
    where = shown_path(Path(path))
    values = constants_in(path)
    sources = dict.fromkeys(values, where)
    for constant in CONSTANTS:
        if constant.name in values:
            continue
        if constant.default is REQUIRED:
            raise InputError(
                f"`{constant.name}` must be in {where}: {constant.expected}. Received: no such constant. "
                f"Add a line like {constant.name} = {constant.example!r}."
            )
        values[constant.name], sources[constant.name] = constant.default, "default"
    hyperparameters_of(values)
    return Configuration(MappingProxyType(values), MappingProxyType(sources))


def constants_in(path: Path | str) -> dict[str, Any]:
    """The checked values of those constants that a configuration file has.

    Raises:
        InputError: if the file is missing or broken, or a value is of another type.
    """
    path = Path(path)
    where = shown_path(path)
    found = _names_in(path, where)
    _refuse_misspelt(found, where)
    return {
        constant.name: checked(constant, found[constant.name], where=where)
        for constant in CONSTANTS
        if constant.name in found
    }


# Where a constant is not its setting's name in capitals.
_CONSTANT_OF = {"overlap": "WINDOW_OVERLAP", "phase": "FILTER_PHASE"}


@contextlib.contextmanager
def _by_their_constants(configuration: Configuration) -> Iterator[None]:
    """Name in an error the constant that a setting came from, and the file or option that said so."""
    try:
        yield
    except InputError as error:
        found = re.match(r"`([a-z_]+)` must be", str(error))
        name = _CONSTANT_OF.get(found[1], found[1].upper()) if found else ""
        if found is None or name not in configuration.values:
            raise
        said = str(error).replace(f"`{found[1]}`", f"`{name}` of {configuration.source_of(name)}", 1)
        raise InputError(said) from error


def _refuse_misspelt(found: Mapping[str, Any], where: str) -> None:
    """A name that is nearly a constant's was meant for it, and would be ignored; a user's own names are left alone."""
    known = [constant.name for constant in CONSTANTS]
    for name in found:
        near = difflib.get_close_matches(name, known, n=1, cutoff=_NEARLY) if name.isupper() else []
        if near and name not in known:
            raise InputError(
                f"Expected settings in {where} by the names that they have. Received: {name}, which is none. Did you "
                f"mean {near[0]}? Rename it, or call a constant of your own something else."
            )


def not_applied(
    configuration: Configuration, best: Mapping[str, Any], *, where: str = "best_hyperparameters.json"
) -> list[tuple[str, Any, Any]]:
    """Where a search's winner differs from the configuration: (constant, configured value, winner's value).

    Values that no configuration file can hold are left out.

    Args:
        configuration: the settings of the run.
        best: the winner's hyperparameters by name.
        where: names the source of `best` in messages.
    """
    wanted = constants_of(storable(best), configuration.values, where=where)
    return [
        (constant.name, configuration.values[constant.name], wanted[constant.name])
        for constant in CONSTANTS
        if constant.name in wanted and wanted[constant.name] != configuration.values[constant.name]
    ]


def shown(value: object) -> str:
    """A constant's value in one short line."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) or "{}"
    if isinstance(value, tuple):
        return "–".join("" if item is None else f"{item:g}" for item in value)
    if isinstance(value, list) and len(value) > _SHOWN_IN_FULL:
        return f"{len(value)} values: {value[0]}, {value[1]}, … {value[-1]}"
    return value if isinstance(value, str) else repr(value)


def shown_path(path: Path) -> str:
    """A path as the user would write it: relative to the working folder where it lies in it."""
    absolute, here = path.resolve(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else path).as_posix()


def _names_in(path: Path, where: str) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"Expected a configuration file at {where}. Received: no such file. "
            "Run the command from the project's root, or restore the file from the project."
        )
    loader = FreshSourceLoader("emotune_configuration", str(path.resolve()))
    module = ModuleType(loader.name)
    module.__file__ = loader.path
    try:
        loader.get_code(loader.name)
    except SyntaxError as error:
        raise InputError(
            f"Expected Python in {where}. Received: {error.msg} at line {error.lineno}: "
            f"{(error.text or '').strip()!r}. Mend that line."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"Expected readable text in {where}. Received: {error}. Save it as UTF-8.") from error
    try:
        loader.exec_module(module)
    except Exception as error:  # whatever a user's file does: the message names the line
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == loader.path]
        at = f" at line {lines[-1]}" if lines else ""
        raise InputError(
            f"Expected plain constants in {where}. Received: {type(error).__name__}: {error}{at}. Mend that line."
        ) from error
    return vars(module)
