"""The ladder in words: the rows of its table, and what each leak is worth in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotune.data.normalising import labelled
from emotune.evaluation.scores import undefined_in_words

__all__ = ["COLUMNS", "difference_in_short", "metric_in_words", "remark", "rows", "score_in_short", "sentences"]

# Three decimals are printed.
_NO_DIFFERENCE = 0.0005

COLUMNS = ("rung", "held apart", "train rows")


def rows(content: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of the table of a ladder, from what `models/ladder.json` holds."""
    over = content["rungs"][0]["score_over"]
    score = labelled(f"{metric_in_words(content)} over {over} [95 % interval]", content["score_label"])
    headings = (*COLUMNS, score, f"minus {content['reference']} [95 % interval]", "mark")
    return headings, [
        (
            rung["protocol"],
            rung["held_apart"],
            f"{content['n_train']} of {rung['n_available']}",
            score_in_short(rung),
            "-" if rung["minus_reference"] is None else difference_in_short(rung["minus_reference"]),
            rung["watermark"],
        )
        for rung in content["rungs"]
    ]


def metric_in_words(content: Mapping[str, Any]) -> str:
    """The metric's name as a reader would write it."""
    return str(content["metric"]).replace("_", " ")


def score_in_short(rung: Mapping[str, Any]) -> str:
    """A rung's mean and interval: `0.912 [0.880, 0.944]`; `undefined` where there is none."""
    if rung["score"] is None:
        return "undefined"
    if rung["low"] is None:
        return f"{rung['score']:.3f} [undefined]"
    return f"{rung['score']:.3f} [{rung['low']:.3f}, {rung['high']:.3f}]"


def difference_in_short(compared: Mapping[str, Any]) -> str:
    """A paired difference and its interval: `+0.220 [+0.150, +0.290]`."""
    mean, interval = compared["mean_difference"], compared["interval"]
    if mean is None:
        return "undefined"
    if interval["low"] is None:
        return f"{mean:+.3f} [undefined]"
    return f"{mean:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]"


def sentences(content: Mapping[str, Any]) -> list[str]:
    """What the ladder says, one sentence a rung, and as ready to say that a leak is worth nothing."""
    rungs = {rung["protocol"]: rung for rung in content["rungs"]}
    reference = rungs[content["reference"]]
    said = [_of_reference(content, reference), _left_out(content, reference)]
    for rung in content["rungs"]:
        if rung is not reference:
            said.append(_of_rung(content, rung, reference))
    return [sentence for sentence in said if sentence]


def remark(rung: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The finding without which a rung's score would be misread; None where there is none."""
    return next((finding for finding in rung["findings"] if finding["name"] == "known-by-other-classes"), None)


def _of_reference(content: Mapping[str, Any], rung: Mapping[str, Any]) -> str:
    if rung["score"] is None:
        reason = undefined_in_words(rung["card"], metric_in_words(content)) or rung["interval"]
        return (
            f"On {rung['about']} the score is undefined: {reason}. Record each person in several classes, or take "
            'METRIC = "accuracy" in src/config.py.'
        )
    said = f"On {rung['about']} the model has {_score(rung)} {metric_in_words(content)}"
    chance = rung["card"]["majority"].get(content["metric"])
    if chance is None:
        return f"{said}."
    said += f", against {chance:.3f} of always answering one class"
    if rung["low"] is None:
        return f"{said}; no interval can be given ({rung['interval']})."
    if rung["low"] <= chance <= rung["high"]:
        return (
            f"{said}, which its interval [{rung['low']:.3f}, {rung['high']:.3f}] holds: as far as these people can "
            f"tell, it has learned nothing that holds for {rung['about']}."
        )
    return f"{said}."


def _left_out(content: Mapping[str, Any], rung: Mapping[str, Any]) -> str:
    """Whom the mean leaves out; empty where that is nobody, or everybody."""
    words = undefined_in_words(rung["card"], metric_in_words(content))
    return f"{words}." if words and rung["score"] is not None else ""


def _of_rung(content: Mapping[str, Any], rung: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    compared = rung["minus_reference"]
    difference, interval = compared["mean_difference"], compared["interval"]
    if rung["score"] is None or reference["score"] is None or difference is None:
        return f"{_whose(rung)}: its score or the difference is undefined."
    low, high = interval["low"], interval["high"]
    leaks = bool(rung["watermark"])
    misled = remark(rung)
    said = f"{_whose(rung)} {'would report' if leaks else 'reports'} {_score(rung)}"
    other = f"{_score(reference)} on {reference['about']}"
    gain = difference if content["maximise"] else -difference
    by = f"{abs(difference):.3f}"
    if low is None:
        unsure = f"; no interval can be given ({interval['method']})"
    else:
        unsure = ""
        by += " [{:.3f}, {:.3f}]".format(*sorted((abs(low), abs(high))))
    if low is not None and low <= 0 <= high:
        said += f", against {other}: the interval of the difference, [{low:+.3f}, {high:+.3f}], holds zero."
    elif abs(difference) < _NO_DIFFERENCE:
        said += f", against {other}: no difference{unsure}."
    elif gain <= 0:
        said += f", against {other}: {by} worse{unsure}."
    elif leaks:
        said += f" for what is {other}: {by} of it is leak{unsure}."
    else:
        said += f", against {other}: {by} better{unsure}."
    return f"{said} {misled['message']} {misled['remedy']}" if misled else said


def _whose(rung: Mapping[str, Any]) -> str:
    if rung["protocol"] == "window":
        return "A random split of windows"
    if rung["protocol"] == "loso":
        return "Leaving people out one by one"
    return f"A split by {rung['protocol']}"


def _score(rung: Mapping[str, Any]) -> str:
    return labelled(f"{rung['score']:.3f}", rung["score_label"])
