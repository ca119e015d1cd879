"""A `Bundle`: one folder that holds all that prediction needs, a network and a JSON file that describes it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune import __version__
from emotune.data.normalising import FROM_TRAINING, Normalisation, scaler_of_person
from emotune.data.scaling import Scaler
from emotune.errors import EmotuneError, InputError
from emotune.features.layout import Layout
from emotune.features.settings import FeatureSettings
from emotune.files import read_json, replacing, write_json
from emotune.findings import Finding

__all__ = ["DESCRIPTION", "MODEL", "SCHEMA", "Bundle"]

MODEL = "emotion_model.keras"
DESCRIPTION = "bundle.json"

# The description of a network that is about to be put in place; see `Bundle.save`.
_NEXT = "bundle.next.json"

# What `load_hypermodel` names the user's file.
_HYPERMODEL = "emotune_user_hypermodel"

# Raised when the meaning of a key changes; a reader refuses what is newer than itself.
# 2: vectors may have to be standardised by person before the scaler.
SCHEMA = 2

_REMEDY = "Train the model again with `python src/train_emotion_model.py`, or name another folder."


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A trained network with what its inputs and outputs mean.

    Attributes:
        folder: where the two files lie.
        class_names: name of each output.
        input_shape: of one sample, `(n_features,)` or `(n_steps, n_features)`.
        scaler: fitted on the training people alone.
        layout: channels and bands of the columns; None where they are not known, as with many a table.
        features: how recordings become vectors; None where windows and reference of the vectors that it was
            trained on are not known, as with any table: recordings cannot be turned into the same vectors.
        temperature: what the logarithms of the probabilities are divided by; None for not calibrated.
        hyperparameters: what the network was built with.
        provenance: data, split, seed, versions, as JSON values.
        findings: what the checks of the training data found.
        evaluation: scores on the test part, as JSON values.
        created: time of saving, ISO 8601 in UTC.
        model_sha256: of the network's file.
        normalisation: by what vectors are standardised before the scaler.
    """

    folder: Path
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    scaler: Scaler
    layout: Layout | None
    features: FeatureSettings | None
    temperature: float | None
    hyperparameters: Mapping[str, Any]
    provenance: Mapping[str, Any]
    findings: tuple[Finding, ...]
    evaluation: Mapping[str, Any]
    created: str
    model_sha256: str
    normalisation: Normalisation = FROM_TRAINING
    _models: list[Any] = field(default_factory=list, init=False, repr=False)

    @property
    def n_steps(self) -> int:
        """Windows in a row that make one sample."""
        return self.input_shape[0] if len(self.input_shape) == 2 else 1

    @property
    def looks_ahead(self) -> tuple[str, ...]:
        """What of its vectors sees later samples, in words: with any, it is for finished recordings alone."""
        return () if self.features is None else self.features.looks_ahead

    @property
    def watermark(self) -> str:
        """What of the split that it was trained and measured on leaks, where that was allowed; empty for nothing."""
        return str(self.provenance.get("watermark", ""))

    @property
    def score_label(self) -> str:
        """What is to be said beside every score of it; may be empty."""
        return "; ".join(said for said in (self.watermark, self.normalisation.label) if said)

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """A warning for whoever uses a model whose scores leak; none for any other."""
        if not self.watermark:
            return ()
        return (
            Finding(
                "leaking-model",
                "warning",
                "Expected a model that was measured on what it had not seen. Received: the one in "
                f"{self.folder}, whose split leaks ({self.watermark}): its scores say nothing of new recordings.",
                "Train it again without --allow-leakage.",
            ),
        )

    @property
    def model(self) -> Any:
        """The Keras network, loaded when it is first asked for; nothing in its file is run as code.

        Raises:
            InputError: if it cannot be loaded, or was replaced since the description was read.
        """
        if not self._models:
            path = self.folder / MODEL
            if _sha256(path) != self.model_sha256:
                raise InputError(
                    f"Expected in {self.folder} the network that {DESCRIPTION} described when it was read. "
                    "Received: another one, saved since. Load the Bundle again."
                )
            self._models.append(_load_model(path))
        return self._models[0]

    def scaler_for(self, calibration: NDArray[np.floating[Any]] | None = None, *, whose: str = "the person") -> Scaler:
        """What brings a person's vectors to what the network takes: in one step, for windows that come one by one.

        Args:
            calibration: vectors of the person's own windows, `(n, n_features)`, for a model that was trained on people
                who were each standardised by their own; None for any other.
            whose: names the person in messages.

        Raises:
            InputError: if the model needs a calibration and there is none or one too short, or it needs none.
        """
        if not self.normalisation.by_subject:
            if calibration is not None:
                self.refuse_calibration()
            return self.scaler
        if calibration is None:
            raise InputError(
                f"Expected windows of {whose} to standardise by, as the model in {self.folder} was trained with "
                f"--normalise {self.normalisation}. Received: none. Give --calibration FILE, another recording of the "
                "same person, or --calibration self; in Python `calibration`, vectors of the person."
            )
        if calibration.ndim < 2 or calibration.shape[-1] != len(self.scaler.mean):
            raise InputError(
                f"Expected vectors of {len(self.scaler.mean)} values to standardise {whose} by. Received: shape "
                f"{calibration.shape}. Make them as the model in {self.folder} takes them."
            )
        own = scaler_of_person(calibration, whose)
        # (x - m) / s and then (x - n) / t in one step.
        mean = own.mean + own.scale.astype(np.float64) * self.scaler.mean
        scale = own.scale.astype(np.float64) * self.scaler.scale
        return Scaler(mean.astype(np.float32), scale.astype(np.float32))

    def refuse_calibration(self) -> None:
        """Refuse a calibration where the model has no use for one.

        Raises:
            InputError: if vectors are standardised by the training people alone.
        """
        if not self.normalisation.by_subject:
            raise InputError(
                f"Expected no calibration for the model in {self.folder}, which takes every person as they are. "
                "Received: one. Leave it out."
            )

    @classmethod
    def save(
        cls,
        folder: Path | str,
        *,
        model: Any,
        class_names: Sequence[str],
        input_shape: Sequence[int],
        scaler: Scaler,
        layout: Layout | None,
        features: FeatureSettings | None,
        normalisation: Normalisation = FROM_TRAINING,
        temperature: float | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        provenance: Mapping[str, Any] | None = None,
        findings: Sequence[Finding] = (),
        evaluation: Mapping[str, Any] | None = None,
    ) -> Bundle:
        """Write a Bundle; whatever goes wrong, the folder then loads as the old one or as the new one.

        A folder's two files cannot be replaced in one step. So the new description is laid beside the old one
        first, then the network takes its place, then the description: a reader goes by the description that fits
        the network it finds. Before that the network is loaded back, as a program loads it that knows nothing of
        the user's own code, and its answers are compared.

        Args:
            folder: made where it does not exist.
            model: a built Keras network.
            class_names: see the attributes; so are all others.
            input_shape: without the batch axis.
            scaler: already fitted.
            layout: None where the columns are not known.
            features: None for tables.
            normalisation: of the training data.
            temperature: None for not calibrated.
            hyperparameters: JSON values.
            provenance: JSON values.
            findings: of the training data.
            evaluation: JSON values.

        Raises:
            InputError: if a value is not JSON or does not fit the network, or the network has layers of the
                user's own, which only the program that defines them could load.
            EmotuneError: if the network does not come back from its file as it was.
        """
        folder = Path(folder)
        content: Any = {
            "schema": SCHEMA,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "emotune": __version__,
            "model_file": MODEL,
            "class_names": list(class_names),
            "input_shape": [int(n) for n in input_shape],
            "scaler": scaler.to_dict(),
            "layout": None if layout is None else layout.to_dict(),
            "features": None if features is None else features.to_dict(),
            "normalisation": normalisation.to_dict(),
            "calibration": None if temperature is None else {"temperature": float(temperature)},
            "hyperparameters": dict(hyperparameters or {}),
            "provenance": dict(provenance or {}),
            "findings": [finding.to_dict() for finding in findings],
            "evaluation": dict(evaluation or {}),
        }
        try:
            content = json.loads(json.dumps(content, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"`hyperparameters`, `provenance` and `evaluation` must be JSON values. Received: {error}. "
                "Turn arrays into lists and NaN into None."
            ) from error
        with replacing(folder / MODEL) as beside:
            model.save(beside)
            content["model_sha256"] = _sha256(beside)
            bundle = _described(folder, content)
            _compare(bundle, model, _loaded_elsewhere(beside, model))
            write_json(folder / _NEXT, content)
        (folder / _NEXT).replace(folder / DESCRIPTION)
        return bundle

    @classmethod
    def load(cls, folder: Path | str) -> Bundle:
        """Read a Bundle's description; the network follows when it is asked for.

        Raises:
            InputError: if the folder or a file is missing, damaged, from a newer emotune, or if the two files
                do not belong together.
        """
        folder = Path(folder)
        for name in (DESCRIPTION, MODEL):
            if not (folder / name).is_file() and not (name == DESCRIPTION and (folder / _NEXT).is_file()):
                raise InputError(f"Expected a Bundle with {name} in {folder}. Received: no such file. {_REMEDY}")
        found = _sha256(folder / MODEL)
        for name in (DESCRIPTION, _NEXT):
            # The second one is there where a save was cut off between its last two steps.
            with contextlib.suppress(FileNotFoundError):
                bundle = _described(folder, _read(folder / name))
                if bundle.model_sha256 == found:
                    return bundle
        raise InputError(
            f"Expected in {folder} a {MODEL} with the checksum that {DESCRIPTION} names. Received: another; the "
            f"file is damaged, or the two come from different runs. {_REMEDY}"
        )


def _read(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(path)
    return read_json(path, remedy=_REMEDY)


def _described(folder: Path, content: Any) -> Bundle:
    """The Bundle that a description stands for."""
    where = folder / DESCRIPTION
    schema = content.get("schema") if isinstance(content, dict) else None
    if type(schema) is int and schema > SCHEMA:
        raise InputError(
            f"Expected a Bundle of version {SCHEMA} or older in {folder}. Received: version {schema}, written by "
            f"emotune {content.get('emotune')}. Update emotune, or train the model again with this version."
        )
    try:
        if type(schema) is not int or not 1 <= schema <= SCHEMA:
            raise ValueError(f"schema {schema!r}")
        layout, features, calibration = content["layout"], content["features"], content["calibration"]
        bundle = Bundle(
            folder=folder,
            class_names=tuple(map(_text, _list(content["class_names"]))),
            input_shape=tuple(map(_count, _list(content["input_shape"]))),
            scaler=Scaler.from_dict(content["scaler"]),
            layout=None if layout is None else Layout.from_dict(layout),
            features=None if features is None else FeatureSettings.from_dict(features),
            temperature=None if calibration is None else _positive(calibration["temperature"]),
            hyperparameters=dict(content["hyperparameters"]),
            provenance=dict(content["provenance"]),
            findings=tuple(Finding(**finding) for finding in content["findings"]),
            evaluation=dict(content["evaluation"]),
            created=_text(content["created"]),
            model_sha256=_text(content["model_sha256"]),
            normalisation=Normalisation.of(content),
        )
        n_features = bundle.input_shape[-1]
        widths = {"input_shape": n_features, "scaler": len(bundle.scaler.mean)}
        if bundle.layout is not None:
            widths["layout"] = bundle.layout.n_features
        if set(widths.values()) != {n_features} or len(bundle.input_shape) > 2 or len(bundle.class_names) < 2:
            raise ValueError(f"numbers of columns {widths} and {len(bundle.class_names)} classes")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"Expected the description of a network in {where}. Received: a damaged one "
            f"({type(error).__name__}: {error}). {_REMEDY}"
        ) from error
    return bundle


@contextlib.contextmanager
def _without_own_code() -> Iterator[None]:
    """Keras as another program has it: without the user's hypermodel, and without what was registered here."""
    import keras

    # Keras has no other way to hide them: a scope of custom objects only adds to what is registered.
    registered = keras.saving.get_custom_objects()
    own, hypermodel = dict(registered), sys.modules.pop(_HYPERMODEL, None)
    registered.clear()
    try:
        with keras.saving.custom_object_scope({}):
            yield
    finally:
        registered.update(own)
        if hypermodel is not None:
            sys.modules[_HYPERMODEL] = hypermodel


def _loaded_elsewhere(path: Path, model: Any) -> Any:
    """The network as another program loads it; what Keras says of a foreign layer does not always name it."""
    own = sorted({type(layer).__name__ for layer in getattr(model, "layers", ()) if not _is_of_keras(layer)})
    try:
        with _without_own_code():
            return _load_model(path)
    except InputError as error:
        if not own:
            raise
        raise InputError(
            f"Expected a network of Keras's own layers, which any program can load. Received: {', '.join(own)}. "
            "Build it of Keras's layers, and of functions of keras.ops on their outputs."
        ) from error


def _is_of_keras(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] == "keras"


def _load_model(path: Path) -> Any:
    import keras

    try:
        # safe_mode: a Lambda layer would run whatever code its file holds.
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the damaged or foreign layer raises
        reason = " ".join(str(error).split())
        raise InputError(
            f"Expected a Keras network of plain layers in {path.name}. Received: {type(error).__name__}: "
            f"{reason[:300]}. Build the network of Keras's own layers, and of functions of keras.ops on their outputs, "
            "which any program can load; leave Lambda layers out."
        ) from error


def _compare(bundle: Bundle, model: Any, loaded: Any) -> None:
    """Refuse to save a network that is not the same after loading, or not the one that is described."""
    from keras import ops

    sample = np.random.default_rng(0).standard_normal((4, *bundle.input_shape)).astype(np.float32)
    try:
        wanted = ops.convert_to_numpy(model(sample, training=False))
    except ValueError as error:
        raise InputError(
            f"`input_shape` must be the network's. Received: {bundle.input_shape} for {model.input_shape[1:]}. "
            "Give the shape that it was built with."
        ) from error
    if wanted.shape != (len(sample), len(bundle.class_names)):
        raise InputError(
            f"`class_names` must name each output of the network. Received: {len(bundle.class_names)} names for "
            f"outputs of shape {wanted.shape[1:]}. Give one name a class."
        )
    if not (np.abs(wanted.sum(axis=1) - 1.0) < 1e-3).all() or (wanted < 0).any():
        raise InputError(
            "The network must answer with probabilities. Received: rows that do not sum up to 1, or are no numbers. "
            "End it with a softmax layer."
        )
    answers = ops.convert_to_numpy(loaded(sample, training=False))
    if not np.allclose(answers, wanted, rtol=1e-4, atol=1e-5):
        raise EmotuneError(
            "Expected the saved network to answer as the trained one does. Received: other answers after loading; a "
            "layer of its own does not save its weights. Mend that layer's `build`, then train again."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"a list expected, not {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {value!r}")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise TypeError(f"a count expected, not {value!r}")
    return value


def _positive(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise TypeError(f"a number above 0 expected, not {value!r}")
    return float(value)
