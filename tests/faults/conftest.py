"""The toy of tests/search, for studies that are hurt."""

import importlib.util
import sys
from pathlib import Path

import pytest

TOY = Path(__file__).resolve().parents[1] / "search" / "conftest.py"


@pytest.fixture(scope="session")
def toy_file():
    return TOY


@pytest.fixture
def make_toy(tmp_path):
    """A study of a method and algorithm in the test's own folder."""
    if "emotune_toy" not in sys.modules:
        spec = importlib.util.spec_from_file_location("emotune_toy", TOY)
        sys.modules["emotune_toy"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["emotune_toy"])
    toy = sys.modules["emotune_toy"].Toy
    return lambda method, algorithm, **changes: toy(tmp_path / "tuning", method, algorithm, **changes)
