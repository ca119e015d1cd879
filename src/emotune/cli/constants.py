"""What the constants of src/config.py are: their types, and which hyperparameter each one stands for.

The table at the end is the only place that pairs constants with hyperparameters; it is read in both
directions: `hyperparameters_of` for the retrain, `constants_of` for the winner of a search. A list stands for
one hyperparameter a layer (`CNN_FILTERS` for `cnn_filters_0`, `cnn_filters_1`, …), its length for their count.

A space of the user's own may mean another kind of value by the same name (`batch_norm` as a text): such a value
has its place in `EXTRA_HYPERPARAMETERS`, and there it goes before the constant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from emotune.errors import InputError

__all__ = [
    "CONSTANTS",
    "EXTRA",
    "REQUIRED",
    "Constant",
    "checked",
    "constants_of",
    "hyperparameters_of",
    "in_words_of_constants",
    "storable",
]

EXTRA = "EXTRA_HYPERPARAMETERS"

REQUIRED = object()

# A list of layers longer than this comes from a damaged file, not from a search.
_MOST_LAYERS = 100


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of src/config.py.

    Attributes:
        name: as it is written there.
        expected: what it may hold, in words.
        check: gives the value as its plain type; raises ValueError or TypeError for any other.
        example: a value that fits, for messages and for what neither the search nor the user has named.
        hyperparameter: the name that `build_model` asks for; empty for settings of the run.
        counted_by: for a list with one value a layer, the hyperparameter that holds the number of layers.
        follows: for a list that describes the layers of another list, that one's name. Its last value serves all
            further layers, and values beyond the number of layers are not used.
        switched_by: for a number, the boolean hyperparameter that is False where the number is 0.
        default: what a file says that does not have the constant, as one of an earlier version; `REQUIRED` for none.
    """

    name: str
    expected: str
    check: Callable[[Any], Any]
    example: Any
    hyperparameter: str = ""
    counted_by: str = ""
    follows: str = ""
    switched_by: str = ""
    default: Any = REQUIRED


def checked(constant: Constant, value: object, *, where: str) -> Any:
    """`value` as the plain type of `constant`; `where` names its source in the message.

    Raises:
        InputError: if it is something else.
    """
    try:
        return constant.check(value)
    except (TypeError, ValueError):
        raise InputError(
            f"`{constant.name}` must be {constant.expected}. Received: {value!r} from {where}. "
            f"Write for example {constant.name} = {constant.example!r}."
        ) from None


def hyperparameters_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Constants -> the hyperparameters that they stand for, ready for `Replay`.

    Args:
        values: constant name -> checked value.

    Raises:
        InputError: if a list has no value for the layers that it describes, or `EXTRA_HYPERPARAMETERS` repeats a
            name with a value that its constant could hold.
    """
    result: dict[str, Any] = {}
    for constant in _TUNED:
        value = values[constant.name]
        if constant.counted_by:
            n_layers = len(values[constant.follows or constant.name])
            result[constant.counted_by] = n_layers
            if n_layers and not value:
                raise InputError(
                    f"`{constant.name}` must have a value for the layers of `{constant.follows}`. Received: [] for "
                    f"{values[constant.follows]!r}. Write for example {constant.name} = {constant.example!r}."
                )
            result.update({f"{constant.hyperparameter}_{i}": _of_layer(value, i) for i in range(n_layers)})
        elif constant.switched_by:
            result[constant.switched_by] = value > 0
            if value > 0:
                result[constant.hyperparameter] = value
        else:
            result[constant.hyperparameter] = value
    twice = sorted(name for name in set(result) & set(values[EXTRA]) if _fits(name, values[EXTRA][name]))
    if twice:
        raise InputError(
            f"`{EXTRA}` must hold only hyperparameters that no other constant can hold. "
            f"Received: {', '.join(twice)}. Remove them there, and edit their own constants."
        )
    return {**result, **values[EXTRA]}


def constants_of(hyperparameters: Mapping[str, Any], current: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """A configuration's hyperparameters -> the constants that stand for them.

    What the hyperparameters do not name (a rate of a layer that was not there) keeps its current value.
    `EXTRA_HYPERPARAMETERS` holds what no constant stands for, or what its constant cannot hold, and nothing else:
    a name there that the model does not ask for would be refused. `hyperparameters_of` gives back each of them.

    Args:
        hyperparameters: name -> plain value, such as a search's winner.
        current: constant name -> checked value, as configured now.
        where: names the source of the hyperparameters in messages.

    Raises:
        InputError: if a value is no number, text or boolean that a file can hold.
    """
    fitting = {name: value for name, value in hyperparameters.items() if _fits(name, value)}
    left = dict(fitting)
    result: dict[str, Any] = {}
    for constant in _TUNED:
        name, now = constant.hyperparameter, current[constant.name]
        if constant.counted_by:
            n_layers = _n_layers(fitting, constant, len(current[constant.follows or constant.name]))
            before = [_of_layer(now or constant.example, i) for i in range(n_layers)]
            value: Any = [left.pop(f"{name}_{i}", before[i]) for i in range(n_layers)]
            if constant.follows and now and value == before:
                value = now  # the user's own way to say the same
        elif constant.switched_by and not fitting.get(constant.switched_by, name in left or now > 0):
            value = 0
        else:
            value = left.pop(name, (now or constant.example) if constant.switched_by else now)
        result[constant.name] = checked(constant, value, where=where)
    for constant in _TUNED:
        left.pop(constant.counted_by, None)
        left.pop(constant.switched_by, None)
    left |= {name: value for name, value in hyperparameters.items() if name not in fitting}
    # In the user's order where they have one.
    known = {name: left[name] for name in current[EXTRA] if name in left}
    result[EXTRA] = checked(_BY_NAME[EXTRA], known | left, where=where)
    return result


def storable(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those with values that a configuration file can hold: numbers, texts and booleans, but no NaN."""
    return {name: value for name, value in hyperparameters.items() if _accepts(_BY_NAME[EXTRA].check, {name: value})}


