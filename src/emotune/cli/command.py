"""How every command ends: exit code 0, 1, 2 or 130, one line for an error, a traceback only when asked for."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from emotune.errors import EmotuneError

__all__ = [
    "INTERRUPTED",
    "add_output_arguments",
    "python_command",
    "run_command",
    "run_script",
]

INTERRUPTED = 130


def add_output_arguments(parser: ArgumentParser) -> None:
    """Add `--quiet` and `--verbose`, the same for every command."""
    group = parser.add_argument_group("output")
    group.add_argument("--quiet", action="store_true", help="print only the result and errors")
    group.add_argument("--verbose", action="store_true", help="print the traceback of an error, too")


def python_command() -> str:
    """What the user must type for the Python that runs now: `python` in an activated environment, else its path."""
    if sys.prefix == sys.base_prefix or "VIRTUAL_ENV" in os.environ:
        return "python"
    path = os.path.relpath(sys.executable)
    return f'"{path}"' if " " in path else path


def run_script(
    parser: ArgumentParser, action: Callable[[Namespace], int | None], argv: Sequence[str] | None, root: Path
) -> int:
    """Run a script of the project: `arguments.root` is its folder, `arguments.given` the words as they were typed."""
    arguments = parser.parse_args(argv)
    arguments.root = root
    arguments.given = list(sys.argv[1:] if argv is None else argv)
    return run_command(action, arguments)


def run_command(action: Callable[[Namespace], int | None], arguments: Namespace) -> int:
    """Run `action`; turn whatever ends it into a line on standard error and an exit code.

    Being told to end (SIGTERM) is the same as Ctrl-C: what is there is saved.
    """
    before = _on_sigterm(_interrupt)
    try:
        return action(arguments) or 0
    except KeyboardInterrupt:
        print("Interrupted; nothing is half-written. Run the command again.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (a pager, `head`) has left. Python would complain once more on exit.
        sys.stderr.close()
        return 0
    except EmotuneError as error:
        return _complain(arguments, str(error), error.exit_code)
    except Exception as error:
        text = " ".join(str(error).split())[:400]
        hint = "" if arguments.verbose else " (--verbose shows where)"
        return _complain(arguments, f"{type(error).__name__}: {text}{hint}", 1)
    finally:
        _on_sigterm(before)


def _complain(arguments: Namespace, message: str, code: int) -> int:
    if arguments.verbose:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _on_sigterm(handler: Any) -> Any:
    try:
        return signal.signal(signal.SIGTERM, handler)
    except ValueError:
        return None  # not the main thread: whoever runs it handles signals
