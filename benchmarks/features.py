"""Windows a second of emotune's 167 values, beside the band powers of other libraries, on one core.

    python benchmarks/features.py
    python benchmarks/features.py --torcheeg-python /path/to/an/environment/with/torcheeg/bin/python

All see the same 32-channel windows at 128 Hz, in memory, in the same run and in turns: every repeat times each of
them once, and a ratio is of two timings of one repeat. Others get float64, which they work in, and are not charged for
the conversion. That nothing is compared with a no-op is checked: the logarithms of the band powers (of their shares of
the window's power, where that is what a library gives) must agree with ours over windows and channels, each band's
mean taken away.

Then a set of the size of DEAP in memory through `extract_all`, how its time grows with people, and how long it takes
to open stored vectors. Options leave parts out; `--quick` runs all of it on next to nothing, to see that it works.
"""

# ruff: noqa: E402 (threads are set before NumPy is imported, and src must be found before emotune)
from __future__ import annotations

import os

# Before NumPy is imported: libraries of linear algebra read these once.
for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "NUMEXPR"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import argparse
import json
import math
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from emotune.features.extraction import FeatureSettings, extract_all
from emotune.features.layout import BANDS_HZ, CHANNELS, STANDARD
from emotune.features.vector import compute_vectors
from emotune.recordings.in_memory import RecordingsInMemory
from emotune.recordings.recording import Recording

RATE_HZ = 128.0
EDGES = np.array(list(BANDS_HZ.values()))
LEAST_AGREEMENT = 0.9
BARS = {"mne-features, extract_features": 60.0, "mne-features, function, Welch": 10.0}  # for windows of 1 s
DEAP_BAR_S = 4.0
MNE_AT_ONCE = (
    8,
    32,
    128,
    256,
)  # windows a call, of which the fastest is taken: more are many times slower in MNE 1.13.2
REQUIREMENTS = "python -m pip install --requirement benchmarks/requirements.txt"

# Runs in an environment of its own, as TorchEEG asks for an older SciPy: answers one request a line.
TORCHEEG = """
import json, sys, time
import numpy as np
import torch, torcheeg
from torcheeg.transforms import BandDifferentialEntropy
torch.set_num_threads(1)
windows, bands = np.load(sys.argv[1]), json.loads(sys.argv[2])
transform = BandDifferentialEntropy(sampling_rate=128, band_dict=bands)
print(json.dumps({"versions": {"torcheeg": torcheeg.__version__, "torch": torch.__version__}}), flush=True)
for line in sys.stdin:
    n = int(line)
    begun = time.perf_counter()
    values = [transform(eeg=window)["eeg"] for window in windows[:n]]
    seconds = time.perf_counter() - begun
    np.save(sys.argv[3], np.array(values))
    print(json.dumps({"seconds": seconds}), flush=True)
"""


@dataclass(frozen=True)
class Contender:
    """Something that computes values of windows.

    Attributes:
        name: for the table.
        n_values: of a window.
        run: computes those of the first n windows; gives the seconds and the values, `(n, ...)`.
        logs: the values as ln of band powers, `(n, 32, 5)`, up to a factor and an offset.
        shares: whether they are shares of the window's power.
    """

    name: str
    n_values: int
    run: Callable[[int], tuple[float, np.ndarray]]
    logs: Callable[[np.ndarray], np.ndarray]
    shares: bool = False


def pink(rng: np.random.Generator, n: int, n_times: int) -> np.ndarray:
    """Windows (n, 32, n_times) in µV whose slope and size differ from channel to channel, float32."""
    spectrum = np.fft.rfft(rng.standard_normal((n, len(CHANNELS), n_times), dtype=np.float32))
    frequency = np.maximum(np.fft.rfftfreq(n_times, 1 / RATE_HZ), 0.5)
    slope = rng.uniform(0.0, 1.5, (n, len(CHANNELS), 1)).astype(np.float32)
    samples = np.fft.irfft(spectrum * np.exp(-slope * np.log(frequency)).astype(np.float32), n_times)
    return (samples * rng.uniform(10, 40, (n, len(CHANNELS), 1))).astype(np.float32)