def in_words_of_constants(message: str, values: Mapping[str, Any]) -> str:
    """A message about hyperparameters, with the constants of src/config.py that stand for them.

    Args:
        message: names hyperparameters in backticks.
        values: constant name -> checked value.
    """

    def constant_for(match: re.Match[str]) -> str:
        name = match[1]
        if name in values[EXTRA]:
            return f"`{EXTRA}[{name!r}]`"
        constant, layer = _constant_for(name)
        if constant is None:
            return match[0]
        if name == constant.counted_by:
            return f"`len({constant.name})`"
        return f"`{constant.name}`" if layer is None else f"`{constant.name}[{layer}]`"

    return re.sub(r"(?:[Hh]yperparameter )?`([a-z]\w*)`", constant_for, message)


def _constant_for(name: str) -> tuple[Constant | None, int | None]:
    """The constant that stands for a hyperparameter, and for which layer of it."""
    stem, _, layer = name.rpartition("_")
    for constant in _TUNED:
        if constant.counted_by:
            if name == constant.counted_by:
                return constant, None
            if stem == constant.hyperparameter and layer.isdecimal():
                return constant, int(layer)
        elif name in (constant.hyperparameter, constant.switched_by):
            return constant, None
    return None, None


def _fits(name: str, value: Any) -> bool:
    """Whether the constant of a hyperparameter can say this value; True for names without a constant."""
    constant, layer = _constant_for(name)
    if constant is None:
        return True
    if name == constant.counted_by:
        return type(value) is int and 0 <= value <= _MOST_LAYERS
    if name == constant.switched_by:
        return type(value) is bool
    # A switched number of 0 says off, which is another hyperparameter.
    return _accepts(constant.check, value if layer is None else [value]) and not (constant.switched_by and not value)


def _accepts(check: Callable[[Any], Any], value: Any) -> bool:
    try:
        return bool(check(value) == value)
    except (TypeError, ValueError, OverflowError):
        return False


def _of_layer(values: Sequence[Any], layer: int) -> Any:
    return values[min(layer, len(values) - 1)]


def _n_layers(hyperparameters: Mapping[str, Any], constant: Constant, n_now: int) -> int:
    """How many layers the hyperparameters describe; as many as now where they say nothing about it."""
    if constant.counted_by in hyperparameters:
        return int(hyperparameters[constant.counted_by])
    # A user's own space may have a fixed number of layers, which nobody asks for by name.
    alike = [other.hyperparameter for other in _TUNED if other.counted_by == constant.counted_by]
    n_named = 0
    while any(f"{name}_{n_named}" in hyperparameters for name in alike):
        n_named += 1
    return n_named or n_now


