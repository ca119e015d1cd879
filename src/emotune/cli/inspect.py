"""`emotune inspect DATA`: what there is to train on, without training."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.cli.command import add_output_arguments
from emotune.cli.loading import fetch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotune.data.dataset import Dataset
    from emotune.data.sources import Vectors
    from emotune.features.inspection import Inspection
    from emotune.features.settings import FeatureSettings
    from emotune.findings import Finding
    from emotune.recordings.recording import RecordingSet
    from emotune.recordings.targets import Target, TargetChoice

__all__ = ["add_arguments", "run"]

_CANNOT_BE_USED = 2

# So many classes of a table of many are shown.
_MOST_CLASSES = 30


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("data", metavar="DATA", help="as --data takes it, or one recording: deap:FOLDER, FILE.edf ...")
    parser.add_argument(
        "--target",
        metavar="NAMES",
        default="",
        help="what to tell apart, also several: valence, 'valence >= 5', valence,arousal,emotion (default: all)",
    )
    parser.add_argument(
        "--threshold",
        metavar="NUMBER",
        default="",
        help="cuts ratings in two: 5, '>=4.5', or none to take them as they are",
    )
    parser.add_argument(
        "--window-s", type=float, metavar="S", help="length of a window (default: WINDOW_S of src/config.py, else 4)"
    )
    add_output_arguments(parser)


def run(arguments: Namespace) -> int:
    """Read the data once, and print what it is; 2 where a search would refuse it.

    Raises:
        InputError: if it cannot be read, or has no such target.
    """
    from emotune.data.sources import Vectors, open_source
    from emotune.recordings.targets import parse_targets

    choices = parse_targets(arguments.target, arguments.threshold)
    settings = _settings(arguments.window_s)
    fetch(arguments.data, quiet=arguments.quiet)
    source = open_source(arguments.data)
    if isinstance(source, Vectors):
        findings = _show_vectors(source, choices)
    else:
        findings = _show_recordings(source, choices, settings, is_quiet=arguments.quiet)
    for finding in findings:
        if not arguments.quiet or finding.severity != "note":
            print(f"{finding.severity}: {finding}")
    return _CANNOT_BE_USED if any(finding.severity == "error" for finding in findings) else 0


def _settings(window_s: float | None) -> FeatureSettings:
    """Those of src/config.py where the command is run in the project's folder, as a search there would take them."""
    from emotune.features.settings import FeatureSettings

    config = Path("src/config.py")
    if config.is_file() and Path("run_hyperparameter_tuning.py").is_file():
        from emotune.cli.configuration import read_configuration

        return read_configuration(config).overridden({"WINDOW_S": window_s}).feature_settings
    return FeatureSettings() if window_s is None else FeatureSettings(window_s=window_s)


def _show_recordings(
    source: RecordingSet, choices: tuple[TargetChoice, ...], settings: FeatureSettings, *, is_quiet: bool
) -> tuple[Finding, ...]:
    from emotune.cli.progress import Reading
    from emotune.features.inspection import inspect_recordings
    from emotune.recordings.targets import target_of
    from emotune.search.presence import default_workers

    has_labels = bool(source.emotions or source.scales)
    if not choices[0].name and has_labels:
        choices = _every(source, choices[0])
    # A slip of the pen is said before anything is read.
    targets = (
        [target_of(choice, source.emotions, source.scales, of=source.name) for choice in choices]
        if has_labels or choices[0].name
        else []
    )
    found = inspect_recordings(
        source, settings, workers=default_workers(), on_recording=None if is_quiet else Reading().read
    )
    _print_rows(source.name, _rows_of_recordings(found, settings))
    for target in targets:
        print()
        if target.class_names:
            _print_classes(f"Target {target}", target.class_names, target.labels(found.emotion, found.ratings), found)
        else:
            _print_rating(target, found)
    if not targets:
        print("\nNo labels: to train, list the files with subjects and labels in a CSV (manifest:PATH.csv).")
    return found.findings


def _every(source: RecordingSet, asked: TargetChoice) -> tuple[TargetChoice, ...]:
    """Emotions and all ratings, each as it was asked to be cut, or whole where nothing tells where to cut it."""
    from dataclasses import replace

    from emotune.recordings.targets import EMOTION, TargetChoice

    is_cut = asked.threshold is not None or asked.as_rating
    emotions = (TargetChoice(EMOTION),) if source.emotions and not is_cut else ()
    ratings = (
        replace(asked, name=name, as_rating=asked.as_rating or (scale.is_observed and asked.threshold is None))
        for name, scale in source.scales.items()
    )
    return (*emotions, *ratings) or (asked,)


