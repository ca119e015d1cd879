"""The benchmarks run and print what README quotes; how fast anything is, no test says."""

import re
import subprocess
import sys

from project_copy import ROOT


def test_the_benchmark_of_the_features_prints_its_tables(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "features.py", "--quick"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for window in ("1 s", "4 s"):
        (title,) = [i for i, line in enumerate(lines) if line.startswith(f"32-channel windows of {window} at 128 Hz")]
        table = "\n".join(lines[title : title + 10])
        assert "emotune, all values" in table
        assert "SciPy welch, each window" in table
        assert re.search(r"MNE psd_array_welch, \d+ windows at once", table)
    (ours, _) = [line.split() for line in lines if line.startswith("emotune, all values")]
    assert ours[3] == "167"
    assert float(ours[4].replace(",", "")) > 0
    assert any(line.split()[:2] == ["2", "60"] for line in lines)  # 2 people x 2 trials x 15 windows
    assert "Opening stored vectors, 200 x 167" in done.stdout
    assert "Machine: " in lines[-1]
    assert "numpy" in lines[-1]


def test_the_benchmark_of_the_statistics_prints_its_tables(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "coverage.py", "--runs", "3", "--studies", "20", "--permutations", "19"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for people in ("held out", "left out", "left out, as if independent"):
        assert re.search(rf"^no signal, simulated  {people} +3 +\d+\.\d%  ", done.stdout, flags=re.MULTILINE)
    assert re.search(r"^36 +near 1, a few low +0\.95 +20 +\d+\.\d%", done.stdout, flags=re.MULTILINE)
    assert "scikit-learn" in done.stdout.splitlines()[-1]
