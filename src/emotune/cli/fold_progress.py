"""What an evaluation shows while it runs: one line a fold, with the time left; the trials only where asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emotune.findings import listed
from emotune.report.scores import score_text

if TYPE_CHECKING:
    from emotune.evaluation.splits import Split
    from emotune.search.loop import Observer
    from emotune.search.trials import Trial
    from emotune.studies.nested import NestedEvaluation
    from emotune.studies.nested_folds import FoldResult
    from emotune.studies.nested_plan import Plan
    from emotune.studies.tuning import Tuning

__all__ = ["FoldProgress", "counted", "short_list"]

# So many names stand in a fold's line.
_SHOWN_NAMES = 4


def short_list(names: Sequence[str]) -> str:
    """The first few names."""
    return listed(names, _SHOWN_NAMES)


def counted(count: int, what: str) -> str:
    """A number with its noun."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


class FoldProgress:
    """One line a fold, with the time left; an `emotune.studies.nested_plan.Watcher`.

    Args:
        evaluation: that is watched.
        quiet: print nothing.
        verbose: print the trials too.
    """

    def __init__(self, evaluation: NestedEvaluation, *, quiet: bool, verbose: bool) -> None:
        self._evaluation, self._quiet, self._verbose = evaluation, quiet, verbose
        self._said: set[str] = set()
        self._guess: dict[int, float] = {}
        self._taken: dict[int, float] = {}
        self._begun = 0.0
        self._progress: Any = None
        self._fold = ""

    def planned(self, plan: Plan) -> None:
        """Print how much there is to do, before any of it runs."""
        from emotune.cli.progress import duration

        self._guess = dict(enumerate(plan.seconds, start=1))
        fits = [counted(plan.n_trials, "trial")]
        fits += [counted(plan.n_confirming, "confirmation fit")] if plan.n_confirming else []
        fits += [counted(plan.n_final, "fit")]
        runs = plan.n_folds * (plan.n_trials + plan.n_confirming + plan.n_final)
        left = sum(plan.seconds) * (1 - plan.n_done / plan.n_folds)
        done = f"; {counted(plan.n_done, 'fold')} {'is' if plan.n_done == 1 else 'are'} done" if plan.n_done else ""
        time_left = f"A first guess: {duration(left)}." if plan.n_done < plan.n_folds else "Nothing is left to train."
        folds = counted(plan.n_folds, "fold")
        self._print(f"{folds} × ({' + '.join(fits)}): at most {runs} trainings{done}. {time_left}")

    def begun(self, split: Split) -> None:
        """Remember when."""
        self._begun = time.monotonic()
        self._fold = "fold {} of {}".format(*(split.fold or (1, 1)))
        if self._verbose:
            self._print(f"{self._fold}: searching")

    def searching(self, tuning: Tuning) -> Observer:
        """The trials' own lines where they are wanted, else silence."""
        from emotune.cli.progress import Progress

        total = tuning.method.total
        self._progress = Progress(
            tuning.settings.metric,
            total,
            tuning.method.trials(),
            self._guess.get((tuning.prepared.split.fold or (1, 1))[0], 0.0),
            study=tuning.method.trials,
            score_label=tuning.prepared.score_label,
            quiet=self._quiet or not self._verbose,
        )
        return _Trials(self, self._progress)

    def refitted(self, done: int, total: int) -> None:
        """Shown with the trials."""
        if self._progress is not None:
            self._progress.refitted(done, total)

    def said(self, line: str) -> None:
        """Each line once: of many folds most say the same."""
        if line not in self._said:
            self._said.add(line)
            self._print(f"{self._fold}: {line}" if self._fold else line)

    def ended(self, result: FoldResult, *, is_new: bool) -> None:
        """Print the fold's line."""
        from emotune.cli.progress import duration
        from emotune.data.normalising import labelled

        evaluation, content = self._evaluation, result.content
        metric, targets = evaluation.settings.tuning.metric, evaluation.loaded.dataset.targets
        chosen = "the default" if content["chosen"]["is_default"] else f"trial {content['chosen']['trial']}"
        tuned, default = (score_text(result.score(name, metric, targets)) for name in ("tuned", "default"))
        tested = short_list(content["tested"]) or f"{len(result.rows)} windows"
        number, n = content["fold"]
        line = f"fold {number} of {n}: {tested}; {labelled(metric.name, content['score_label'])} "
        line += f"tuned {tuned} ({chosen}), default {default}; {duration(result.seconds)}"
        if is_new:
            self._taken[number] = time.monotonic() - self._begun
            line += f"; {self._left(number, n)}"
        else:
            line += "; done before"
        self._print(line)
        self._fold = ""

    def _left(self, number: int, n: int) -> str:
        from emotune.cli.progress import duration

        # The guess knows how folds differ in size, and the folds that have ended how far the guess is off.
        off = sum(self._taken.values()) / sum(self._guess[fold] for fold in self._taken)
        later = sum(self._guess[fold] for fold in range(number + 1, n + 1))
        return f"about {duration(off * later)} left" if later else "the last one"

    def _print(self, line: str) -> None:
        if not self._quiet:
            print(line, flush=True)


class _Trials:
    """Passes trials on to their display; that the search waits is said in any case."""

    def __init__(self, display: FoldProgress, progress: Any) -> None:
        self._display, self._progress = display, progress

    def started(self, number: int) -> None:
        """A trial was given to a worker."""
        self._progress.started(number)

    def ended(self, trial: Trial) -> None:
        """A trial has ended."""
        self._progress.ended(trial)

    def waiting(self, what: str) -> None:
        """Nothing has run for a while."""
        self._display.said(f"waiting for {what}")
