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


# Whole runs of the project take a minute or so each. Begun last, one of them would keep one process busy while the
# others have nothing left.
_LONGEST_FIRST = ("test_guide.py", "test_search_processes.py", "test_loop.py", "test_every_kind.py", "test_open_set.py")


def pytest_collection_modifyitems(items):
    """Files of long tests before all others, each with its tests in their own order."""
    rank = {name: place for place, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
