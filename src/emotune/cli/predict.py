"""`emotune predict DATA`: the emotion of each window of a recording, or of each recording of a set."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from emotune.cli.command import add_output_arguments
from emotune.cli.loading import fetch
from emotune.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from emotune.findings import Finding
    from emotune.prediction.bundle import Bundle
    from emotune.prediction.predictor import Prediction
    from emotune.prediction.sets import SetPrediction
    from emotune.recordings.recording import RecordingSet

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
examples:
  python -m emotune predict film.edf --start-s 10
  python -m emotune predict film.edf --calibration films.edf    a model trained with --normalise subject
  python -m emotune predict dreamer:FOLDER     every recording of a data set, beside what people said
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = _EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "data", metavar="DATA", help="a recording (EDF, BDF, BrainVision, EEGLAB, FIF ...), or a set as --data takes it"
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        default=Path("models/bundle"),
        metavar="FOLDER",
        help="the folder of the trained model (default: %(default)s)",
    )
    one = parser.add_argument_group("of one recording")
    one.add_argument("--start-s", type=float, metavar="S", help="leave out what is before this second")
    one.add_argument("--stop-s", type=float, metavar="S", help="leave out what is from this second on")
    one.add_argument(
        "--baseline",
        type=float,
        nargs=2,
        metavar=("START", "STOP"),
        help="seconds of the rest that is subtracted, for a model that was trained with BASELINE = 'subtract'",
    )
    one.add_argument(
        "--calibration",
        action="append",
        metavar="FILE",
        help="another recording of the same person to standardise by, for a model that was trained with --normalise "
        "subject; may be given several times; `self` takes the recording's own windows",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Predict and print; 0 when all went well.

    Raises:
        InputError: if the data or the Bundle cannot be used.
    """
    from emotune.data.sources import is_set
    from emotune.prediction.bundle import Bundle

    bundle = Bundle.load(args.bundle)
    (_predict_set if is_set(args.data) else _predict_recording)(args, bundle)
    if args.verbose:
        print(f"note: the model in {bundle.folder} was saved at {bundle.created}.", file=sys.stderr)
    return 0


def _predict_recording(args: argparse.Namespace, bundle: Bundle) -> None:
    from emotune.imports import import_quietly
    from emotune.prediction.predictor import predict_recording
    from emotune.recordings.reading import read_recording

    path = Path(args.data.strip().removeprefix("file:")).expanduser()
    recording = read_recording(path, start_s=args.start_s, stop_s=args.stop_s)
    if args.baseline is not None:
        start_s, stop_s = args.baseline
        _refuse_baseline(bundle, recording.duration_s, start_s, stop_s, args.start_s or 0.0)
        rest = read_recording(path, start_s=start_s, stop_s=stop_s)
        recording = replace(recording, baseline_uv=rest.samples_uv)
    calibration = _calibration(args, bundle, path)
    import_quietly("keras")
    prediction = predict_recording(bundle, recording, offset_s=args.start_s or 0.0, calibration=calibration)
    if args.json:
        _print_json({"recording": str(path), "bundle": str(args.bundle), **prediction.to_dict()})
        return
    _print_windows(prediction, is_quiet=args.quiet)
    _print_findings(prediction.findings, is_quiet=args.quiet)


def _calibration(args: argparse.Namespace, bundle: Bundle, path: Path) -> NDArray[np.float32] | Literal["self"] | None:
    """What the person of a recording is standardised by, as it was asked for."""
    from emotune.prediction.vectors import calibration_vectors
    from emotune.recordings.reading import read_recording

    if args.calibration is None:
        return None
    if args.calibration == ["self"]:
        return "self"
    if not bundle.normalisation.by_subject:
        bundle.refuse_calibration()
    if "self" in args.calibration:
        raise InputError(
            f"Expected --calibration self alone, or recordings. Received: {' and '.join(args.calibration)}. Choose one."
        )
    files = [Path(name).expanduser() for name in args.calibration]
    for file in files:
        if file.resolve() == path.resolve():
            raise InputError(
                f"Expected another recording of the same person to standardise by. Received: {path}, which is "
                "predicted. Say --calibration self if that is meant."
            )
    return calibration_vectors(bundle, (read_recording(file) for file in files))


def _refuse_baseline(bundle: Bundle, duration_s: float, start_s: float, stop_s: float, predicted_s: float) -> None:
    if bundle.features is not None and bundle.features.baseline != "subtract":
        raise InputError(
            f"Expected no --baseline for the model in {bundle.folder}, which was trained with BASELINE = "
            f"{bundle.features.baseline!r}. Received: {start_s:g} {stop_s:g}. Leave it out."
        )
    if stop_s > predicted_s and start_s < predicted_s + duration_s:
        raise InputError(
            f"Expected a rest outside of what is predicted, {predicted_s:g} to {predicted_s + duration_s:g} s. "
            f"Received: --baseline {start_s:g} {stop_s:g}. Give --start-s {stop_s:g} too."
        )