def _rows_of_recordings(found: Inspection, settings: FeatureSettings) -> list[tuple[str, str]]:
    shortest, longest = found.seconds.min(), found.seconds.max()
    lengths = f"{shortest:.1f} s" if longest - shortest < 0.1 else f"{shortest:.1f} to {longest:.1f} s"
    rest = found.baseline_s[found.baseline_s > 0]
    n_present = found.n_layout - len(found.interpolated)
    missing = ", ".join(f"{name} ({n})" if n < len(found) else name for name, n in found.interpolated.items())
    rows = [
        ("people", _counted(found.subject)),
        ("sessions", _counted(found.session)),
        ("trials", _counted(found.trial)),
        ("stimuli", _counted(found.stimulus)),
        ("recordings", f"{len(found)} of {lengths}, {found.seconds.sum() / 60:.1f} min in all"),
        ("baseline", f"{rest.min():.1f} s or more before {len(rest)} of them" if len(rest) else "none"),
        ("sampling rate", _counts(found.rates_hz, "Hz")),
        ("channels", _counts(found.n_channels, "in the file")),
        (
            "of the layout",
            f"{n_present} of {found.n_layout} recorded" + (f"; interpolated: {missing}" if missing else ""),
        ),
        ("windows", f"{found.n_windows.sum()} of {settings.window_s:g} s"),
    ]
    return rows


def _counts(counts: Mapping[Any, int], unit: str) -> str:
    if len(counts) == 1:
        return f"{next(iter(counts)):g} {unit}"
    return ", ".join(f"{value:g} {unit} ({n} recordings)" for value, n in sorted(counts.items()))


def _counted(names: NDArray[np.str_]) -> str:
    n = len(set(names[names != ""].tolist()))
    return str(n) if n else "not known"


def _print_rows(name: str, rows: list[tuple[str, str]]) -> None:
    from emotune.report.tables import print_table

    print_table(("what", "how many"), rows, title=name)


def _print_classes(title: str, names: tuple[str, ...], labels: NDArray[np.int64], found: Inspection) -> None:
    from emotune.recordings.targets import UNKNOWN
    from emotune.report.tables import print_table

    n_known = max(1, int((labels != UNKNOWN).sum()))
    rows = [
        (
            name,
            str(int(of.sum())),
            f"{of.sum() / n_known:.1%}",
            str(int(found.n_windows[of].sum())),
            str(len(set(found.subject[of].tolist()) - {""})),
        )
        for index, name in enumerate(names)
        for of in (labels == index,)
    ]
    if (labels == UNKNOWN).any():
        rows.append(("not known", str(int((labels == UNKNOWN).sum())), "", "", ""))
    columns = ("class", "recordings", "share", "windows", "people")
    print_table(columns, rows, title=title, numeric=columns[1:])


def _print_rating(target: Target, found: Inspection) -> None:
    import numpy as np

    from emotune.report.tables import print_table

    values = target.values(found.ratings)
    known = values[~np.isnan(values)]
    scale = target.rating
    rows = [("known", f"{len(known)} of {len(values)}")]
    if scale is not None:
        rows.append(("answers" if scale.is_observed else "scale", f"{scale.low:g} to {scale.high:g}"))
    if len(known):
        quartiles = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0])
        rows.append(("mean ± standard deviation", f"{known.mean():.2f} ± {known.std():.2f}"))
        rows.append(("lowest, quartiles, highest", ", ".join(f"{value:g}" for value in quartiles)))
    print_table(("what", "value"), rows, title=f"Target {target}")


def _show_vectors(source: Vectors, choices: tuple[TargetChoice, ...]) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    for number, choice in enumerate(choices):
        dataset = source.read(choice)
        if not number:
            _print_rows(dataset.name, _rows_of_vectors(dataset))
        print()
        _print_rows_of_classes(dataset, f"Target {choice}" if choice.name else "Classes")
        findings += [finding for finding in dataset.findings if finding not in findings]
    return tuple(findings)


def _rows_of_vectors(dataset: Dataset) -> list[tuple[str, str]]:
    shape = " × ".join(str(length) for length in dataset.inputs.shape[1:])
    rows = [
        (plural, _counted(dataset.groups[name]))
        for name, plural in (
            ("subject", "people"),
            ("session", "sessions"),
            ("trial", "trials"),
            ("stimulus", "stimuli"),
        )
    ]
    rows.append(("rows", f"{len(dataset)} of {shape} values"))
    layout = dataset.layout
    if layout is not None:
        rows.append(("channels", f"{layout.n_channels}: {', '.join(layout.channels)}"))
        rows.append(("bands", ", ".join(f"{name} {low:g}–{high:g} Hz" for name, low, high in layout.bands_hz)))
    if dataset.parts:
        rows.append(("own parts", ", ".join(f"{name} {len(of)}" for name, of in dataset.parts.items())))
    return rows


def _print_rows_of_classes(dataset: Dataset, title: str) -> None:
    from emotune.report.tables import print_table

    counts = Counter(dataset.targets.tolist())
    subjects = dataset.groups["subject"]
    rows = [
        (
            name,
            str(counts[index]),
            f"{counts[index] / len(dataset):.1%}",
            str(len(set(subjects[dataset.targets == index].tolist()) - {""})),
        )
        for index, name in enumerate(dataset.class_names[:_MOST_CLASSES])
    ]
    columns = ("class", "rows", "share", "people")
    print_table(columns, rows, title=title, numeric=columns[1:])
    if len(dataset.class_names) > _MOST_CLASSES:
        print(f"and {len(dataset.class_names) - _MOST_CLASSES} more classes")
