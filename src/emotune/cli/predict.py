"""`emotune predict RECORDING`: the emotion of each window of a recording, and of the whole of it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from emotune.cli.command import add_output_arguments

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="EDF, BDF, BrainVision, EEGLAB or FIF")
    parser.add_argument(
        "--bundle",
        type=Path,
        default=Path("models/bundle"),
        metavar="FOLDER",
        help="the folder of the trained model (default: %(default)s)",
    )
    parser.add_argument("--start-s", type=float, metavar="S", help="leave out what is before this second")
    parser.add_argument("--stop-s", type=float, metavar="S", help="leave out what is from this second on")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Predict and print; 0 when all went well.

    Raises:
        InputError: if the recording or the Bundle cannot be used.
    """
    from emotune.imports import import_quietly
    from emotune.prediction.bundle import Bundle
    from emotune.prediction.predictor import predict_recording
    from emotune.recordings.reading import read_recording
    from emotune.report.tables import print_table

    bundle = Bundle.load(args.bundle)
    recording = read_recording(args.recording, start_s=args.start_s, stop_s=args.stop_s)
    import_quietly("keras")
    prediction = predict_recording(bundle, recording, offset_s=args.start_s or 0.0)
    if args.json:
        content = {"recording": str(args.recording), "bundle": str(args.bundle), **prediction.to_dict()}
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return 0

    names = prediction.class_names
    if not args.quiet:
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
    for finding in prediction.findings:
        if not args.quiet or finding.severity == "warning":
            print(f"{finding.severity}: {finding}", file=sys.stderr)
    if args.verbose:
        print(f"note: the model in {bundle.folder} was saved at {bundle.created}.", file=sys.stderr)
    return 0
