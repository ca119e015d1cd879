"""Figures of results, drawn by matplotlib without a window: a PNG to look at and an SVG to print.

Each is written whole or not at all, and the same content gives the same bytes. What a colour says a shape says, too, so
that they can be read in grey and by the colour-blind.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.normalising import labelled
from emotune.files import replacing
from emotune.findings import listed
from emotune.report.ladder import difference_in_short, metric_in_words, remark, score_in_short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_ladder", "save_ladder"]

# Of Okabe and Ito's palette (2008), which the colour-blind can tell apart.
HONEST, LEAKY = "#0072B2", "#D55E00"
INK, FAINT, GRID, BAND = "#1b1f24", "#6a737d", "#dfe3e8", "#f1d9c9"

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and copied
    "svg.hashsalt": "emotune",
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a name with two dollars in it is no formula
    "font.size": 10,
}

# In inches: one rung, what is above the rungs, and what is below.
_ROW_IN, _HEAD_IN, _FOOT_IN = 0.78, 1.12, 0.95

# Within a rung, from its middle: people above, their mean below.
_PEOPLE_AT, _MEAN_AT = -0.13, 0.24

_NUMBERS_AT = (1.035, 1.37)  # the columns beside the axes, in widths of the axes

_TITLE_LENGTH = 56


def save_ladder(folder: Path, content: Mapping[str, Any]) -> list[Path]:
    """Write `ladder.png` and `ladder.svg` of what `ladder.json` holds; gives their paths."""
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A name in letters that the font lacks is drawn as boxes, which is no reason to draw nothing.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = draw_ladder(content)
        paths = [folder / "ladder.png", folder / "ladder.svg"]
        with replacing(paths[0]) as beside:
            figure.savefig(beside, dpi=160, metadata={"Software": None})
        with replacing(paths[1]) as beside:
            figure.savefig(beside, metadata={"Date": None, "Creator": None})
    return paths


def draw_ladder(content: Mapping[str, Any]) -> Figure:
    """One line a rung: people as light dots, their mean and its 95 % interval, and beside it the numbers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rungs = content["rungs"]
    height = _HEAD_IN + _ROW_IN * len(rungs) + _FOOT_IN
    figure = Figure(figsize=(10.5, height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.185, _FOOT_IN / height, 0.475, _ROW_IN * len(rungs) / height))
    chance = _chance(content)
    low, high = _limits(content, chance)
    axes.set_xlim(low, high)
    axes.set_ylim(len(rungs) - 0.5, -0.5)
    if chance is not None:
        axes.axvline(chance, color=FAINT, linewidth=1.2, linestyle=(0, (5, 3)), zorder=1)
    for place, rung in enumerate(rungs):
        _draw_rung(axes, place, rung)
        _name_rung(axes, place, rung, *_NUMBERS_AT)
    _dress(axes, content)
    _head(figure, height, content, chance)
    return figure


def _shortened(name: str) -> str:
    return name if len(name) <= _TITLE_LENGTH else f"{name[:16]} ... {name[21 - _TITLE_LENGTH :]}"


def _first(names: str) -> str:
    return listed(names.split(", "), 2)


def _chance(content: Mapping[str, Any]) -> float | None:
    """What always answering the commonest class scores, where that is known for the metric."""
    reference = next(rung for rung in content["rungs"] if rung["protocol"] == content["reference"])
    value = reference["card"]["majority"].get(content["metric"])
    return None if value is None else float(value)


def _people(rung: Mapping[str, Any]) -> list[float]:
    return [score for score in rung["card"]["per_person"].values() if score is not None]


def _limits(content: Mapping[str, Any], chance: float | None) -> tuple[float, float]:
    shown = [score for rung in content["rungs"] for score in _people(rung)]
    shown += [rung[key] for rung in content["rungs"] for key in ("score", "low", "high") if rung[key] is not None]
    shown += [] if chance is None else [chance]
    if not shown:
        return 0.0, 1.0
    low, high = min(shown), max(shown)
    margin = 0.04 * (high - low) or 0.05
    return low - margin, high + margin


def _draw_rung(axes: Axes, place: int, rung: Mapping[str, Any]) -> None:
    leaks = bool(rung["watermark"])
    colour = LEAKY if leaks else HONEST
    if leaks:
        axes.axhspan(place - 0.47, place + 0.47, facecolor="none", edgecolor=BAND, hatch="////", linewidth=0, zorder=0)
    people = np.array(_people(rung))
    heights = place + _PEOPLE_AT + _beside_each_other(people, axes.get_xlim())
    axes.scatter(people, heights, s=20, color=colour, alpha=0.5, linewidths=0, zorder=2)
    if rung["low"] is not None:
        for width, ink, layer in ((6.5, "white", 3), (3.2, colour, 4)):
            axes.plot([rung["low"], rung["high"]], [place + _MEAN_AT] * 2, color=ink, linewidth=width, zorder=layer)
    if rung["score"] is not None:
        inside, around = ("white", colour) if leaks else (colour, "white")
        marker, width = ("D", 2.2) if leaks else ("o", 1.4)
        axes.scatter(
            [rung["score"]],
            [place + _MEAN_AT],
            s=66 if leaks else 100,
            marker=marker,
            facecolor=inside,
            edgecolor=around,
            linewidths=width,
            zorder=5,
        )


