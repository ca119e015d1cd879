"""What a search prints while it runs."""

import pytest

from emotune.cli.progress import Progress, Reading, duration
from emotune.evaluation.metrics import metric_named
from emotune.search.trials import FitScore, Trial


@pytest.mark.parametrize(
    ("seconds", "words"), [(8.4, "8 s"), (89, "89 s"), (170, "3 min"), (4800, "80 min"), (7260, "2 h 01 min")]
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def trial(number, score, state="complete"):
    return Trial(number, state, score=score, scores=(score or 0.0,) * 4, seconds=2.0, reason="diverged: NaN")


def test_each_trial_is_a_line_with_the_best_and_the_time_left(capsys):
    with Progress(metric_named("accuracy"), 3, [], 60.0) as progress:
        progress.started(0)
        progress.ended(trial(0, 0.5))
        progress.ended(trial(1, None, "failed"))
        progress.ended(trial(2, 0.4))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("trial   0: accuracy 0.500, 4 epochs, complete, 2.0 s   best 0.500 (trial 0)")
    assert lines[0].endswith("about 60 s left")
    assert "failed: diverged: NaN" in lines[1]
    assert lines[2].endswith("best 0.500 (trial 0)   finishing")


def test_a_metric_that_is_minimised_has_the_lowest_as_best(capsys):
    with Progress(metric_named("log_loss"), 2, [trial(0, 0.9)], 60.0) as progress:
        progress.ended(trial(1, 0.7))
    assert "best 0.700 (trial 1)" in capsys.readouterr().out


def test_waiting_is_said_once(capsys):
    with Progress(metric_named("accuracy"), 2, [], 60.0) as progress:
        progress.waiting("cores")
        progress.waiting("cores")
    assert capsys.readouterr().out.splitlines() == ["waiting for cores"]


def test_quiet_is_quiet(capsys):
    with Progress(metric_named("accuracy"), 2, [], 60.0, quiet=True) as progress:
        progress.ended(trial(0, 0.5))
        progress.refitted(1, 10)
    assert capsys.readouterr().out == ""


def test_without_a_terminal_folds_are_said_every_ten(capsys):
    with Progress(metric_named("accuracy"), 2, [], 60.0) as progress:
        for done in range(1, 13):
            progress.refitted(done, 12)
    assert [line.split(": ")[1].split(" ")[0] for line in capsys.readouterr().out.splitlines()] == ["1", "10", "12"]


def test_trials_of_other_processes_count(capsys):
    everyone = [trial(0, 0.5), trial(1, 0.8), trial(2, 0.6)]
    with Progress(metric_named("accuracy"), 3, [], 60.0, study=lambda: everyone, fits=12) as progress:
        progress.started(0)
        progress.ended(everyone[0])
    assert capsys.readouterr().out.rstrip().endswith("best 0.800 (trial 1)   then confirming")


def test_reading_is_said_only_when_it_takes_long(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr("emotune.cli.progress.time.monotonic", lambda: next(clock))
    reading = Reading()
    for done in (1, 2, 3):
        reading.read(done, 9)
    assert capsys.readouterr().out == "reading recordings: 2 of 9\n"


def test_a_trial_of_several_fits_says_how_many(capsys):
    fits = tuple(FitScore(fold, 0, 0.5, 1, 2) for fold in range(3))
    with Progress(metric_named("accuracy"), 2, [], 60.0) as progress:
        progress.ended(Trial(0, "complete", score=0.5, scores=(0.5,) * 6, fits=fits))
    assert "accuracy 0.500, 6 epochs in 3 fits, complete" in capsys.readouterr().out


def test_a_fit_on_folds_is_a_part_of_a_trial_of_several(capsys, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("emotune.cli.progress.time.monotonic", lambda: float(next(clock)))
    progress = Progress(metric_named("accuracy"), 4, [], 60.0, fits=6, fits_per_trial=3)
    progress.started(0)
    for number in range(2):
        progress.ended(Trial(number, "complete", score=0.5, scores=(0.5,)))
    # Two trials in 10 s with two to come, and six fits that are two more.
    assert capsys.readouterr().out.splitlines()[1].endswith("about 20 s left")


def test_the_time_left_counts_what_is_still_to_confirm(capsys, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("emotune.cli.progress.time.monotonic", lambda: float(next(clock)))
    progress = Progress(metric_named("accuracy"), 4, [], 60.0, fits=6)
    progress.started(0)
    for number in range(3):
        progress.ended(Trial(number, "complete", score=0.5, scores=(0.5,)))
    lines = capsys.readouterr().out.splitlines()
    # Two trials in 10 s with two and six fits to come, then three in 20 s with one and six.
    assert lines[1].endswith("about 40 s left")
    assert lines[2].endswith("about 47 s left")


def test_confirming_says_what_is_left_of_its_own_fits(capsys, monkeypatch):
    clock = iter(range(0, 10_000, 6))
    monkeypatch.setattr("emotune.cli.progress.time.monotonic", lambda: float(next(clock)))
    progress = Progress(metric_named("accuracy"), 4, [], 60.0, fits=24)
    for done in range(7, 25):  # six were made by an earlier run
        progress.refitted(done, 24)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "confirming on folds: 10 of 24 fits   about 84 s left",
        "confirming on folds: 20 of 24 fits   about 24 s left",
        "confirming on folds: 24 of 24 fits",
    ]