def _print_windows(prediction: Prediction, *, is_quiet: bool) -> None:
    from emotune.data.normalising import ONE_EMOTION_ALONE
    from emotune.report.tables import print_table

    names = prediction.class_names
    if not is_quiet:
        print_table(
            ["from s", "to s", "emotion", *names],
            [
                [f"{start:.1f}", f"{stop:.1f}", emotion, *(f"{value:.3f}" for value in row)]
                for start, stop, emotion, row in zip(
                    prediction.starts_s,
                    prediction.stops_s,
                    prediction.window_emotions,
                    prediction.probabilities,
                    strict=True,
                )
            ],
            title="Each window",
            numeric=["from s", "to s", *names],
        )
        print()
    whole = prediction.mean_probabilities
    print_table(
        ["emotion", "probability"],
        [[names[i], f"{whole[i]:.3f}"] for i in whole.argsort()[::-1]],
        title=f"Whole recording: {prediction.emotion} (mean of {prediction.n_windows} windows)",
        numeric=["probability"],
    )
    if prediction.standardised_by != "the training people":
        print(f"Standardised by {prediction.standardised_by}.")
        if not is_quiet:
            print(f"note: {ONE_EMOTION_ALONE} Take windows of all that is to be told apart.", file=sys.stderr)


def _predict_set(args: argparse.Namespace, bundle: Bundle) -> None:
    from emotune.cli.progress import Reading
    from emotune.data.sources import Vectors, open_source
    from emotune.imports import import_quietly
    from emotune.prediction.sets import predict_set

    if any(value is not None for value in (args.start_s, args.stop_s, args.baseline, args.calibration)):
        raise InputError(
            f"Expected a stretch of one recording alone. Received: {args.data}, a set, whose trials are stretches "
            "already, of people with windows of their own. Leave --start-s, --stop-s, --baseline and --calibration out."
        )
    fetch(args.data, quiet=args.quiet or args.json)
    source = open_source(args.data)
    if isinstance(source, Vectors):
        raise InputError(
            f"Expected recordings, of which vectors can be made as for the model. Received: {source.name}, which "
            "holds vectors. Give the recordings."
        )
    import_quietly("keras")
    is_loud = not args.quiet and not args.json
    found = predict_set(bundle, source, on_recording=Reading().read if is_loud else None)
    if args.json:
        _print_json({"data": source.name, "bundle": str(args.bundle), **found.to_dict()})
        return
    _print_set(found, source, is_quiet=args.quiet)
    _print_findings(found.findings, is_quiet=args.quiet)


def _print_set(found: SetPrediction, source: RecordingSet, *, is_quiet: bool) -> None:
    from emotune.data.normalising import labelled
    from emotune.findings import listed
    from emotune.report.tables import print_table

    if not is_quiet:
        print_table(
            ["subject", "session", "trial", "known as", "emotion", "probability"],
            [
                [
                    one.subject,
                    one.session,
                    one.trial,
                    one.known_as,
                    one.emotion,
                    f"{max(one.probabilities.values()):.3f}",
                ]
                for one in found.recordings
            ],
            title=f"Each recording of {source.name}",
            numeric=["probability"],
        )
        print()
    n = len(found.recordings)
    counts = [(name, sum(one.emotion == name for one in found.recordings)) for name in found.class_names]
    print_table(
        ["emotion", "recordings", "share"],
        [[name, str(count), f"{count / n:.1%}"] for name, count in counts],
        title=f"{n} recordings",
        numeric=["recordings", "share"],
    )
    if found.interpolated:
        where = [f"{name} ({count})" if count < n else name for name, count in found.interpolated.items()]
        print(f"Interpolated, as the cap does not have them: {', '.join(where)}.")
    if found.score_label:
        left_out = f"; {found.n_left_out} recordings are needed for that alone" if found.n_left_out else ""
        print(f"Each person is standardised by their own windows of this set ({found.score_label}){left_out}.")
    if found.n_known:
        score = found.balanced_accuracy
        shown = "undefined, since they are all of one class" if score is None else f"{score:.3f}"
        print(
            f"{labelled('Balanced accuracy', found.score_label)} over the {found.n_known} recordings of which "
            f"{found.target} is known: {shown}."
        )
    if found.is_training_data:
        print(
            "The model was trained on these recordings: only people whom it was neither trained nor validated on are "
            "measured."
        )
    elif found.known_people:
        print(
            f"The model was trained on people of the same names ({listed(found.known_people, 8)}): where they are the "
            "same people, what is right here says little of others."
        )


def _print_findings(findings: Iterable[Finding], *, is_quiet: bool) -> None:
    for finding in findings:
        if not is_quiet or finding.severity == "warning":
            print(f"{finding.severity}: {finding}", file=sys.stderr)


def _print_json(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=2, ensure_ascii=False))
