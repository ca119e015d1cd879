"""Reading the data of a run, and saying what it is: the same for the search and the retrain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emotune.errors import InputError

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration
    from emotune.studies.preparation import Loaded, Prepared

__all__ = ["describe", "fetch", "load", "load_undivided"]


def load(
    configuration: Configuration, *, quiet: bool, allow_leakage: bool = False, split_file: str | None = None
) -> Prepared:
    """Read the data of a run and divide it, and say what it is and what the checks found.

    Args:
        configuration: of the run.
        quiet: whether to say nothing.
        allow_leakage: whether to go on where the audit finds a leak.
        split_file: a saved split to take; None to divide by the configuration's protocol and seed.

    Raises:
        InputError: if the data cannot be read, divided or trained on.
    """
    from emotune.evaluation.protocols import protocol_named, split_dataset
    from emotune.evaluation.splits import load_split

    # A slip of the pen is said before anything is fetched.
    if configuration.protocol:
        protocol_named(configuration.protocol)
    if split_file is not None and not Path(split_file).is_file():
        raise InputError(f"Expected a saved split at {split_file}. Received: no such file. Leave --split out.")
    loaded = load_undivided(configuration, quiet=quiet, anew=bool(configuration.protocol or split_file))
    if split_file is not None:
        split = load_split(split_file, dataset=loaded.dataset)
    else:
        split = split_dataset(loaded.dataset, seed=configuration.seed, protocol=configuration.protocol or None)
    prepared = loaded.divided(split, allow_leakage=allow_leakage)
    if not quiet:
        describe(prepared)
    return prepared


def load_undivided(configuration: Configuration, *, quiet: bool, anew: bool = False) -> Loaded:
    """Read the data of a run, for commands that divide it in several ways; says how far it is.

    Args:
        configuration: of the run.
        quiet: whether to say nothing.
        anew: whether the command divides the data whatever parts they come in, which is then said.
    """
    from emotune.cli.progress import Reading
    from emotune.data.normalising import Normalisation
    from emotune.search.presence import default_workers
    from emotune.studies.preparation import load as load_data

    normalise = str(configuration.values["NORMALISE"])
    # A slip of the pen is said before anything is fetched.
    Normalisation.parse(normalise)
    settings = configuration.feature_settings
    fetch(configuration.data, quiet=quiet)
    loaded = load_data(
        configuration.data,
        settings,
        n_steps=configuration.n_steps,
        class_names=configuration.class_names,
        target=str(configuration.values["TARGET"]),
        workers=default_workers(),
        normalise=normalise,
        on_recording=None if quiet else Reading().read,
    )
    if anew and loaded.dataset.parts is not None and not quiet:
        print(f"note: {loaded.dataset.name} comes divided; its parts are not used here.")
    return loaded


def fetch(spec: str, *, quiet: bool) -> None:
    """Where `spec` is a set that is fetched, have its files here, and say how far that has come.

    Raises:
        InputError: if they cannot be had.
    """
    from emotune.data.sources import FETCHED

    if spec.strip().rstrip(":") != FETCHED:
        return
    from emotune.cli.progress import Fetching
    from emotune.recordings.sets.eegmat import fetch_eegmat

    fetch_eegmat(on_file=None if quiet else Fetching().fetched)


def describe(prepared: Prepared) -> None:
    """Print what the data is and what the checks found."""
    dataset, split = prepared.dataset, prepared.split
    shape = " × ".join(str(length) for length in dataset.inputs.shape[1:])
    print(
        f"Data {dataset.name}: {len(dataset)} windows of {shape} values, classes {', '.join(dataset.class_names)}; "
        f"the largest class has {prepared.majority:.1%}."
    )
    people = {name: len(names) for name, names in split.people.items()}
    unused = len(dataset) - sum(map(len, split.parts.values()))
    print(
        f"Split by {split.protocol}: {len(split.train)} windows to train, {len(split.validation)} to validate, "
        f"{len(split.test)} kept for the test"
        + (
            f" ({people['train']}, {people['validation']} and {people['test']} people)"
            if split.protocol in ("subject", "loso", "subject+stimulus")
            else ""
        )
        + (f"; {unused} are in no part." if unused else ".")
    )
    for finding in prepared.findings:
        print(f"{finding.severity}: {finding}")
