"""What goes into the middle of a message is one short line, whatever it was."""

import pytest

from emotune.errors import one_line


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("formatting failed")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\n  lines\r\nof \u2028 it"), "two lines of it"),
        (ValueError("in \x1b[31mred\x00"), "in ?[31mred?"),
        (ValueError(), "ValueError"),
        (Mute(), "Mute"),
        ("Größe µV", "Größe µV"),
        ("a" * 201, "a" * 197 + "..."),
        (" " * 3000 + "far away", "str"),
    ],
)
def test_one_line(error, said):
    assert one_line(error) == said
