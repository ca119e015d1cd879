"""`emotune audit`: how the data would be divided, and whether anything in one part gives away another's labels."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotune.cli.command import add_output_arguments
from emotune.cli.run_settings import add_data_arguments, add_split_arguments, configured, project_folder, whole_from
from emotune.errors import InputError

if TYPE_CHECKING:
    from emotune.data.dataset import Dataset
    from emotune.evaluation.splits import Split
    from emotune.findings import Finding

__all__ = ["add_arguments", "run"]

_WOULD_BE_REFUSED = 2

# More classes than these would make the table of parts unreadable.
_MOST_CLASSES = 8

_EXAMPLES = """\
examples:
  emotune audit                                        the split that a search would take
  emotune audit --data eegmat: --protocol window       a split that leaks: exit code 2
  emotune audit --protocol loso --folds 5              every fold of an outer loop (loso: one a person)
  emotune audit --split models/split.json              a split that was saved

Nothing is trained. Exit code 2 where a search would refuse the split.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = _EXAMPLES, argparse.RawDescriptionHelpFormatter
    add_data_arguments(parser.add_argument_group("data"))
    split = parser.add_argument_group("split")
    add_split_arguments(split)
    split.add_argument(
        "--folds", type=whole_from(2), metavar="K", help="audit each of K outer folds in place of the single split"
    )
    add_output_arguments(parser)


def run(arguments: Namespace) -> int:
    """Divide the data and check it; 2 where a search would refuse it.

    Raises:
        InputError: if the data cannot be read, or cannot be divided so.
    """
    from emotune.cli.loading import load_undivided
    from emotune.evaluation.protocols import protocol_named

    arguments.root = project_folder()
    if arguments.split and arguments.folds:
        raise InputError(
            f"Expected --split or --folds. Received: both. {arguments.split} is one split: drop one of them."
        )
    configuration = configured(arguments)
    if configuration.protocol:
        protocol_named(configuration.protocol)  # a slip of the pen is said before anything is fetched
    if arguments.split and not Path(arguments.split).is_file():
        raise InputError(f"Expected a saved split in {arguments.split}. Received: no such file. Correct the path.")
    loaded = load_undivided(configuration, quiet=arguments.quiet, anew=bool(configuration.protocol or arguments.split))
    splits = _splits(arguments, loaded.dataset, configuration.protocol, configuration.seed)
    audits = [_audited(loaded.as_read, split, allow_leakage=arguments.allow_leakage) for split in splits]
    of_data: list[tuple[Finding, list[int]]] = [(finding, []) for finding in loaded.findings]
    told = of_data + _told(audits)
    if not arguments.quiet:
        _print_data(loaded.dataset, splits[0])
        print()
        _print_parts(loaded.dataset, splits)
        print()
        _print_checks(loaded.as_read, audits)
        print()
    for finding, folds in told:
        if not arguments.quiet or finding.severity != "note":
            print(f"{finding.severity}: {finding}{_in_folds(folds, len(splits))}")
    for watermark in dict.fromkeys(audit.watermark for audit in audits if audit.watermark):
        print(f"Every score of {_these(len(splits))} would say: {watermark}")
    return _conclude([finding for finding, _ in told], audits)


def _splits(arguments: Namespace, dataset: Dataset, protocol: str, seed: int) -> list[Split]:
    from emotune.evaluation.protocols import outer_folds, split_dataset
    from emotune.evaluation.splits import OWN_PARTS, load_split

    if arguments.split:
        return [load_split(arguments.split, dataset=dataset)]
    if not arguments.folds:
        return [split_dataset(dataset, seed=seed, protocol=protocol or None)]
    if not protocol:
        # Folds by what a single split would go by.
        protocol = split_dataset(dataset, seed=seed).protocol
    if protocol == OWN_PARTS:
        raise InputError(
            f"Expected a protocol for folds of {dataset.name}, which comes divided. Received: none. Give --protocol, "
            "such as subject."
        )
    return outer_folds(dataset, protocol, n_folds=arguments.folds, seed=seed)


def _print_data(dataset: Dataset, split: Split) -> None:
    """What the data is, and what the protocol measures."""
    from emotune.evaluation.protocols import PROTOCOLS, protocol_of

    shape = " × ".join(str(length) for length in dataset.inputs.shape[1:])
    print(f"Data {dataset.name}: {len(dataset)} rows of {shape} values, classes {', '.join(dataset.class_names)}.")
    if split.protocol in PROTOCOLS:
        leaks = " It leaks." if PROTOCOLS[split.protocol].leaks else ""
        print(f"Protocol {split.protocol}: a score is about {PROTOCOLS[split.protocol].about}.{leaks}")
    else:
        print(f"Protocol {split.protocol}: the data comes divided; a score is about {protocol_of(split).about}.")


