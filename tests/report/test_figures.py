"""The figure of a ladder: whole files, the same bytes each time, and everything said in text that can be searched."""

import copy
import re

import numpy as np
import pytest

from emotune.report import figures
from emotune.report.figures import save_ladder


def rung(name, score, *, watermark="", difference=None, people=8, interval=True):
    low, high = (score - 0.05, score + 0.05) if interval else (None, None)
    scores = np.clip(score + np.linspace(-0.2, 0.2, people), 0, 1).tolist()
    return {
        "protocol": name,
        "about": f"about {name}",
        "watermark": watermark,
        "score_label": watermark,
        "score_over": "people",
        "score": score,
        "low": low,
        "high": high,
        "interval": "Student's t over 8 people",
        "findings": [],
        "minus_reference": difference
        and {"mean_difference": difference, "interval": {"low": difference - 0.1, "high": difference + 0.1}},
        "card": {
            "per_person": {f"P{index}": value for index, value in enumerate(scores)},
            "majority": {"balanced_accuracy": 0.5},
        },
    }


@pytest.fixture
def content():
    return {
        "metric": "balanced_accuracy",
        "maximise": True,
        "model": "svm",
        "data": "toy",
        "score_label": "",
        "n_people": 8,
        "n_windows": 480,
        "n_folds": 5,
        "repeats": 3,
        "n_train": 360,
        "reference": "subject",
        "rungs": [
            rung("window", 0.91, watermark="LEAKS: trial-in-two-parts", difference=0.3),
            rung("trial", 0.7, difference=0.1),
            rung("subject", 0.6),
        ],
    }


def texts(path):
    return re.findall(r"<text [^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))


def test_both_files_are_written_with_what_the_rungs_are_and_which_leaks(content, tmp_path):
    png, svg = save_ladder(tmp_path, content)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ladder.png", "ladder.svg"]
    assert png.read_bytes().startswith(b"\x89PNG")
    assert svg.read_text(encoding="utf-8").rstrip().endswith("</svg>")
    said = texts(svg)
    assert {"window", "trial", "subject", "reference", "minus subject"} <= set(said)
    assert said.count("LEAKS") == 1
    assert "trial-in-two-parts" in said
    assert "0.910 [0.860, 0.960]" in said
    assert "+0.300 [+0.200, +0.400]" in said
    assert "What each leak is worth: toy" in said
    assert any("8 people" in one and "svm trained on 360 windows" in one for one in said)
    assert "one class always: 0.50" in said


def test_the_same_ladder_gives_the_same_bytes(content, tmp_path):
    first, second = (save_ladder(tmp_path / name, content) for name in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_where_nothing_leaks_nothing_says_so(content, tmp_path):
    content["rungs"][0] |= {"watermark": "", "score_label": ""}
    assert "LEAKS" not in texts(save_ladder(tmp_path, content)[1])


def test_what_is_to_be_said_of_every_score_is_said(content, tmp_path):
    said = texts(save_ladder(tmp_path, content | {"score_label": "transductive"})[1])
    assert "balanced accuracy, each dot one person (transductive)" in said


def test_without_people_no_dot_is_a_person(content, tmp_path):
    for one in content["rungs"]:
        one |= {"score_over": "windows", "low": None, "high": None}
        one["card"]["per_person"] = {}
    said = texts(save_ladder(tmp_path, content | {"n_people": None})[1])
    assert "balanced accuracy" in said
    assert any(one.startswith("people not known") for one in said)


def test_a_rung_that_is_misled_says_so(content, tmp_path):
    content["rungs"][1]["findings"] = [{"name": "known-by-other-classes", "message": "73%", "remedy": ""}]
    assert any(one.startswith("misled") for one in texts(save_ladder(tmp_path, content)[1]))


def test_undefined_scores_and_intervals_are_drawn_as_words(content, tmp_path):
    content["rungs"][1] |= {"score": None, "low": None, "high": None}
    content["rungs"][1]["card"] = {"per_person": {"P1": None}, "majority": {"balanced_accuracy": None}}
    content["rungs"][2] |= {"low": None, "high": None}
    content["rungs"][2]["card"]["majority"] = {}
    said = texts(save_ladder(tmp_path, content)[1])
    assert "undefined" in said
    assert "0.600 [undefined]" in said
    assert not any(one.startswith("one class always") for one in said)


def test_all_scores_alike_and_none_at_all_are_drawn(content, tmp_path):
    for name, score in (("same", 0.5), ("none", None)):
        flat = copy.deepcopy(content)
        for one in flat["rungs"]:
            one |= {"score": score, "low": None, "high": None}
            one["card"] = {"per_person": {"P1": score, "P2": score}, "majority": {"balanced_accuracy": score}}
        assert save_ladder(tmp_path / name, flat)[0].stat().st_size > 1000


@pytest.mark.parametrize("name", ["a $x_1$ b $", "<b> & co", "数据", "x" * 300, "[red]"])
def test_names_that_mean_something_elsewhere_are_drawn_as_they_are(content, tmp_path, name):
    svg = save_ladder(tmp_path, content | {"data": name})[1].read_text(encoding="utf-8")
    assert svg.rstrip().endswith("</svg>")
    shown = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"What each leak is worth: {shown}" in svg or (len(name) > 56 and "x ... x" in svg)


def test_a_figure_that_cannot_be_drawn_leaves_the_old_one(content, tmp_path, monkeypatch):
    save_ladder(tmp_path, content)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = copy.deepcopy(content)
    broken["rungs"][1]["score"] = "0.7"
    with pytest.raises((TypeError, ValueError)):
        save_ladder(tmp_path, broken)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_matplotlib_is_left_as_it_was(content, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    save_ladder(tmp_path, content)
    assert dict(matplotlib.rcParams) == before


def test_people_with_the_same_score_are_drawn_beside_each_other():
    heights = figures._beside_each_other(np.array([0.5, 0.5, 0.5, 0.9]), (0.0, 1.0))
    assert len(set(heights[:3])) == 3
    assert heights[3] == 0.0
    assert np.ptp(figures._beside_each_other(np.full(200, 0.5), (0.0, 1.0))) <= 0.5 + 1e-9
