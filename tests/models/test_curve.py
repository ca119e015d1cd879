"""Which epoch is kept, with what score, and when waiting ends."""

import random

import pytest

from emotune.models.curve import ScoreCurve


def curve(scores, *, maximise=True):
    made = ScoreCurve(maximise=maximise)
    for score in scores:
        made.add(score)
    return made


@pytest.mark.parametrize(
    ("scores", "kept", "mean"),
    [
        ([0.5], 0, 0.5),
        ([0.5, 0.7], 0, 0.6),  # two equal means of the same two: the earlier
        ([0.2, 0.9, 0.3, 0.8, 0.9, 0.7], 4, 0.8),  # the single best epoch is 1, and lucky
        ([0.9, 0.8, 0.1, 0.1], 0, 0.85),  # the first has one neighbour
        ([0.1, 0.1, 0.8, 0.9], 3, 0.85),  # the last has one neighbour
        ([0.5, 0.6, 0.7, 0.6, 0.5, 0.6, 0.7, 0.6, 0.5], 2, 1.9 / 3),  # a tie goes to the earlier
    ],
)
def test_the_epoch_with_the_best_mean_of_three_is_kept(scores, kept, mean):
    made = curve(scores)
    assert made.kept == kept
    assert made.mean(made.kept) == pytest.approx(mean)


def test_a_loss_is_minimised():
    made = curve([0.9, 0.3, 0.2, 0.4, 0.8], maximise=False)
    assert made.kept == 2
    assert made.mean(2) == pytest.approx(0.3)


def test_the_kept_epoch_is_what_a_search_over_all_means_finds():
    source = random.Random(0)
    for _ in range(200):
        scores = [source.choice([0.1, 0.2, 0.3, 0.4]) for _ in range(source.randrange(1, 9))]
        means = [sum(scores[max(0, i - 1) : i + 2]) / len(scores[max(0, i - 1) : i + 2]) for i in range(len(scores))]
        best = max(means)
        expected = next(i for i, mean in enumerate(means) if mean == pytest.approx(best, abs=1e-12))
        assert curve(scores).kept == expected


def test_waiting_counts_settled_epochs_since_the_best():
    made = ScoreCurve(maximise=True)
    waited = []
    for score in [0.5, 0.9, 0.7, 0.1, 0.1, 0.1]:
        made.add(score)
        waited.append(made.waited)
    # Means: 0.7, 0.7, 0.57, 0.3, 0.1: epoch 0 is best, known after epoch 1; epoch 1 only ties.
    assert waited == [0, 0, 1, 2, 3, 4]
