"""What every room's tests share."""

import os
from pathlib import Path

import pytest

# Before TensorFlow is imported anywhere: its start-up messages are not test output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings and tables; it is not part of the project."""
    folder = Path(os.environ.get("EMOTUNE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real data is not here: {folder} (set EMOTUNE_DATA)")
    return folder
