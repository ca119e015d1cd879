"""What a search shows while it runs: a live line on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from emotune.data.normalising import labelled
from emotune.evaluation.metrics import Metric
from emotune.search.trials import Trial, best_of

__all__ = ["Fetching", "Progress", "Reading", "duration"]


def duration(seconds: float) -> str:
    """Seconds in words: 8 s, 3 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Reading:
    """Says how far the reading of recordings has come, where it takes long enough to wonder."""

    _EVERY_S = 5.0

    def __init__(self) -> None:
        self._said = time.monotonic()

    def read(self, done: int, total: int) -> None:
        """`done` of `total` recordings are read."""
        if time.monotonic() - self._said > self._EVERY_S:
            self._said = time.monotonic()
            print(f"reading recordings: {done} of {total}", flush=True)


class Fetching:
    """Says how many files of a set have been fetched; nothing where all of them were there."""

    def __init__(self) -> None:
        self._began_with: int | None = None

    def fetched(self, done: int, total: int) -> None:
        """`done` of `total` files are there."""
        if self._began_with is None:
            self._began_with = done
        if done > self._began_with or done < total:
            print(f"fetching: {done} of {total} files", file=sys.stderr, flush=True)


class Progress:
    """Prints each trial as it ends, with the best so far and the time left; an `emotune.search.loop.Observer`.

    Args:
        metric: which the scores are of.
        total: trials that the study shall have.
        earlier: trials that the study already has.
        first_guess_s: how long all of the rest may take, before any trial has been timed.
        study: gives every ended trial of the study, those of other processes too; None for this process alone.
        fits: how many trainings on folds come when the trials are done.
        fits_per_trial: how many trainings a trial is.
        score_label: what is to be said beside every score; may be empty.
        quiet: print nothing.
    """

    def __init__(
        self,
        metric: Metric,
        total: int,
        earlier: list[Trial],
        first_guess_s: float,
        *,
        study: Callable[[], list[Trial]] | None = None,
        fits: int = 0,
        fits_per_trial: int = 1,
        score_label: str = "",
        quiet: bool = False,
    ) -> None:
        self._study, self._fits, self._fits_per_trial = study, fits, fits_per_trial
        self._label = score_label
        self._fits_begun: tuple[float, int] | None = None
        self._metric, self._total, self._quiet = metric, total, quiet
        self._trials = {trial.number: trial for trial in earlier}
        self._earlier = len(earlier)
        self._guess_s = first_guess_s
        self._begun = time.monotonic()
        self._running: set[int] = set()
        self._said = ""
        self._live: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stdout.isatty():
            from rich import progress

            self._live = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[left]}"),
                transient=True,
            )
            self._task = self._live.add_task("searching", total=self._total, completed=self._earlier, left=self._left())
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def started(self, number: int) -> None:
        """A trial was given to a worker."""
        if not self._running and len(self._trials) == self._earlier:
            self._begun = time.monotonic()  # what came before is not a trial's time
        self._running.add(number)
        self._said = ""
        self._draw()

    def ended(self, trial: Trial) -> None:
        """Print the trial's line."""
        self._running.discard(trial.number)
        self._trials[trial.number] = trial
        if self._study is not None:
            self._trials.update({other.number: other for other in self._study()})
        best = best_of(self._trials.values(), maximise=self._metric.maximise)
        if trial.state == "failed":
            what = f"failed: {trial.reason.rstrip('.')}"
        else:
            name = labelled(self._metric.name, self._label)
            fits = f" in {len(trial.fits)} fits" if trial.fits else ""
            what = f"{name} {trial.score:.3f}, {len(trial.scores)} epochs{fits}, {trial.state}"
        line = f"trial {trial.number:>3}: {what}, {trial.seconds:.1f} s"
        if best is not None:
            # Of a trial that failed there is no score that the word would stand beside.
            word = f", {self._label}" if self._label and trial.state == "failed" else ""
            line += f"   best {best.score:.3f} (trial {best.number}{word})"
        self._print(line if self._live is not None else f"{line}   {self._left()}")
        self._draw()

    def waiting(self, what: str) -> None:
        """Say once what the search waits for."""
        if what != self._said:
            self._said = what
            self._print(f"waiting for {what}")

    def refitted(self, done: int, total: int) -> None:
        """Show how far the training on folds has come."""
        now = time.monotonic()
        begun, before = self._fits_begun = self._fits_begun or (now, done)
        own = done - before  # some may have been made by an earlier run
        left = f"about {duration((now - begun) / own * (total - done))} left" if own and done < total else ""
        if self._live is not None:
            self._live.update(self._task, total=total, completed=done, left=left, description="confirming on folds")
        elif done in {1, total} or done % 10 == 0:
            self._print(f"confirming on folds: {done} of {total} fits   {left}".rstrip())

    def _left(self) -> str:
        left = max(0, self._total - len(self._trials))
        own = len(self._trials) - self._earlier
        if left == 0:
            return "then confirming" if self._fits else "finishing"
        if own < 2:
            return f"about {duration(self._guess_s)} left"
        # A fit on folds takes about as long as one of a trial's; those to be made are of the best, which are not
        # pruned.
        trials = left + self._fits / self._fits_per_trial
        return f"about {duration((time.monotonic() - self._begun) / own * trials)} left"

    def _draw(self) -> None:
        if self._live is not None:
            running = ", ".join(str(number) for number in sorted(self._running)) or "none"
            self._live.update(
                self._task, completed=len(self._trials), left=self._left(), description=f"running: {running}"
            )

    def _print(self, line: str) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False)
        else:
            print(line, flush=True)
