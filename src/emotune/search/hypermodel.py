"""The user's hypermodel: loaded from a file by path, never imported by name."""

from __future__ import annotations

import ast
import importlib.util
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from emotune.errors import EmotuneError, InputError
from emotune.files import fingerprint, fingerprint_of_file
from emotune.imports import FreshSourceLoader
from emotune.search.space import HyperParameters, Replay, Value

if TYPE_CHECKING:
    from emotune.models.problem import Problem

__all__ = [
    "CLASS_NAME",
    "KNOWN_GOOD",
    "HyperModel",
    "build",
    "fingerprint_of_source",
    "known_good",
    "load_hypermodel",
    "own_modules",
]

CLASS_NAME = "EmotionHyperModel"
KNOWN_GOOD = "known_good"


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


def known_good(path: Path | str) -> tuple[Mapping[str, Value], ...]:
    """The configurations that a hypermodel lists as `known_good`, read without running the file.

    Each names the values in which it differs from the space's default configuration.

    Raises:
        InputError: if the file is missing or not Python, or has the list anywhere but as one line of plain values
            in the class.
    """
    tree = _code_of(Path(path))
    named = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == KNOWN_GOOD]
    if not named:
        return ()
    lines = [
        statement
        for found in tree.body
        if isinstance(found, ast.ClassDef) and found.name == CLASS_NAME
        for statement in found.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and named[0] in ast.walk(statement)
    ]
    value = lines[0].value if len(named) == 1 and lines else None
    try:
        listed = None if value is None else ast.literal_eval(value)
    except (ValueError, TypeError):
        listed = None
    if not isinstance(listed, list | tuple) or not all(_is_configuration(item) for item in listed):
        received = (
            f"{len(named)} use{'s' if len(named) > 1 else ''} of the name" if value is None else ast.unparse(value)
        )
        raise InputError(
            f"`{KNOWN_GOOD}` must be one line in class {CLASS_NAME}: a list of dicts from hyperparameters to plain "
            f"numbers, texts or booleans. Received: {received} in {path}. "
            f'Write for example {KNOWN_GOOD} = [{{"dense_layers": 0}}].'
        )
    return tuple(listed)


def _is_configuration(item: object) -> bool:
    return isinstance(item, dict) and all(
        isinstance(name, str)
        and isinstance(value, bool | int | float | str)
        and not (isinstance(value, float) and not math.isfinite(value))
        for name, value in item.items()
    )


def own_modules(path: Path | str, folder: Path) -> Mapping[str, Path]:
    """The user's own modules that a file imports, directly or through each other: path from `folder` -> file.

    Args:
        path: the file.
        folder: where the user's modules lie. Of a package every file counts, whichever are imported.

    Raises:
        InputError: if a file is missing or is not Python.
    """
    sources: dict[str, Path] = {}
    waiting, seen = _imported(_code_of(Path(path))), {"emotune"}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module, package = folder / f"{name}.py", folder / name
        # In Python's own order: a package, a module, a folder without __init__.py.
        if module.is_file() and not (package / "__init__.py").is_file():
            files = [module]
        else:
            files = sorted(package.rglob("*.py"))
        sources.update({file.relative_to(folder).as_posix(): file for file in files})
        waiting += [imported for file in files for imported in _imported(_code_of(file))]
    return sources


def fingerprint_of_source(path: Path | str, *, modules: Path | None = None) -> str:
    """Changes with the code of a Python file, not with its comments, docstrings or layout.

    Args:
        path: the file.
        modules: the folder of the user's own modules: those that the file imports from there count as its code.

    Raises:
        InputError: if a file is missing or is not Python.
    """
    sources = {"": Path(path), **({} if modules is None else own_modules(path, modules))}
    return fingerprint({name: _shape(_code_of(file)) for name, file in sources.items()})


def _shape(node: object) -> Any:
    """A syntax tree as plain lists: what `ast.dump` and `ast.unparse` write differs between versions of Python."""
    if isinstance(node, ast.AST):
        fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
        return [type(node).__name__, {name: _shape(value) for name, value in fields.items()}]
    return [_shape(item) for item in node] if isinstance(node, list) else repr(node)


def _imported(tree: ast.Module) -> list[str]:
    """Top-level names of the modules that a file imports, in functions too."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return [name.partition(".")[0] for name in names]


def _code_of(path: Path) -> ast.Module:
    """A file's syntax tree without its docstrings."""
    try:
        tree = ast.parse(path.read_bytes(), filename=path.name)
    except FileNotFoundError:
        raise InputError(f"Expected a Python file with the class {CLASS_NAME} at {path}, but there is none.") from None
    except (SyntaxError, ValueError, OSError) as error:
        raise InputError(f"{path} is not Python: {error}. Mend the file.") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
    return tree