def timed(work: Callable[[int], object]) -> Callable[[int], tuple[float, np.ndarray]]:
    """`work` with its seconds."""

    def run(n: int) -> tuple[float, np.ndarray]:
        begun = time.perf_counter()
        values = work(n)
        return time.perf_counter() - begun, np.asarray(values)

    return run


def log_powers(values: np.ndarray) -> np.ndarray:
    """Band powers (n, 160) or (n, 32, 5) -> their logarithms (n, 32, 5)."""
    return np.log(values.reshape(len(values), len(CHANNELS), len(EDGES)))


def ours(windows: np.ndarray) -> Contender:
    """All the values of emotune."""
    n_entropies = len(CHANNELS) * len(EDGES)
    return Contender(
        "emotune, all values",
        STANDARD.n_features,
        timed(lambda n: compute_vectors(windows[:n], RATE_HZ, STANDARD)),
        lambda values: 2.0 * values[:, :n_entropies].reshape(len(values), len(CHANNELS), len(EDGES)),
    )


def of_mne_features(windows: np.ndarray) -> list[Contender]:
    """Its band powers: as its guide says, and by calling the function itself."""
    from mne_features.feature_extraction import extract_features
    from mne_features.univariate import compute_pow_freq_bands

    def extracted(n: int) -> np.ndarray:
        return extract_features(windows[:n], RATE_HZ, ["pow_freq_bands"], {"pow_freq_bands__freq_bands": EDGES})

    def direct(method: str) -> Callable[[int], object]:
        return lambda n: [compute_pow_freq_bands(RATE_HZ, w, EDGES, psd_method=method) for w in windows[:n]]

    n_values = EDGES.shape[0] * len(CHANNELS)
    return [
        Contender("mne-features, extract_features", n_values, timed(extracted), log_powers, True),
        Contender("mne-features, function, Welch", n_values, timed(direct("welch")), log_powers, True),
        Contender("mne-features, function, fft", n_values, timed(direct("fft")), log_powers, True),
    ]


def of_scipy_and_mne(windows: np.ndarray) -> list[Contender]:
    """A spectrum by their Welch (one segment, Hann, as ours), and a product with the bands."""
    import mne
    from scipy.signal import welch

    n_times = windows.shape[-1]
    frequency = np.fft.rfftfreq(n_times, 1 / RATE_HZ)
    bands = np.array([(frequency >= low) & (frequency < high) for low, high in EDGES], dtype=np.float64).T

    def by_scipy(n: int) -> object:
        return [welch(window, RATE_HZ, nperseg=n_times)[1] @ bands for window in windows[:n]]

    def psd(samples: np.ndarray) -> np.ndarray:
        return mne.time_frequency.psd_array_welch(
            samples, RATE_HZ, n_fft=n_times, n_per_seg=n_times, window="hann", verbose="error"
        )[0]

    def by_mne(n: int, at_once: int) -> np.ndarray:
        return np.concatenate([psd(windows[i : min(n, i + at_once)]) @ bands for i in range(0, n, at_once)])

    n_most = min(len(windows), max(MNE_AT_ONCE))
    by_mne(n_most, n_most)
    best = min(MNE_AT_ONCE, key=lambda at_once: timed(lambda n: by_mne(n, at_once))(n_most)[0])
    n_values = EDGES.shape[0] * len(CHANNELS)
    return [
        Contender("SciPy welch, each window", n_values, timed(by_scipy), log_powers),
        Contender(
            "MNE psd_array_welch, each window",
            n_values,
            timed(lambda n: [psd(window) @ bands for window in windows[:n]]),
            log_powers,
        ),
        Contender(
            f"MNE psd_array_welch, {best} windows at once", n_values, timed(lambda n: by_mne(n, best)), log_powers
        ),
    ]