@dataclass(frozen=True, slots=True)
class _Audit:
    """What the checks found in one split, a tuple a check, and what its scores would say of themselves."""

    found: tuple[tuple[Finding, ...], ...]
    watermark: str

    @property
    def is_refused(self) -> bool:
        return any(finding.severity == "error" for of in self.found for finding in of)


def _audited(dataset: Dataset, split: Split, *, allow_leakage: bool) -> _Audit:
    from emotune.evaluation.audit import CHECKS
    from emotune.studies.preparation import watermarked

    found = [list(check.find(dataset, split)) for check in CHECKS]
    told, watermark = watermarked([finding for of in found for finding in of], allow_leakage=allow_leakage)
    rest = iter(told)
    return _Audit(tuple(tuple(next(rest) for _ in of) for of in found), watermark)


def _told(audits: Sequence[_Audit]) -> list[tuple[Finding, list[int]]]:
    """Each finding once, in the order of the checks, with the numbers of the splits that it is true of."""
    by_check: list[dict[Finding, list[int]]] = [{} for _ in audits[0].found]
    for number, audit in enumerate(audits, start=1):
        for place, findings in enumerate(audit.found):
            for finding in findings:
                by_check[place].setdefault(finding, []).append(number)
    return [(finding, folds) for findings in by_check for finding, folds in findings.items()]


def _in_folds(folds: Sequence[int], n_splits: int) -> str:
    if n_splits == 1 or not folds or len(folds) == n_splits:
        return ""
    return f" (fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))})"


def _these(n_splits: int) -> str:
    return "this split" if n_splits == 1 else "these splits"


def _print_parts(dataset: Dataset, splits: Sequence[Split]) -> None:
    import numpy as np

    from emotune.data.dataset import GROUPS
    from emotune.evaluation.grouping import WORDS
    from emotune.report.tables import print_table

    names = dataset.class_names if len(dataset.class_names) <= _MOST_CLASSES else ()
    columns = ("part", "rows", *(WORDS[column][1] for column in GROUPS), *(names or ("classes",)))
    rows = []
    for split in splits:
        fold = "" if split.fold is None else f"fold {split.fold[0]} "
        for part, of in split.parts.items():
            counts = np.bincount(dataset.targets[of], minlength=dataset.n_classes)
            known = [set(dataset.groups[column][of].tolist()) - {""} for column in GROUPS]
            classes = [str(count) for count in counts] if names else [str(np.count_nonzero(counts))]
            rows.append((fold + part, str(len(of)), *(str(len(found) or "") for found in known), *classes))
    print_table(columns, rows, title="Parts", numeric=columns[1:])


def _print_checks(dataset: Dataset, audits: Sequence[_Audit]) -> None:
    """What was looked for, and the worst that came of it in any split."""
    from emotune.evaluation.audit import CHECKS
    from emotune.report.tables import print_table

    rows = []
    for place, check in enumerate(CHECKS):
        found = [finding for audit in audits for finding in audit.found[place]]
        missing = "" if found else check.missing(dataset)
        worst = next((severity for severity in ("error", "warning", "note") if _count(found, severity)), "passed")
        names = ", ".join(dict.fromkeys(finding.name for finding in found))
        rows.append((check.looked_for, "not checked" if missing else worst, missing or names))
    print_table(("looked for", "result", "what was found"), rows)


def _count(findings: Sequence[Finding], severity: str) -> int:
    return sum(finding.severity == severity for finding in findings)


def _conclude(told: Sequence[Finding], audits: Sequence[_Audit]) -> int:
    """Print the closing sentence; gives the exit code."""
    these = _these(len(audits))
    n_errors, n_warnings = _count(told, "error"), _count(told, "warning")
    if n_errors:
        n_refused = sum(audit.is_refused for audit in audits)
        where = f" in {n_refused} of {len(audits)} folds" if len(audits) > 1 and n_refused else ""
        print(f"{n_errors} error{'s' if n_errors > 1 else ''}{where}: a search would refuse {these}.")
        return _WOULD_BE_REFUSED
    if n_warnings:
        travel = "warning travels" if n_warnings == 1 else "warnings travel"
        print(f"No error: a search would take {these}, and {n_warnings} {travel} with the scores.")
    else:
        print(f"No leak found: a search would take {these}.")
    return 0
