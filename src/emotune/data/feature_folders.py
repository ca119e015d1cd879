"""The published data sets whose ready-made features are read: one table."""

from __future__ import annotations

from collections.abc import Mapping

from emotune.data.published_features import FeatureFolder
from emotune.data.seed_features import SeedFeatures, SeedIVFeatures, SeedVFeatures

__all__ = ["FEATURE_FOLDERS", "FeatureFolder"]

FEATURE_FOLDERS: Mapping[str, FeatureFolder] = {
    features.kind: features for features in (SeedFeatures(), SeedIVFeatures(), SeedVFeatures())
}
"""By the kind of the set whose recordings they were made of."""
