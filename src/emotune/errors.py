"""What can go wrong in emotune, and the exit code that it ends a command with.

Every message is one line that says what was expected, what was received and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["EmotuneError", "InputError", "MissingExtra", "TrainingFailed", "in_one_line", "one_line"]

_MOST_CHARACTERS = 200


class EmotuneError(Exception):
    """The command could not do its work; ends a command with exit code 1."""

    exit_code = 1


class InputError(EmotuneError, ValueError):
    """The user's input cannot be used as it is; ends a command with exit code 2."""

    exit_code = 2


class MissingExtra(InputError, ImportError):
    """An optional package is not installed; the message names the command that installs it."""


class TrainingFailed(EmotuneError, RuntimeError):
    """A network could not be trained; `reason` is the short name that a trial records."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def one_line(error: object, most: int = _MOST_CHARACTERS) -> str:
    """What a library says of a fault, or a file calls a thing, short enough for the middle of a message."""
    try:
        text = str(error)
    except Exception:  # pyarrow's own errors can fail to say themselves
        text = ""
    # Cut before it is worked through: it may be as long as the file that it is from.
    text = " ".join(text[: 10 * most].split())
    text = "".join(character if character.isprintable() else "?" for character in text) or type(error).__name__
    return text if len(text) <= most else f"{text[: most - 3]}..."


@contextmanager
def in_one_line(expected: str, remedy: str) -> Iterator[None]:
    """Turn what a reader raises into one line: what was expected and found to be wrong, the reader's words, the remedy.

    Raises:
        InputError: if anything is raised inside.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # readers raise whatever damaged bytes lead them to, also that memory is short
        raise InputError(f"{expected} ({one_line(error)}). {remedy}") from error
