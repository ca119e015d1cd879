"""A finding: something about the data or the split that the user should know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from emotune.errors import InputError

__all__ = ["Finding", "Severity", "listed", "refuse_errors"]

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Attributes:
        name: short kebab-case name of the check, such as `flat-channel`.
        severity: `error` stops the run, `warning` travels to the report, `note` is only said.
        message: what was expected and what was received, where (file, channel, person).
        remedy: what the user can do.
    """

    name: str
    severity: Severity
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def to_dict(self) -> dict[str, str]:
        """The finding as plain JSON values."""
        return asdict(self)


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise for the first finding that is an error.

    Raises:
        InputError: with the finding's message and remedy, and how many more errors there are.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" ({len(errors) - 1} more like it.)" if len(errors) > 1 else ""
        raise InputError(f"{errors[0]}{more}")


def listed(names: Sequence[str], most: int) -> str:
    """Names for a message, the first `most` of them: `Fp1, Cz and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
