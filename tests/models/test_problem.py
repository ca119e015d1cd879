"""The problem travels as JSON and refuses what no network can take."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import emotune
from emotune.errors import InputError
from emotune.features.layout import STANDARD
from emotune.models.problem import Problem


@pytest.mark.parametrize(
    "problem",
    [
        Problem((STANDARD.n_features,), 5, STANDARD),
        Problem((10, STANDARD.n_features), 2, STANDARD),
        Problem((13,), 3, None),
    ],
)
def test_a_problem_survives_json(problem):
    again = Problem.from_dict(json.loads(json.dumps(problem.to_dict())))
    assert again == problem


def test_steps_and_features_come_from_the_shape():
    assert (Problem((7,), 2).n_steps, Problem((7,), 2).n_features) == (None, 7)
    assert (Problem((4, 7), 2).n_steps, Problem((4, 7), 2).n_features) == (4, 7)


@pytest.mark.parametrize(
    ("shape", "n_classes", "layout", "message"),
    [
        ((), 2, None, r"input_shape.*Received: \(\)"),
        ((3, 0), 2, None, r"at least 1. Received: \(3, 0\)"),
        ((2, 3, 4), 2, None, r"Received: \(2, 3, 4\)"),
        ((5,), 1, None, "n_classes.*at least 2. Received: 1"),
        ((5,), 2, STANDARD, f"all 5 features.*Received: a layout of {STANDARD.n_features}"),
    ],
)
def test_an_impossible_problem_is_refused(shape, n_classes, layout, message):
    with pytest.raises(InputError, match=message):
        Problem(shape, n_classes, layout)


def test_the_process_that_proposes_can_describe_a_problem_without_keras():
    code = "import sys, emotune.models.problem; print({'keras', 'tensorflow'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(emotune.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    seen = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"
