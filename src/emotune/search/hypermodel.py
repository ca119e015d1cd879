"""The user's hypermodel: loaded from a file by path, never imported by name."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from emotune.errors import EmotuneError, InputError
from emotune.files import fingerprint, fingerprint_of_file
from emotune.imports import FreshSourceLoader
from emotune.search.space import HyperParameters, Replay

if TYPE_CHECKING:
    from emotune.models.problem import Problem

__all__ = ["CLASS_NAME", "HyperModel", "build", "fingerprint_of_source", "load_hypermodel"]

CLASS_NAME = "EmotionHyperModel"


class HyperModel(Protocol):
    """The search space and the model, declared once."""

    def build_model(self, hp: HyperParameters) -> Any:
        """The compiled Keras model of the values that `hp` answers with."""
        ...

    def fit_arguments(self, hp: HyperParameters) -> Mapping[str, Any]:
        """Batch size, class weights, callbacks: what `emotune.models.training.train` takes."""
        ...


def load_hypermodel(path: Path | str, problem: Problem, *, expected: str | None = None) -> HyperModel:
    """Make the hypermodel of the class `EmotionHyperModel` in a Python file.

    Args:
        path: the user's file, or a study's copy of it.
        problem: what the model is for.
        expected: fingerprint of the file's content; another content is refused.

    Raises:
        InputError: if the file is missing, cannot be run, or lacks the class or `build_model`.
        EmotuneError: if the content is not the expected one.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"Expected a Python file with the class {CLASS_NAME} at {path}, but there is none.")
    if expected is not None and fingerprint_of_file(path) != expected:
        raise EmotuneError(f"{path} was changed while the search ran. Run the same command again.")
    loader = FreshSourceLoader("emotune_user_hypermodel", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    if spec is None:
        raise InputError(f"Expected a Python file (.py) with the class {CLASS_NAME}. Received: {path}.")
    module = importlib.util.module_from_spec(spec)
    # Keras looks classes up by their module when it saves a model.
    sys.modules[spec.name] = module
    try:
        loader.exec_module(module)
        made = getattr(module, CLASS_NAME, None)
        if made is None or not callable(getattr(made, "build_model", None)):
            raise InputError(f"Expected a class {CLASS_NAME} with `build_model(self, hp)` in {path}.")
        hypermodel: HyperModel = made(problem)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{path} cannot be run: {type(error).__name__}: {error}. Mend the file.") from error
    return hypermodel


def build(hypermodel: HyperModel, hp: HyperParameters) -> tuple[Any, dict[str, Any]]:
    """The compiled model and its fit arguments, from one set of hyperparameters.

    Raises:
        InputError: if known values are replayed strictly and some were not asked for.
    """
    model = hypermodel.build_model(hp)
    fit_arguments = getattr(hypermodel, "fit_arguments", None)
    arguments = {} if fit_arguments is None else dict(fit_arguments(hp))
    if isinstance(hp, Replay) and hp.strict and hp.unused:
        raise InputError(
            f"The model does not know the hyperparameter {', '.join(hp.unused)}. It asks for: "
            f"{', '.join(hp.values)}. Take the unknown one out, or declare it in hyperparameter_tuner.py."
        )
    return model, arguments


def fingerprint_of_source(path: Path | str) -> str:
    """Changes with the code of a Python file, not with its comments, docstrings or layout.

    Raises:
        InputError: if the file is missing or is not Python.
    """
    try:
        tree = ast.parse(Path(path).read_bytes(), filename=Path(path).name)
    except FileNotFoundError:
        raise InputError(f"Expected a Python file with the class {CLASS_NAME} at {path}, but there is none.") from None
    except (SyntaxError, ValueError, OSError) as error:
        raise InputError(f"{path} is not Python: {error}. Mend the file.") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
    return fingerprint(ast.dump(tree))
