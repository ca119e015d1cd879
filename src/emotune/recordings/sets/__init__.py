"""The published data sets that are read as they are downloaded: one table, one module a set."""

from __future__ import annotations

from collections.abc import Mapping

from emotune.recordings.sets.deap import Deap
from emotune.recordings.sets.published import PublishedSet

__all__ = ["SETS", "PublishedSet"]

SETS: Mapping[str, type[PublishedSet]] = {reader.about.kind: reader for reader in (Deap,)}