def _whole(low: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        # bool is a kind of int in Python, but True layers are a slip of the pen.
        if type(value) is not int or value < low:
            raise ValueError
        return value

    return check


def _number(*, low: float = 0.0, above: bool = False, below: float = math.inf) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if type(value) not in (int, float) or not low <= value < below or (above and value == low):
            raise ValueError
        return float(value)

    return check


def _text(value: Any) -> str:
    if type(value) is not str or not value.strip():
        raise ValueError
    return value


def _any_text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError
    return value


def _list_of(check: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def check_all(value: Any) -> list[Any]:
        if type(value) not in (list, tuple):
            raise ValueError
        return [check(item) for item in value]

    return check_all


def _bands(value: Any) -> dict[str, tuple[float, float]]:
    if type(value) is not dict or not value:
        raise ValueError
    bands: dict[str, tuple[float, float]] = {}
    for name, edges in value.items():
        low, high = map(_number(above=True), edges)
        if not low < high:
            raise ValueError
        bands[_text(name)] = (low, high)
    return bands


def _channels(value: Any) -> list[str]:
    names: list[str] = _list_of(_text)(value)
    if not names or len({name.casefold() for name in names}) != len(names):
        raise ValueError
    return names


def _labels(value: Any) -> dict[int, str]:
    if type(value) is not dict or any(type(key) is not int for key in value):
        raise ValueError
    labels = {key: _text(value[key]) for key in sorted(value)}
    if list(labels) != list(range(len(labels))) or len(labels) < 2 or len(set(labels.values())) != len(labels):
        raise ValueError
    return labels


def _extra(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError
    for item in value.values():
        if type(item) not in (bool, int, float, str) or (type(item) is float and not math.isfinite(item)):
            raise ValueError
    return {_text(name): item for name, item in value.items()}


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError
    return value


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _edges(value: Any) -> tuple[float | None, float | None] | None:
    if value is None:
        return None
    if type(value) not in (tuple, list):
        raise ValueError
    low, high = (_optional(_number(above=True))(edge) for edge in value)
    return low, high


_NONE_OR_ABOVE = "None or a number above 0"
_A_RATE, _A_COUNT, _A_FLAG = "a number from 0 to below 1", "a whole number from 1", "True or False"
_rate = _number(below=1.0)


def _each(name: str, expected: str, check: Callable[[Any], Any], example: Any, of: str, **layers: str) -> Constant:
    return Constant(name, f"a list with {expected} for each layer", _list_of(check), [example], of, **layers)


_BLOCKS = {"counted_by": "cnn_blocks", "follows": "CNN_FILTERS"}
_LAYERS = {"counted_by": "dense_layers", "follows": "DENSE_UNITS"}

# In the order of src/config.py, which is the one that values are printed in.
CONSTANTS = (
    Constant("DATA", "a text: `simulated`, `manifest:PATH.csv`, `FILE.npz` or `deap:FOLDER`", _text, "simulated"),
    Constant("TARGET", "a text: empty, `valence`, `valence >= 5`, a table's column", _any_text, ""),
    Constant("EMOTION_LABELS", "a dict from 0, 1, 2 … to different names", _labels, {0: "calm", 1: "tense"}),
    Constant("CHANNELS", "a list of different channel names", _channels, ["Fp1", "Fp2"]),
    Constant("BANDS_HZ", "a dict from names to (low, high) in Hz", _bands, {"alpha": (8.0, 14.0)}),
    Constant("BAND_PASS_HZ", "None or a (low, high) in Hz, None for an open side", _edges, (0.5, None), default=None),
    Constant("NOTCH_HZ", _NONE_OR_ABOVE, _optional(_number(above=True)), 50.0, default=None),
    Constant("RESAMPLE_HZ", _NONE_OR_ABOVE, _optional(_number(above=True)), 128.0, default=None),
    Constant("FILTER_PHASE", "`causal` or `zero`", _text, "causal", default="causal"),
    Constant("BAD_CHANNELS", "`keep` or `interpolate`", _text, "keep", default="keep"),
    Constant("BLINKS", "`keep` or `ica`", _text, "keep", default="keep"),
    Constant("REJECT_UV", _NONE_OR_ABOVE, _optional(_number(above=True)), 200.0, default=None),
    Constant("WINDOW_S", "a number above 0", _number(above=True), 4.0),
    Constant("WINDOW_OVERLAP", _A_RATE, _rate, 0.0),
    Constant("REFERENCE", "`average`, `none` or electrodes such as `M1, M2`", _text, "average"),
    Constant("ESTIMATOR", "`fft` or `filter`", _text, "fft", default="fft"),
    Constant("EXTRA_BLOCKS", "a list of blocks of features", _list_of(_text), ["relative_power"], default=[]),
    Constant("SMOOTHING", "`none`, `average:N` or `lds`", _text, "none", default="none"),
    Constant("BASELINE", "`cut` or `subtract`", _text, "cut"),
    Constant("NORMALISE", "`training`, `subject` or `subject:SECONDS`", _text, "training", default="training"),
    Constant("N_STEPS", _A_COUNT, _whole(1), 1),
    Constant("INPUT_DROPOUT", _A_RATE, _rate, 0.2, "input_dropout"),
    Constant("VECTOR_ENTRY", "a text", _text, "electrodes", "vector_entry"),
    _each("CNN_FILTERS", _A_COUNT, _whole(1), 32, "cnn_filters", counted_by="cnn_blocks"),
    _each("KERNEL_SIZES", _A_COUNT, _whole(1), 3, "kernel_size", **_BLOCKS),
    _each("POOLING", "a text", _text, "max", "pooling", **_BLOCKS),
    _each("POOL_SIZES", _A_COUNT, _whole(1), 2, "pool_size", **_BLOCKS),
    _each("CNN_DROPOUTS", _A_RATE, _rate, 0.2, "cnn_dropout", **_BLOCKS),
    Constant("BATCH_NORM", _A_FLAG, _flag, True, "batch_norm"),
    Constant("GLOBAL_POOLING", "a text", _text, "average", "global_pooling"),
    Constant("LSTM_UNITS", "a whole number (0 for no LSTM)", _whole(0), 32, "lstm_units", switched_by="use_lstm"),
    Constant("LSTM_BIDIRECTIONAL", _A_FLAG, _flag, True, "lstm_bidirectional"),
    Constant("LSTM_DROPOUT", _A_RATE, _rate, 0.2, "lstm_dropout"),
    _each("DENSE_UNITS", _A_COUNT, _whole(1), 64, "dense_units", counted_by="dense_layers"),
    _each("DENSE_DROPOUTS", _A_RATE, _rate, 0.5, "dense_dropout", **_LAYERS),
    Constant("L2", "a number from 0", _number(), 1e-5, "l2"),
    Constant("LEARNING_RATE", "a number above 0", _number(above=True), 1e-3, "learning_rate"),
    Constant("OPTIMIZER", "a text", _text, "adamw", "optimizer"),
    Constant("WEIGHT_DECAY", "a number from 0", _number(), 0.1, "weight_decay"),
    Constant("BATCH_SIZE", _A_COUNT, _whole(1), 32, "batch_size"),
    Constant("LABEL_SMOOTHING", _A_RATE, _rate, 0.0, "label_smoothing"),
    Constant("CLASS_BALANCE", "a text", _text, "weights", "class_balance"),
    Constant("EPOCHS", _A_COUNT, _whole(1), 50),
    Constant("PATIENCE", _A_COUNT, _whole(1), 10),
    Constant("PROTOCOL", "a text: empty, or the name of a protocol", _any_text, "", default=""),
    Constant("INNER_FOLDS", _A_COUNT, _whole(1), 1, default=1),
    Constant("SEEDS_PER_TRIAL", _A_COUNT, _whole(1), 1, default=1),
    Constant("METRIC", "the name of a metric", _text, "balanced_accuracy"),
    Constant("SEED", "a whole number from 0", _whole(0), 0),
    Constant("MODELS_DIR", "a folder's path", _text, "models"),
    Constant(EXTRA, "a dict from names to numbers, texts or booleans", _extra, {"activation": "relu"}),
)
_TUNED = tuple(constant for constant in CONSTANTS if constant.hyperparameter)
_BY_NAME = MappingProxyType({constant.name: constant for constant in CONSTANTS})
