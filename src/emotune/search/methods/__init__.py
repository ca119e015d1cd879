"""The one table of methods: name -> algorithms (the default first) and the adapter, loaded when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from emotune.errors import InputError
from emotune.search.methods.method import Method, Nothing, StudySettings, Ticket, seed_of
from emotune.search.methods.study_name import check_study_name

__all__ = [
    "METHODS",
    "Method",
    "MethodEntry",
    "Nothing",
    "StudySettings",
    "Ticket",
    "chosen_method",
    "open_method",
    "seed_of",
]


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """One row of the table.

    Attributes:
        algorithms: what `--tuning-algorithm` may be, the default first.
        study_name: name of the study unless the user gives one.
        adapter: `module:class` of the adapter.
        about: one line for `--help`.
    """

    algorithms: tuple[str, ...]
    study_name: str
    adapter: str
    about: str


METHODS = {
    "optuna": MethodEntry(
        ("tpe", "random"),
        "emotion_recognition_optuna",
        "emotune.search.methods.optuna:OptunaMethod",
        "Optuna's samplers; any number of processes share a study",
    ),
    "keras-tuner": MethodEntry(
        ("bayesian", "hyperband", "random"),
        "emotion_recognition_keras_tuner",
        "emotune.search.methods.keras_tuner:KerasTunerMethod",
        "KerasTuner's oracles; one process a study",
    ),
}


def chosen_method(name: str, algorithm: str = "", study: str = "") -> tuple[str, str]:
    """The algorithm and the study's name that a method uses: those given, or else its own.

    Raises:
        InputError: if the method or its algorithm is unknown, or the study's name is none.
    """
    if name not in METHODS:
        raise InputError(f"`--method` must be one of {', '.join(METHODS)}. Received: {name}.")
    entry = METHODS[name]
    algorithm, study = algorithm or entry.algorithms[0], study or entry.study_name
    if algorithm not in entry.algorithms:
        raise InputError(f"Method {name} knows the algorithms {', '.join(entry.algorithms)}. Received: {algorithm}.")
    check_study_name(study)
    return algorithm, study


def open_method(name: str, settings: StudySettings) -> Method:
    """Open or take up a study.

    Raises:
        InputError: if the method or its algorithm is unknown, or the study's name is none.
    """
    chosen_method(name, settings.algorithm)
    check_study_name(settings.name)
    module, _, adapter = METHODS[name].adapter.partition(":")
    method: Method = getattr(import_module(module), adapter)(settings)
    return method
