"""What a user works with, copied for a test to change and run: scripts, src, an empty models/, a cache of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "copy_project", "environment", "run_python"]

ROOT = Path(__file__).resolve().parents[1]


def copy_project(folder: Path) -> Path:
    """Copy the project into `folder`, which must not be there yet."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("run_hyperparameter_tuning.py", "test_pipeline_quick.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "models").mkdir()
    return folder


def environment(project: Path, **more: str) -> dict[str, str]:
    """This process's, with the copy's own code and cache; pytest's own variables would reach the workers."""
    variables = {**os.environ, "EMOTUNE_CACHE": str(project.parent / "cache"), "PYTHONPATH": str(project / "src")}
    return {name: value for name, value in (variables | more).items() if not name.startswith("PYTEST")}


def run_python(project: Path, *words: str, timeout: float = 240, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy; `more` are variables of the environment."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env=environment(project, **more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
