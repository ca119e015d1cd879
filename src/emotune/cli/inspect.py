"""`emotune inspect DATA` and `emotune datasets`: what there is to train on, without training."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from emotune.cli.command import add_output_arguments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotune.data.dataset import Dataset

__all__ = ["add_datasets_arguments", "add_inspect_arguments", "run_datasets", "run_inspect"]


def add_inspect_arguments(parser: ArgumentParser) -> None:
    """The arguments of `emotune inspect`."""
    parser.add_argument("data", metavar="DATA", help="as --data takes it: manifest:PATH.csv, FILE.npz, deap:FOLDER ...")
    parser.add_argument("--target", metavar="NAME", default="", help="of a set with ratings: valence, 'valence >= 5'")
    add_output_arguments(parser)


def add_datasets_arguments(parser: ArgumentParser) -> None:
    """The arguments of `emotune datasets`."""
    add_output_arguments(parser)


def run_inspect(arguments: Namespace) -> int:
    """Read the data as a search would, and print what it is.

    Raises:
        InputError: if it cannot be used.
    """
    from emotune.cli.progress import Reading
    from emotune.data.sources import load_dataset
    from emotune.features.settings import FeatureSettings
    from emotune.report.tables import print_table

    reading = None if arguments.quiet else Reading().read
    dataset = load_dataset(arguments.data, FeatureSettings(), on_recording=reading, target=arguments.target)
    print_table(("what", "how many"), _rows(dataset), title=dataset.name)
    print_table(
        ("class", "windows", "share", "people"),
        [
            (name, str(int(of.sum())), f"{of.mean():.1%}", str(_n_different(dataset, "subject", of)))
            for index, name in enumerate(dataset.class_names)
            for of in (dataset.targets == index,)
        ],
        title="\nClasses",
        numeric=["windows", "share", "people"],
    )
    for finding in dataset.findings:
        if not arguments.quiet or finding.severity == "warning":
            print(f"{finding.severity}: {finding}")
    return 0


def _rows(dataset: Dataset) -> list[tuple[str, str]]:
    import numpy as np

    everything = np.ones(len(dataset), dtype=np.bool_)
    shape = " × ".join(str(length) for length in dataset.inputs.shape[1:])
    rows = [
        (plural, str(_n_different(dataset, name, everything)) if (dataset.groups[name] != "").any() else "not known")
        for name, plural in (
            ("subject", "people"),
            ("session", "sessions"),
            ("trial", "trials"),
            ("stimulus", "stimuli"),
        )
    ]
    rows.append(("windows", f"{len(dataset)} of {shape} values"))
    layout = dataset.layout
    if layout is not None:
        missing = dataset.provenance.get("interpolated", {})
        rows.append(("channels", f"{layout.n_channels}, {len(missing)} of them interpolated in some recordings"))
        rows.append(("bands", ", ".join(f"{name} {low:g}–{high:g} Hz" for name, low, high in layout.bands_hz)))
    return rows


def _n_different(dataset: Dataset, group: str, rows: NDArray[np.bool_]) -> int:
    import numpy as np

    names = dataset.groups[group][rows]
    return len(np.unique(names[names != ""]))


def run_datasets(arguments: Namespace) -> int:
    """List the kinds of data, and of each published set what its folder looks like and where to ask for it."""
    from emotune.data.sources import KINDS
    from emotune.recordings.sets import SETS
    from emotune.report.tables import print_table

    print_table(
        ("--data", "what it is"), [(kind.written, kind.description) for kind in KINDS.values()], title="Kinds of data"
    )
    for reader in SETS.values():
        about = reader.about
        targets = ", ".join([*(["emotion"] if about.emotions else []), *about.ratings])
        print(f"\n{about.title} (--data {about.kind}:FOLDER)")
        rows = [
            ("folder", about.folder),
            ("people", str(about.n_people)),
            ("emotions", ", ".join(about.emotions)),
            ("targets", targets),
            ("access", about.access),
            ("licence", about.licence),
        ]
        for name, value in rows:
            if value:
                print(f"  {name:<9} {value}")
    return 0
