"""How a study is called that is put aside: its name and what it belongs to, then -2, -3, ... when that is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from emotune.files import fingerprint

__all__ = ["aside_name", "changed_keys", "free_name", "latest_name", "why_aside"]


def aside_name(name: str, identity: Mapping[str, str]) -> str:
    """The name under which the study `name` of an identity is put aside first."""
    return f"{name}-{fingerprint(dict(identity))[:8]}"


def changed_keys(theirs: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """What this run has another of than the study."""
    return [key for key in ours if theirs.get(key) != ours[key]]


def why_aside(changed: Sequence[str]) -> str:
    """Why a study is put aside, for the user."""
    return f"this run has another {' and another '.join(changed)}" if changed else "--fresh starts anew"


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """The first of `name`, `name`-2, `name`-3, ... that is not taken."""
    free, number = name, 2
    while is_taken(free):
        free = f"{name}-{number}"
        number += 1
    return free


def latest_name(name: str, is_taken: Callable[[str], bool]) -> str | None:
    """The name that was put aside last; None where none was."""
    latest, number = name if is_taken(name) else None, 2
    while is_taken(f"{name}-{number}"):
        latest = f"{name}-{number}"
        number += 1
    return latest
