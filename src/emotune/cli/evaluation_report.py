"""What an evaluation says at its end: the people, the scores, what the folds chose, and the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotune.cli.fold_progress import counted
from emotune.report.scores import COLUMNS, baseline_rows, interval_text, score_text

__all__ = ["print_evaluation"]

# So many values of a hyperparameter stand in the list of the choices.
_SHOWN_VALUES = 3


def print_evaluation(content: Mapping[str, Any], path: Path) -> None:
    """Print what `summary` gave, and that it is written at `path`."""
    from emotune.cli.configuration import shown_path
    from emotune.data.normalising import labelled
    from emotune.evaluation.scores import chance_in_words, undefined_in_words
    from emotune.report.tables import print_table

    name = labelled(content["metric"], content["score_label"])
    numeric = ("windows", "tuned", "default", "difference")
    if content["people"]:
        rows = [
            (
                person["person"],
                person["n_windows"],
                score_text(person["tuned"]),
                score_text(person["default"]),
                score_text(person["difference"], signed=True),
            )
            for person in content["people"]
        ]
        print_table(
            ("person", *numeric), rows, numeric=numeric, title=f"\n{name} of each person, tested by {_folds(content)}:"
        )
    else:
        print("\nPeople are not known: there is no score per person, and no interval.")
    label = labelled("Scores", content["score_label"])
    title = f"\n{label} of {content['n_windows']} windows: {content['about']}"
    print_table(("network", *COLUMNS.values()), _rows(content), title=title)
    for network in ("default", "tuned"):
        card = content["cards"][network][0]
        of = f" (seed 1 of {content['n_seeds']})" if content["n_seeds"] > 1 else ""
        interval = interval_text(content["over_people"][network])
        print(f"{network}: {name} over people {interval}; {chance_in_words(card)}{of}")
        if left_out := undefined_in_words(card, content["metric"]):
            print(f"  {left_out}")
    print(_choices(content["chosen"], content["n_folds"]))
    for network, n_failed in content["failed_fits"].items():
        if n_failed:
            print(f"warning: {n_failed} trainings of the {network} network failed; their people have no score.")
    print(f"\n{content['sentence']}")
    print(f"{content['estimates']} {content['limits']}")
    print(_opened(content["openings"], content["n_folds"]))
    print(f"Written: {shown_path(path)}")


def _rows(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Both networks, and what answers without looking come to."""
    pooled = content["pooled"]
    rows = [(network, *(score_text(pooled[network][key]) for key in COLUMNS)) for network in ("default", "tuned")]
    return [*rows, *baseline_rows(content["cards"]["default"][0])]


def _folds(content: Mapping[str, Any]) -> str:
    seeds = f", mean over {content['n_seeds']} seeds" if content["n_seeds"] > 1 else ""
    return f"{content['n_folds']} folds{seeds}"


def _opened(openings: Mapping[str, Any], n_folds: int) -> str:
    by = ", ".join(f"{name} {count}" for name, count in openings["by"].items())
    return f"The test parts of the {n_folds} folds were opened {counted(openings['total'], 'time')} so far: {by}."


def _choices(chosen: Mapping[str, Any], n_folds: int) -> str:
    """How alike the folds chose: the hyperparameters in which they differ, and their values."""
    differing = []
    for name, values in chosen["hyperparameters"].items():
        missing = n_folds - sum(value["folds"] for value in values)
        if len(values) == 1 and not missing:
            continue
        shown = [f"{_short(value['value'])} ({value['folds']})" for value in values[:_SHOWN_VALUES]]
        more = len(values) - _SHOWN_VALUES
        numbers = [value["value"] for value in values if not isinstance(value["value"], bool | str)]
        if more > 0 and len(numbers) == len(values):
            shown = [f"{_short(min(numbers))} to {_short(max(numbers))}"]
        elif more > 0:
            shown.append(f"{more} more")
        differing.append(f"  {name}: {', '.join(shown)}" + (f", unused ({missing})" if missing else ""))
    n, n_default = chosen["n_configurations"], chosen["n_default"]
    said = f"\nConfigurations chosen in {n_folds} folds: {n}; the default in {n_default} of them."
    return "\n".join([f"{said} Where they differ (in how many folds):" if differing else said, *differing])


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
