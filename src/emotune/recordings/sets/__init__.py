"""The published data sets that are read as they are downloaded: one table, one module a set."""

from __future__ import annotations

from collections.abc import Mapping

from emotune.recordings.sets.dasps import Dasps
from emotune.recordings.sets.deap import Deap
from emotune.recordings.sets.dreamer import Dreamer
from emotune.recordings.sets.eegmat import Eegmat
from emotune.recordings.sets.faced import Faced
from emotune.recordings.sets.gameemo import Gameemo
from emotune.recordings.sets.mahnob import Mahnob
from emotune.recordings.sets.published import PublishedSet
from emotune.recordings.sets.seed import Seed, SeedIV
from emotune.recordings.sets.seed_v import SeedV

__all__ = ["SETS", "PublishedSet"]

SETS: Mapping[str, type[PublishedSet]] = {
    reader.about.kind: reader
    for reader in (
        Deap,
        Seed,
        SeedIV,
        SeedV,
        Dreamer,
        Faced,
        Gameemo,
        Dasps,
        Eegmat,
        Mahnob,
    )
}
