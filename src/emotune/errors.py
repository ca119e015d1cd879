"""What can go wrong in emotune, and the exit code that it ends a command with.

Every message is one line that says what was expected, what was received and what to do.
"""

from __future__ import annotations

__all__ = ["EmotuneError", "InputError", "MissingExtra", "TrainingFailed"]


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
