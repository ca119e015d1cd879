"""emotune: from EEG recordings to a tuned, honestly measured Keras emotion model."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
