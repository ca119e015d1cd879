"""KerasTuner's oracles as this project uses them: given trials first, files written whole, no words of their own."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from emotune.files import write_text
from emotune.imports import import_quietly
from emotune.search.methods.hyperband import hyperband_factor, one_iteration_after_another
from emotune.search.methods.method import StudySettings
from emotune.search.space import Parameter
from emotune.search.trials import Trial

__all__ = ["declare", "end_trial", "import_library", "make_oracle", "quiet"]

# KerasTuner's default, three times the dimensions, would leave a search of 50 trials random.
N_INITIAL_POINTS = 10

# Failures are recorded one by one; a row of them is the search's business, not the oracle's.
_NEVER = 10**9


def import_library() -> Any:
    """The package `keras_tuner`; it brings TensorFlow with it, which takes seconds."""
    with quiet():
        import_quietly("keras_tuner.oracles")
        return import_quietly("keras_tuner")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep KerasTuner's warnings back."""
    with warnings.catch_warnings():
        # KerasTuner is frozen and calls what Python, SciPy and scikit-learn have since renamed.
        warnings.simplefilter("ignore")
        yield


def make_oracle(library: Any, settings: StudySettings, total: int, parameters: Sequence[Parameter]) -> Any:
    """The oracle of the settings' algorithm over a space, with its files in the study's folder.

    Args:
        library: `import_library()`.
        settings: of the study.
        total: trials that the study shall have ended.
        parameters: the space as discovered.
    """
    space = library.HyperParameters()
    for parameter in parameters:
        declare(space, parameter)
    by_name = {parameter.name: parameter for parameter in parameters}
    common = {
        "objective": library.Objective("score", direction="max" if settings.maximise else "min"),
        "hyperparameters": space,
        "seed": settings.seed or 1,  # KerasTuner takes 0 for no seed
        "max_consecutive_failed_trials": _NEVER,
    }
    oracles: dict[str, Callable[[], tuple[type, dict[str, Any]]]] = {
        "bayesian": lambda: (
            library.oracles.BayesianOptimizationOracle,
            {"max_trials": total, "num_initial_points": N_INITIAL_POINTS},
        ),
        "random": lambda: (library.oracles.RandomSearchOracle, {"max_trials": total}),
        "hyperband": lambda: (
            one_iteration_after_another(library.oracles.HyperbandOracle),
            {
                "max_epochs": settings.epochs,
                "factor": hyperband_factor(settings.epochs, total - len(settings.starts)),
                "hyperband_iterations": None,
            },
        ),
    }
    base, special = oracles[settings.algorithm]()

    class StartsFirst(base):  # type: ignore[misc, valid-type]
        """The oracle, but its first trials take what is given, and its files are written whole."""

        def save(self) -> None:
            # With a copy: without this file nothing of a study can be used.
            for name in ("oracle.json", "oracle.copy.json"):
                _write(Path(self._project_dir) / name, self.get_state())

        def _save_trial(self, trial: Any) -> None:
            _write(Path(self._project_dir) / f"trial_{trial.trial_id}" / "trial.json", trial.get_state())

        def populate_space(self, trial_id: str) -> Any:
            number = len(self.trials)
            if number >= len(settings.starts):
                return super().populate_space(trial_id)
            # Hyperband's too: outside of its brackets, so that it is trained in full.
            declared = [by_name[known.name] for known in self.get_space().space if known.name in by_name]
            values = {parameter.name: settings.start_value(number, parameter) for parameter in declared}
            return {"status": "RUNNING", "values": values}

    oracle = StartsFirst(**common, **special)
    oracle.verbose = 0
    # Private, as are save's `_project_dir`, `_save_trial` and the `_retry_queue` of a study that is taken up: an
    # oracle is told where its files lie only by a tuner of KerasTuner's, which would train in this process.
    oracle._set_project_dir(str(settings.folder), settings.name)
    return oracle


def declare(space: Any, parameter: Parameter) -> None:
    """Put one of our parameters into KerasTuner's words."""
    if parameter.n_values == 1:
        return
    if parameter.kind == "boolean":
        space.Boolean(parameter.name, default=bool(parameter.default))
    elif parameter.choices:
        space.Choice(parameter.name, list(parameter.choices), default=parameter.default)
    elif parameter.kind == "int":
        step = {} if parameter.log else {"step": int(parameter.step or 1)}
        sampling = "log" if parameter.log else "linear"
        space.Int(
            parameter.name,
            parameter.low,
            parameter.high,
            default=parameter.default,
            sampling=sampling,
            **step,
        )
    elif parameter.step is not None:
        # KerasTuner's stepped float never gives its top value; as an ordered choice every value can come.
        values = [parameter.value_at(index) for index in range(int(parameter.n_values))]
        space.Choice(parameter.name, values, ordered=True, default=parameter.default)
    else:
        sampling = "log" if parameter.log else "linear"
        space.Float(parameter.name, parameter.low, parameter.high, default=parameter.default, sampling=sampling)


def _write(path: Path, content: Any) -> None:
    """KerasTuner's JSON (it knows infinity), whole or not at all."""
    write_text(path, json.dumps(content))


def end_trial(oracle: Any, handle: Any, trial: Trial) -> None:
    """Let an oracle learn how one of its trials ended."""
    keep = {name: value for name, value in handle.hyperparameters.values.items() if name.startswith("tuner/")}
    # Values of branches that the model did not take are no result of this trial: they stand at their defaults, or
    # KerasTuner would draw some of its own, without a seed, and its Gaussian process would learn from them.
    unused = {known.name: known.default for known in oracle.hyperparameters.space}
    handle.hyperparameters.values = {**unused, **keep, **trial.hyperparameters}
    with quiet():
        if trial.state == "failed" or trial.score is None:
            handle.status, handle.message = "FAILED", trial.reason
        else:
            handle.status = "COMPLETED"
            oracle.update_trial(handle.trial_id, {"score": trial.score})
        oracle.end_trial(handle)
