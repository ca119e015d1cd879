"""`emotune datasets`: the kinds of data that can be read, and where to ask for the published ones."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from emotune.cli.command import add_output_arguments

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add_output_arguments(parser)


def run(arguments: Namespace) -> int:
    """List the kinds of data, and of each published set what its folder looks like and where to ask for it."""
    from emotune.data.feature_folders import FEATURE_FOLDERS
    from emotune.data.sources import KINDS
    from emotune.recordings.sets import SETS
    from emotune.report.tables import print_table

    print_table(
        ("--data", "what it is"), [(kind.written, kind.description) for kind in KINDS.values()], title="Kinds of data"
    )
    for reader in SETS.values():
        about = reader.about
        ratings = [f"{name} ({scale.low:g}–{scale.high:g})" for name, scale in about.ratings.items()]
        print(f"\n{about.title} (--data {about.kind}:FOLDER)")
        rows = [
            ("folder", about.folder),
            ("features", FEATURE_FOLDERS[about.kind].folder if about.kind in FEATURE_FOLDERS else ""),
            ("people", str(about.n_people)),
            ("emotions", f"{len(about.emotions)} classes: {', '.join(about.emotions)}" if about.emotions else ""),
            ("ratings", ", ".join(ratings)),
            ("access", about.access),
            ("licence", about.licence),
        ]
        for name, value in rows:
            if value:
                print(f"  {name:<9} {value}")
    return 0
