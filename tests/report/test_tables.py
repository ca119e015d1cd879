import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emotune.report import tables
from emotune.report.tables import plain_table, print_table


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_columns_are_aligned_and_numbers_flush_right():
    text = plain_table(["name", "score"], [["a", 1.5], ["longer", 10]], title="Scores", numeric=["score"])
    assert text == "Scores\nname    score\na         1.5\nlonger     10"


def test_wide_characters_count_as_two_cells():
    lines = plain_table(["emotion", "p"], [["喜", 1], ["sad", 2]]).splitlines()
    # 喜 fills two of the seven cells of its column, so it gets one space less than its length asks for.
    assert lines[1] == "喜" + " " * 5 + "  1"
    assert lines[2] == "sad" + " " * 4 + "  2"


@pytest.mark.parametrize("hostile", ["a\nb", "\x1b[31mred", "bell\a", "tab\tbed", "back\rspace"])
def test_names_from_files_neither_break_rows_nor_steer_the_terminal(hostile):
    text = plain_table(["name"], [[hostile]])
    assert len(text.splitlines()) == 2
    assert all(character.isprintable() for line in text.splitlines() for character in line)


def test_plain_lines_where_there_is_no_terminal(capsys):
    print_table(["a", "b"], [[1, 2]])
    assert capsys.readouterr().out == "a  b\n1  2\n"


def test_no_rows_leave_the_headings():
    assert plain_table(["a", "b"], []) == "a  b"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        plain_table(["a", "b"], [[1]])


def test_a_terminal_gets_a_drawn_table_and_brackets_stay_text(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    terminal = _Terminal()
    print_table(["file"], [["[red]x[/red].edf"]], title="Files", file=terminal)
    drawn = terminal.getvalue()
    assert "[red]x[/red].edf" in drawn
    assert "│" in drawn or "|" in drawn


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = _Terminal()
    print_table(["file"], [["x"]], file=terminal)
    # Bold and italics may stay, colours (30-37, 38;…) must not.
    assert not re.search(r"\x1b\[[0-9;]*3[0-8]", terminal.getvalue())


def test_importing_the_module_does_not_import_rich():
    code = "import sys, emotune.report.tables; print('rich' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(tables.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "False"
