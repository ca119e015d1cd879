"""`emotune audit`: how the data would be divided, and whether anything in one part gives away another's labels."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emotune.cli.command import add_output_arguments
from emotune.cli.run_settings import add_data_arguments, add_split_arguments, configured, project_folder
from emotune.errors import InputError

if TYPE_CHECKING:
    from emotune.data.dataset import Dataset
    from emotune.evaluation.splits import Split
    from emotune.findings import Finding
    from emotune.studies.preparation import Loaded

__all__ = ["add_arguments", "run"]

_WOULD_BE_REFUSED = 2

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
    which = split.add_mutually_exclusive_group()
    which.add_argument(
        "--folds", type=_folds, metavar="K", help="audit each of K outer folds in place of the single split"
    )
    which.add_argument("--split", metavar="FILE", help="audit a saved split, whatever the protocol and seed are")
    add_output_arguments(parser)


def run(arguments: Namespace) -> int:
    """Divide the data and check it; 2 where a search would refuse it.

    Raises:
        InputError: if the data cannot be read, or cannot be divided so.
    """
    from emotune.cli.loading import load_undivided
    from emotune.evaluation.protocols import protocol_named

    arguments.root = project_folder()
    if arguments.split and arguments.protocol:
        raise InputError(
            f"Expected --split or --protocol. Received: both; {arguments.split} has a protocol. Drop one of them."
        )
    configuration = configured(arguments)
    if configuration.protocol:
        protocol_named(configuration.protocol)  # a slip of the pen is said before anything is fetched
    if arguments.split and not Path(arguments.split).is_file():
        raise InputError(f"Expected a saved split in {arguments.split}. Received: no such file. Correct the path.")
    loaded = load_undivided(configuration, quiet=arguments.quiet)
    splits = _splits(arguments, loaded.dataset, configuration.protocol, configuration.seed)
    if not arguments.quiet:
        _print_data(loaded.dataset, splits[0])
    _print_findings(loaded.findings, quiet=arguments.quiet)
    told: list[Finding] = []
    n_refused = 0
    for split in splits:
        findings = _audited(loaded, split, allow_leakage=arguments.allow_leakage, quiet=arguments.quiet)
        n_refused += _count(findings, "error") > 0
        told += findings
    return _conclude([*loaded.findings, *told], n_refused, len(splits))


def _folds(text: str) -> int:
    number = int(text)
    if number < 2:
        raise ValueError
    return number


_folds.__name__ = "whole number from 2"  # argparse puts it into "invalid ... value"


def _splits(arguments: Namespace, dataset: Dataset, protocol: str, seed: int) -> list[Split]:
    from emotune.evaluation.protocols import outer_folds, split_dataset
    from emotune.evaluation.splits import OWN_PARTS, load_split

    if arguments.split:
        return [load_split(arguments.split, data_fingerprint=dataset.fingerprint)]
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


def _audited(loaded: Loaded, split: Split, *, allow_leakage: bool, quiet: bool) -> tuple[Finding, ...]:
    """Print what one split holds and what the checks found; gives the findings."""
    from emotune.evaluation.audit import CHECKS
    from emotune.studies.preparation import watermarked

    found = [list(check.find(loaded.as_read, split)) for check in CHECKS]
    told, watermark = watermarked([finding for of in found for finding in of], allow_leakage=allow_leakage)
    if not quiet:
        print()
        _print_parts(loaded.dataset, split)
        print()
        _print_checks(loaded.as_read, [len(of) for of in found], told)
        print()
    elif split.fold is not None and any(finding.severity != "note" for finding in told):
        print(_title(split))
    _print_findings(told, quiet=quiet)
    if watermark:
        print(f"Every score of this split would say: {watermark}")
    return told


def _print_findings(findings: Sequence[Finding], *, quiet: bool) -> None:
    """Print the findings in full, without notes where quiet."""
    for finding in findings:
        if not quiet or finding.severity != "note":
            print(f"{finding.severity}: {finding}")


def _count(findings: Sequence[Finding], severity: str) -> int:
    return sum(finding.severity == severity for finding in findings)


def _title(split: Split) -> str:
    return "Parts" if split.fold is None else f"Fold {split.fold[0]} of {split.fold[1]}"


def _print_parts(dataset: Dataset, split: Split) -> None:
    import numpy as np

    from emotune.data.dataset import GROUPS
    from emotune.evaluation.protocols import WORDS
    from emotune.report.tables import print_table

    groups = [WORDS[column][1] for column in GROUPS]
    # More classes than these would make the table unreadable.
    names = dataset.class_names if len(dataset.class_names) <= 8 else ()
    columns = ("part", "rows", *groups, *(names or ("classes",)))
    rows = []
    for part, of in split.parts.items():
        counts = np.bincount(dataset.targets[of], minlength=dataset.n_classes)
        known = [set(dataset.groups[column][of].tolist()) - {""} for column in GROUPS]
        classes = [str(count) for count in counts] if names else [str(np.count_nonzero(counts))]
        rows.append((part, str(len(of)), *(str(len(found) or "") for found in known), *classes))
    print_table(columns, rows, title=_title(split), numeric=columns[1:])


def _print_checks(dataset: Dataset, n_found: Sequence[int], told: Sequence[Finding]) -> None:
    """What was looked for and what came of it; `told` is what the checks found, `n_found` of each, in their order."""
    from emotune.evaluation.audit import CHECKS
    from emotune.report.tables import print_table

    rest = iter(told)
    rows = []
    for check, n in zip(CHECKS, n_found, strict=True):
        found = [next(rest) for _ in range(n)]
        missing = "" if found else check.missing(dataset)
        worst = next((severity for severity in ("error", "warning", "note") if _count(found, severity)), "passed")
        names = ", ".join(dict.fromkeys(finding.name for finding in found))
        rows.append((check.looked_for, "not checked" if missing else worst, missing or names))
    print_table(("looked for", "result", "what was found"), rows)


def _conclude(told: Sequence[Finding], n_refused: int, n_splits: int) -> int:
    """Print the closing sentence; gives the exit code."""
    these = "this split" if n_splits == 1 else "these splits"
    n_errors, n_warnings = _count(told, "error"), _count(told, "warning")
    if n_errors:
        where = f" in {n_refused} of {n_splits} folds" if n_splits > 1 and n_refused else ""
        print(f"{n_errors} error{'s' if n_errors > 1 else ''}{where}: a search would refuse {these}.")
        return _WOULD_BE_REFUSED
    if n_warnings:
        travel = "warning travels" if n_warnings == 1 else "warnings travel"
        print(f"No error: a search would take {these}, and {n_warnings} {travel} with its scores.")
    else:
        print(f"No leak found: a search would take {these}.")
    return 0