class TorchEEG:
    """Its differential entropy of bands, in a Python of its own that is asked in turns with the others."""

    def __init__(self, python: str, windows: np.ndarray, folder: Path) -> None:
        self.result = folder / "torcheeg.npy"
        np.save(folder / "windows.npy", windows)
        bands = json.dumps({name: list(edges) for name, edges in BANDS_HZ.items()})
        words = [python, "-c", TORCHEEG, str(folder / "windows.npy"), bands, str(self.result)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.process = subprocess.Popen(  # noqa: S603 (the user's own Python)
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.versions: dict[str, str] = self._answer()["versions"]

    def _answer(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError("TorchEEG's Python ended; what it said stands above.")

    def run(self, n: int) -> tuple[float, np.ndarray]:
        """The seconds are its own: the pipe is not charged to it."""
        self.process.stdin.write(f"{n}\n")
        self.process.stdin.flush()
        seconds = self._answer()["seconds"]
        return seconds, np.load(self.result)

    def close(self) -> None:
        """End its process."""
        self.process.stdin.close()
        self.process.wait()


def agreement(contender: Contender, values: np.ndarray, reference: np.ndarray) -> float:
    """Correlation of ln band power with ours `(n, 32, 5)`, each band's mean taken away."""
    both = [contender.logs(values).astype(np.float64), reference[: len(values)].astype(np.float64)]
    if not all(np.isfinite(logs).all() for logs in both):
        raise RuntimeError(f"{contender.name} gave values that are not finite.")
    if contender.shares:
        # Theirs is of the whole spectrum's power and ours of the five bands': the same but for what is outside.
        both[1] = both[1] - np.log(np.exp(both[1]).sum(axis=-1, keepdims=True))
    return float(np.corrcoef(*[(logs - logs.mean(axis=(0, 1))).ravel() for logs in both])[0, 1])


def compare(window_s: float, arguments: argparse.Namespace, folder: Path, versions: dict[str, str]) -> None:
    """Print the table of windows of one length."""
    n_windows = 64 if arguments.quick else round(4800 / window_s)
    windows = pink(np.random.default_rng(0), n_windows, round(window_s * RATE_HZ))
    doubles = windows.astype(np.float64)
    contenders, torcheeg = [ours(windows)], None
    try:
        contenders += of_mne_features(doubles)
    except ImportError as error:
        print(f"mne-features is left out ({error}). {REQUIREMENTS}")
    contenders += of_scipy_and_mne(doubles)
    if arguments.torcheeg_python:
        torcheeg = TorchEEG(arguments.torcheeg_python, doubles, folder)
        versions.update(torcheeg.versions)
        n_values = EDGES.shape[0] * len(CHANNELS)
        contenders.append(Contender("TorchEEG, each window", n_values, torcheeg.run, lambda values: values))
    try:
        rows = list(measured(contenders, n_windows, window_s, arguments))
    finally:
        if torcheeg:
            torcheeg.close()
    from emotune.report.tables import print_table

    print_table(
        ("method", "values", "windows a second", "emotune is so many times as fast", "lowest to highest", "agreement"),
        rows,
        title=f"\n{len(CHANNELS)}-channel windows of {window_s:g} s at {RATE_HZ:g} Hz, one core, "
        f"median of {arguments.repeats} repeats",
        numeric=("values", "windows a second", "emotune is so many times as fast", "agreement"),
    )


def measured(
    contenders: list[Contender], n_windows: int, window_s: float, arguments: argparse.Namespace
) -> Iterator[list[str]]:
    """The rows of the table, the contenders timed in turns."""
    reference = contenders[0].logs(contenders[0].run(n_windows)[1])
    counts, agreements = [], []
    for contender in contenders:
        contender.run(2)  # imports, plans, compiled functions
        seconds, _ = contender.run(8)
        counts.append(max(8, min(n_windows, round(8 * arguments.seconds / seconds))))
        found = agreement(contender, contender.run(min(n_windows, 64))[1], reference)
        if found < LEAST_AGREEMENT:
            raise RuntimeError(f"{contender.name} computes something else: correlation {found:.2f} with ours.")
        agreements.append(found)
    rates = np.array(
        [
            [count / contender.run(count)[0] for contender, count in zip(contenders, counts, strict=True)]
            for _ in range(arguments.repeats)
        ]
    )
    verdicts = []
    for contender, theirs, found in zip(contenders, rates.T, agreements, strict=True):
        ratios = rates[:, 0] / theirs
        row = [contender.name, str(contender.n_values), f"{median(theirs):,.0f}"]
        if contender is contenders[0]:
            yield [*row, "", "", ""]
            continue
        yield [*row, f"{median(ratios):.1f}", f"{ratios.min():.1f} to {ratios.max():.1f}", f"{found:.2f}"]
        if window_s == 1.0 and contender.name in BARS:
            verdicts.append((contender.name, median(ratios), BARS[contender.name]))
    if not arguments.quick:
        for name, ratio, bar in verdicts:
            print(f"Bar: at least {bar:g} times {name}: {'met' if ratio >= bar else 'MISSED'} ({ratio:.1f}).")


def deap_sized(n_people: int, n_trials: int) -> list[Recording]:
    """Trials of 60 s, no two with the same samples: slices of one stretch of pink noise, and white noise of their own.

    Returns:
        `n_people * n_trials` recordings, a person's one after the other.
    """
    rng = np.random.default_rng(1)
    n_times = round(60 * RATE_HZ)
    frequency = np.maximum(np.fft.rfftfreq(32 * n_times, 1 / RATE_HZ), 0.5)
    spectrum = np.fft.rfft(rng.standard_normal(32 * n_times)) / np.sqrt(frequency)
    long = np.fft.irfft(spectrum).astype(np.float32)
    long *= 10.0 / long.std()
    recordings = []
    for person in range(n_people):
        for trial in range(n_trials):
            samples = rng.standard_normal((len(CHANNELS), n_times), dtype=np.float32)
            for row, start in zip(samples, rng.integers(0, len(long) - n_times, len(CHANNELS)), strict=True):
                row += long[start : start + n_times]
            samples -= samples.mean(axis=1, keepdims=True)
            names = {"subject": f"s{person + 1:02d}", "trial": str(trial + 1), "emotion": ("calm", "joy")[trial % 2]}
            recordings.append(Recording(samples, RATE_HZ, CHANNELS, **names))
    return recordings


def peak_mb(process: int | str = "self") -> float:
    """The most memory that a process had, in MB; NaN where the system does not say (other than Linux)."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return math.nan
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM")), math.nan)


def people(arguments: argparse.Namespace) -> None:
    """Print how long `extract_all` takes for more and more people, up to those of DEAP."""
    import psutil

    n_people, n_trials = (2, 2) if arguments.quick else (32, 40)
    recordings = deap_sized(n_people, n_trials)
    before_mb, highest = peak_mb(), {}

    def watch(done: int, total: int) -> None:
        # Once, at the end: the processes live still.
        if done == total:
            highest.update({child.pid: peak_mb(child.pid) for child in psutil.Process().children(recursive=True)})

    rows, seconds = [], []
    sizes = [n for n in (1, 2, 4, 8, 16, 32) if n <= n_people]
    for n in sizes:
        data = RecordingsInMemory(recordings[: n * n_trials], emotions=("calm", "joy"))
        seconds = []
        for _ in range(arguments.repeats if n == n_people else min(3, arguments.repeats)):
            highest.clear()
            begun = time.perf_counter()
            table = extract_all(data, FeatureSettings(window_s=4.0), workers=arguments.workers, on_recording=watch)
            seconds.append(time.perf_counter() - begun)
            if table.values.shape != (n * n_trials * 15, STANDARD.n_features):
                raise RuntimeError(f"Expected 15 windows of each trial. Received: {table.values.shape}.")
        rows.append([str(n), f"{len(table.values):,}", f"{median(seconds):.2f}", f"{min(seconds):.2f}"])
    from emotune.report.tables import print_table

    print_table(
        ("people", "windows", "seconds", "fastest"),
        rows,
        title=f"\nPeople x {n_trials} trials of 60 s in memory through extract_all, with its checks, windows of 4 s, "
        f"workers={arguments.workers}",
        numeric=("people", "windows", "seconds", "fastest"),
    )
    one_mb = recordings[0].samples_uv.nbytes / 1e6
    print(
        f"Memory: one recording {one_mb:.1f} MB, the set {one_mb * len(recordings):,.0f} MB; peak of this process "
        f"{before_mb:,.0f} MB with the set made, {peak_mb():,.0f} MB at the end; "
        + (f"of a worker, imports included, {max(highest.values()):,.0f} MB." if highest else "no other process.")
    )
    if not arguments.quick:
        verdict = "met" if median(seconds) < DEAP_BAR_S else "MISSED"
        print(f"Bar: a set of the size of DEAP in under {DEAP_BAR_S:g} s: {verdict} ({median(seconds):.2f} s).")


class ManyWindows(RecordingsInMemory):
    """Made while it is read, and known without: what is timed is the store, not the digest of samples."""

    def __iter__(self) -> Iterator[Recording]:
        for recording in self.recordings:
            rng = np.random.default_rng(int(recording.trial))
            yield Recording(
                pink(rng, 1, recording.samples_uv.shape[1])[0], RATE_HZ, CHANNELS, trial=recording.trial, emotion="joy"
            )

    def parts(self) -> list:
        """All of them, for one process."""
        return [list(self)]

    def fingerprint(self) -> str:
        """Always the same."""
        return "benchmark"


def opening(arguments: argparse.Namespace, folder: Path) -> None:
    """Print how long it takes to open stored vectors."""
    n_recordings, n_each = (2, 100) if arguments.quick else (80, 1000)
    settings = FeatureSettings(window_s=1.0, overlap=0.9)
    step = round(RATE_HZ * 0.1)
    shape = np.broadcast_to(np.float32(0), (len(CHANNELS), round(RATE_HZ) + (n_each - 1) * step))
    data = ManyWindows(
        [Recording(shape, RATE_HZ, CHANNELS, trial=str(i)) for i in range(n_recordings)], emotions=("calm", "joy")
    )
    from emotune.features.store import stored_features

    computed = stored_features(data, settings, folder=folder)
    opened, summed = [], []
    for _ in range(arguments.repeats):
        begun = time.perf_counter()
        table = stored_features(data, settings, folder=folder)
        opened.append(time.perf_counter() - begun)
        table.values.sum()
        summed.append(time.perf_counter() - begun)
    if not np.array_equal(table.values, computed.values):
        raise RuntimeError("The store gave other vectors than were computed.")
    print(
        f"\nOpening stored vectors, {len(table.values):,} x {table.values.shape[1]}: {1e3 * median(opened):.0f} ms, "
        f"{1e3 * median(summed):.0f} ms with every value read (median of {arguments.repeats}, file in the page cache)."
    )


def machine(versions: dict[str, str]) -> str:
    """What it ran on."""
    name = platform.processor() or platform.machine()
    with_name = Path("/proc/cpuinfo")
    if with_name.exists():
        lines = with_name.read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    for package in ("numpy", "scipy", "mne", "mne-features"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    listed = ", ".join(f"{package} {number}" for package, number in versions.items())
    return f"\nMachine: {name}, {os.cpu_count()} cores. Python {platform.python_version()}, {listed}."


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each method in a repeat, about")
    parser.add_argument("--workers", type=int, default=2, help="processes of extract_all")
    parser.add_argument("--torcheeg-python", default="", help="a Python that has TorchEEG")
    parser.add_argument("--no-table", action="store_true", help="without the comparison")
    parser.add_argument("--no-deap", action="store_true", help="without the set of the size of DEAP")
    parser.add_argument("--no-store", action="store_true", help="without the opening of stored vectors")
    parser.add_argument("--quick", action="store_true", help="next to nothing, to see that it works")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or arguments.seconds <= 0 or arguments.workers < 1:
        parser.error("--repeats, --seconds and --workers must be above 0")
    if arguments.quick:
        arguments.repeats, arguments.seconds = 2, 0.005
    # What others warn of (separators of names, numbers of segments) is not about speed.
    warnings.simplefilter("ignore")

    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.no_table:
            for window_s in (1.0, 4.0):
                compare(window_s, arguments, Path(folder), versions)
            if not arguments.torcheeg_python:
                print("TorchEEG is left out: give --torcheeg-python a Python that has it (it asks for SciPy 1.10).")
        if not arguments.no_deap:
            people(arguments)
        if not arguments.no_store:
            opening(arguments, Path(folder))
    print(machine(versions))


if __name__ == "__main__":
    main()
