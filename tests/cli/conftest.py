import subprocess
from pathlib import Path

import pytest

from emotune.cli.configuration import Configuration, read_configuration

ROOT = Path(__file__).resolve().parents[2]
FILES = ["src/config.py", "src/hyperparameter_tuner.py"]


@pytest.fixture(scope="session")
def shipped() -> Configuration:
    """The configuration as it comes with the project; what a user has made of it since is no failure."""
    try:
        done = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *FILES], cwd=ROOT, capture_output=True)
    except FileNotFoundError:
        pytest.skip(f"there is no git to tell whether {' or '.join(FILES)} was edited")
    if done.returncode:
        pytest.skip(f"{' or '.join(FILES)} was edited, or is not under git")
    return read_configuration(ROOT / FILES[0])
