"""People are one where their names differ in case or zeros alone."""

import pytest

from emotune.errors import InputError
from emotune.recordings.spellings import refuse_two_spellings, without_zero_fractions


@pytest.mark.parametrize(
    "pair", [("P01", "p01"), ("1", "01"), ("1", "1.0"), ("P1", "P01"), ("Jürgen", "JÜRGEN"), ("sub-007", "sub-7")]
)
def test_two_spellings_are_refused_and_named(pair):
    with pytest.raises(InputError) as caught:
        refuse_two_spellings([pair[1], "other", pair[0], pair[1]], "t.csv")
    first, second = sorted(pair)
    assert str(caught.value) == (
        "Expected people of t.csv whose names differ in more than their case or the zeros of a number. "
        f"Received: {first!r} and {second!r}. Spell them alike if they are one person, else rename one."
    )


def test_other_names_are_other_people():
    refuse_two_spellings(["P1", "P10", "P100", "1_0", "10", "1", "1.1", "1.01", "", "a", "0", "b0", "b"], "t.csv")


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["1.0", "1", "02", "3.00", ""], ["1", "1", "02", "3", ""]),
        (["1.0", "1.5"], ["1.0", "1.5"]),
        (["1.0", "P2"], ["1.0", "P2"]),
        ([], []),
    ],
)
def test_whole_numbers_lose_their_fraction(names, read):
    assert without_zero_fractions(names) == read
