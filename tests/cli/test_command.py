"""How commands end."""

import os
import signal
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from emotune.cli.command import add_output_arguments, run_command
from emotune.errors import EmotuneError, InputError, MissingExtra


def quiet():
    return Namespace(verbose=False, quiet=False)


def raising(error):
    def action(_arguments):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("Expected a file."), 2, "error: Expected a file."),
        (MissingExtra("Install it."), 2, "error: Install it."),
        (EmotuneError("It broke."), 1, "error: It broke."),
        (KeyError("units"), 1, "error: KeyError: 'units' (--verbose shows where)"),
        (RuntimeError("two\nlines"), 1, "error: RuntimeError: two lines (--verbose shows where)"),
    ],
)
def test_an_error_is_one_line_and_a_code(error, code, line, capsys):
    assert run_command(raising(error), quiet()) == code
    assert capsys.readouterr().err.splitlines() == [line]


def test_verbose_shows_the_traceback(capsys):
    assert run_command(raising(InputError("Expected.")), Namespace(verbose=True)) == 2
    assert "Traceback" in capsys.readouterr().err


def test_what_an_action_gives_is_the_code():
    assert run_command(lambda _: None, quiet()) == 0
    assert run_command(lambda _: 130, quiet()) == 130


@pytest.mark.parametrize("how", ["ctrl-c", "terminated"])
def test_an_interruption_is_130(how, capsys):
    def action(_arguments):
        if how == "ctrl-c":
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert run_command(action, quiet()) == 130
    assert signal.getsignal(signal.SIGTERM) == before
    assert capsys.readouterr().err == "Interrupted; nothing is half-written. Run the command again.\n"


def test_every_command_has_quiet_and_verbose():
    parser = ArgumentParser()
    add_output_arguments(parser)
    assert vars(parser.parse_args(["--quiet", "--verbose"])) == {"quiet": True, "verbose": True}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.npz", "npz:a.npz", True),
        ("./a.npz", "a.npz", True),
        ("~/a.npz", str(Path.home() / "a.npz"), True),
        ("manifest:./b.csv", "manifest:b.csv", True),
        ("simulated", "simulated", True),
        ("deap:./data", "data", True),
        ("simulated", "a.npz", False),
        ("manifest:a.csv", "manifest:b.csv", False),
    ],
)
def test_two_ways_to_write_the_same_data_are_one(one, other, same):
    from emotune.cli.tune import _same_spec

    assert _same_spec(one, other) is same