def _beside_each_other(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.float64]:
    """How far from the people's line each dot is put, so that people with the same score are seen as several."""
    offsets, bins = np.zeros(len(values)), np.round((values - limits[0]) / (limits[1] - limits[0]) * 75)
    for place in np.unique(bins):
        own = np.flatnonzero(bins == place)
        step = min(0.105, 0.5 / max(1, len(own) - 1))
        offsets[own[np.argsort(values[own], kind="stable")]] = (np.arange(len(own)) - (len(own) - 1) / 2) * step
    return offsets


def _name_rung(axes: Axes, place: int, rung: Mapping[str, Any], left: float, right: float) -> None:
    """The rung's name on the left, its numbers on the right."""
    beside = axes.get_yaxis_transform()
    about = textwrap.fill(rung["about"], 22)
    axes.text(
        -0.03, place - 0.08, rung["protocol"], transform=beside, ha="right", va="bottom", color=INK, weight="bold"
    )
    axes.text(-0.03, place - 0.02, about, transform=beside, ha="right", va="top", color=FAINT, fontsize=8)
    compared = rung["minus_reference"]
    # What is said below the numbers lifts them.
    mark, misled = bool(rung["watermark"]), remark(rung)
    line = place - 0.14 if mark or misled else place
    axes.text(left, line, score_in_short(rung), transform=beside, va="center", color=INK, fontsize=9)
    said = "reference" if compared is None else difference_in_short(compared)
    ink, style = (FAINT, "italic") if compared is None else (INK, "normal")
    axes.text(right, line, said, transform=beside, va="center", color=ink, style=style, fontsize=9)
    below = place + 0.21
    if mark:
        pill = {"boxstyle": "round,pad=0.3", "facecolor": LEAKY, "edgecolor": "none"}
        text: Any = {"color": "white", "fontsize": 7.5, "weight": "bold", "bbox": pill}
        axes.text(left + 0.012, below, "LEAKS", transform=beside, va="center", **text)
        names = str(rung["watermark"]).partition(": ")[2]
        axes.text(left + 0.125, below, _first(names), transform=beside, va="center", color=FAINT, fontsize=7.5)
    elif misled:
        said = "misled: people are known by other classes"
        axes.text(left, below, said, transform=beside, va="center", color=FAINT, fontsize=7.5, style="italic")


def _dress(axes: Axes, content: Mapping[str, Any]) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_yticks([])
    axes.tick_params(axis="x", colors=FAINT, labelsize=9)
    axes.grid(axis="x", color=GRID, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    name = metric_in_words(content)
    of = content["rungs"][0]["score_over"]
    axes.set_xlabel(labelled(f"{name}, each dot one person" if of == "people" else name, content["score_label"]))
    axes.xaxis.label.set_color(INK)


def _head(figure: Figure, height: float, content: Mapping[str, Any], chance: float | None) -> None:
    """Title, what was trained on what, the headings of the numbers, and the foot."""

    def at(inches_from_top: float) -> float:
        return 1 - inches_from_top / height

    people = "people not known" if content["n_people"] is None else f"{content['n_people']} people"
    title = f"What each leak is worth: {_shortened(content['data'])}"
    figure.text(0.025, at(0.36), title, fontsize=14, weight="bold", color=INK)
    repeats = f", {content['repeats']} repeats" if content["repeats"] > 1 else ""
    said = (
        f"{people}, {content['n_windows']} windows; {content['model']} trained on {content['n_train']} windows on "
        f"every rung; {content['n_folds']} folds{repeats}"
    )
    figure.text(0.025, at(0.61), labelled(said, content["score_label"]), fontsize=9.5, color=FAINT)
    axes = figure.axes[0]
    box = axes.get_position()
    for place, text in zip(_NUMBERS_AT, ("mean [95 % interval]", f"minus {content['reference']}"), strict=True):
        figure.text(box.x0 + place * box.width, at(_HEAD_IN - 0.08), text, fontsize=8.5, color=FAINT)
    foot = [
        "Large mark: mean over people; line: its 95 % interval.",
        "Diamond on hatched ground: the audit finds a leak.",
    ]
    if content["rungs"][0]["score_over"] != "people":
        foot[0] = "Large mark: score over all windows; without people there is no interval."
    figure.text(0.025, 0.16 / height, " ".join(foot), fontsize=8, color=FAINT)
    if chance is not None:
        axes.annotate(
            f"one class always: {chance:.2f}",
            (chance, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            fontsize=8,
            color=FAINT,
            ha="center",
        )
