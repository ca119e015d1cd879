"""When a trial reports, and what."""

import pytest

from emotune.search.rungs import WINDOW_EPOCHS, reported, rungs


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 10, 50, 200])
def test_rungs_lie_within_the_epochs_and_grow_apart(epochs):
    ends = rungs(epochs)
    assert all(0 <= end < epochs for end in ends)
    gaps = [after - before for before, after in zip(ends, ends[1:], strict=False)]
    assert all(gap >= 2 for gap in gaps)
    assert gaps == sorted(gaps)
    assert len(ends) <= 12


def test_the_first_report_has_a_whole_window():
    assert rungs(50)[:4] == (2, 4, 6, 9)
    assert rungs(WINDOW_EPOCHS - 1) == ()


def test_a_shorter_search_reports_at_the_same_epochs():
    assert rungs(20) == rungs(50)[: len(rungs(20))]


@pytest.mark.parametrize(
    ("scores", "epoch", "expected"),
    [
        ([0.3], 0, 0.3),
        ([0.2, 0.4], 1, 0.3),
        ([0.9, 0.3, 0.6, 0.6], 3, 0.5),
        ([0.9, 0.3, 0.6, 0.6], 2, 0.6),
        ([0.1, 0.2, 0.3, 1.0, 1.0], 2, 0.2),
    ],
)
def test_a_report_is_the_mean_of_the_last_three_scores_up_to_it(scores, epoch, expected):
    assert reported(scores, epoch) == pytest.approx(expected)
