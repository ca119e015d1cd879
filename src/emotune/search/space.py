"""The search space, declared by asking: `hp.Int(...)`, `hp.Float(...)`, `hp.Choice(...)`, `hp.Boolean(...)`.

`build_model(hp)` is the only declaration of a space. Every method, the retrain and the report hand it a
`HyperParameters` that differs only in who answers: a tuner (`propose`), the defaults, or known values (`Replay`).
The words are KerasTuner's; a condition is a plain `if`. This module needs the standard library alone.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from emotune.errors import InputError

__all__ = ["Defaults", "Exploration", "HyperParameters", "Kind", "Parameter", "Replay", "Value"]

Value = bool | int | float | str
Kind = Literal["int", "float", "choice", "boolean", "fixed"]

# A lattice of floats is exact to this many digits: 0.1 + 2 * 0.1 is 0.3, not 0.30000000000000004.
_DIGITS = 12


def _is_plain(value: object) -> bool:
    """Whether a JSON file has a word for it: infinity and NaN have none."""
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One line of the space.

    Attributes:
        name: what the value is called everywhere.
        kind: which of the five words declared it.
        default: the value of the default configuration.
        low: smallest value of a number.
        high: largest value of a number, included.
        step: distance of the values of a number; None for any float, and for whole numbers 1.
        log: whether a number is drawn evenly on the logarithmic scale.
        choices: the values of a choice, a boolean or a fixed value.
    """

    name: str
    kind: Kind
    default: Value
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def n_values(self) -> float:
        """How many values it has; infinite for a float without a step."""
        if self.choices:
            return len(self.choices)
        step = self.step or (1 if self.kind == "int" else None)
        if step is None:
            return math.inf if self._low < self._high else 1
        return math.floor((self._high - self._low) / step + 1e-9) + 1

    @property
    def _low(self) -> float:
        return 0.0 if self.low is None else self.low

    @property
    def _high(self) -> float:
        return 0.0 if self.high is None else self.high

    @property
    def _size(self) -> float:
        return max(abs(self._low), abs(self._high))

    def value_at(self, index: int) -> Value:
        """The value number `index` of a parameter with countable values, from the low end."""
        if self.choices:
            return self.choices[index]
        if self.step is None and self.kind == "float":
            return self._low
        value = self._low + index * (self.step or 1)
        decimals = _DIGITS - math.floor(math.log10(self._size or 1.0))
        return int(value) if self.kind == "int" else round(value, decimals)

    def draw(self, source: random.Random) -> Value:
        """A random value: even over the values, or over their logarithm."""
        if not math.isinf(self.n_values) and not self.log:
            return self.value_at(source.randrange(int(self.n_values)))
        low, high = (math.log(self._low), math.log(self._high)) if self.log else (self._low, self._high)
        value = source.uniform(low, high)
        value = math.exp(value) if self.log else value
        return self.checked(min(max(round(value) if self.kind == "int" else value, self._low), self._high))

    def typed(self, value: object) -> Value:
        """`value` as this parameter's type, wherever it lies.

        Raises:
            InputError: if it is of another type.
        """
        if self.choices:
            # True == 1 in Python: types are compared too, so that a flag is never a count.
            for choice in self.choices:
                if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                    return choice
            raise InputError(f"{self._expected()} Received: {value!r}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{self._expected()} Received: {value!r}.")
        if self.kind == "int":
            if value != int(value):
                raise InputError(f"{self._expected()} Received: {value!r}.")
            return int(value)
        return float(value)

    def checked(self, value: object) -> Value:
        """`value` as this parameter's type, on its lattice, within its range.

        Raises:
            InputError: if it is of another type, outside the range, or between two steps.
        """
        typed = self.typed(value)
        if self.choices or isinstance(typed, bool | str):
            return typed
        slack = 1e-9 * self._size
        if not self._low - slack <= typed <= self._high + slack:
            raise InputError(f"{self._expected()} Received: {value!r}.")
        if self.step is None:
            return typed if self.kind == "int" else min(max(typed, self._low), self._high)
        index = round((typed - self._low) / self.step)
        if abs(self._low + index * self.step - typed) > slack:
            raise InputError(f"{self._expected()} Received: {value!r}.")
        return self.value_at(index)

    def _expected(self) -> str:
        if self.choices:
            values = ", ".join(repr(choice) for choice in self.choices)
            return f"Hyperparameter `{self.name}` must be one of {values}."
        step = "" if self.step is None else f" in steps of {self.step:g}"
        number = "a whole number" if self.kind == "int" else "a number"
        return f"Hyperparameter `{self.name}` must be {number} from {self._low:g} to {self._high:g}{step}."

    def to_dict(self) -> dict[str, Any]:
        """The parameter as plain JSON values."""
        content: dict[str, Any] = {"name": self.name, "kind": self.kind, "default": self.default}
        if self.choices:
            return {**content, "choices": list(self.choices)}
        return {**content, "low": self.low, "high": self.high, "step": self.step, "log": self.log}


class HyperParameters:
    """What `build_model(self, hp)` asks for its values; remembers exactly the names that were used.

    Args:
        propose: answers a parameter with a value. It is asked once a name; the answer is checked.

    Attributes:
        values: the names that were asked for, with their values, in the order of asking.
        parameters: the same names with their declarations.
    """

    def __init__(self, propose: Callable[[Parameter], object]) -> None:
        self._propose = propose
        self._inactive = 0
        self.values: dict[str, Value] = {}
        self.parameters: dict[str, Parameter] = {}

    def Int(
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = None,
        default: int | None = None,
    ) -> int:
        """A whole number from `min_value` to `max_value`, both included.

        Raises:
            InputError: if the range is impossible, or the name already stands for something else.
        """
        return int(self._number("int", name, min_value, max_value, step, sampling, default))

    def Float(
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = None,
        default: float | None = None,
    ) -> float:
        """A number from `min_value` to `max_value`, both included; `sampling="log"` for rates.

        Raises:
            InputError: if the range is impossible, or the name already stands for something else.
        """
        return float(self._number("float", name, min_value, max_value, step, sampling, default))

    def Choice(
        self, name: str, values: Sequence[Any], ordered: bool | None = None, default: Value | None = None
    ) -> Any:
        """One of `values`, all of one type. `ordered` is accepted as KerasTuner's word and not needed.

        Raises:
            InputError: if the values are of mixed types or not plain, or the name stands for something else.
        """
        choices = tuple(values)
        types = {type(choice) for choice in choices}
        if types == {int, float}:
            choices, types = tuple(float(choice) for choice in choices), {float}
        plain = len(types) == 1 and types <= {bool, int, float, str} and all(map(_is_plain, choices))
        if not plain or len(set(choices)) != len(choices):
            raise InputError(
                f"The values of choice `{name}` must be different plain values of one type (text, whole numbers, "
                f"finite numbers or booleans). Received: {values!r}. Choose by a text and look the rest up by it."
            )
        return self._ask(Parameter(name, "choice", self._default(name, default, choices), choices=choices))

    def Boolean(self, name: str, default: bool = False) -> bool:
        """True or False.

        Raises:
            InputError: if the name already stands for something else.
        """
        return bool(self._ask(Parameter(name, "boolean", bool(default), choices=(False, True))))

    def Fixed(self, name: str, value: Value) -> Any:
        """A value that is not searched, but recorded with the others.

        Raises:
            InputError: if the value is not plain, or the name already stands for something else.
        """
        if not _is_plain(value):
            raise InputError(f"Fixed value `{name}` must be text, a finite number or a boolean. Received: {value!r}.")
        return self._ask(Parameter(name, "fixed", value, choices=(value,)))

    def get(self, name: str) -> Value:
        """The value of a name that was already asked for.

        Raises:
            InputError: if it was not.
        """
        if name not in self.values:
            raise InputError(f"No hyperparameter `{name}` yet. Asked for so far: {', '.join(self.values) or 'none'}.")
        return self.values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    @contextlib.contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Sequence[Value] | Value) -> Iterator[None]:
        """KerasTuner's scope: where the parent has another value, names inside give defaults and are not recorded.

        A plain `if` says the same and is easier to read.
        """
        wanted = parent_values if isinstance(parent_values, list | tuple) else [parent_values]
        # Inside a scope that is not taken, the parent itself may never have been asked for.
        inactive = self._inactive > 0 or self.get(parent_name) not in wanted
        self._inactive += inactive
        try:
            yield
        finally:
            self._inactive -= inactive

    def _number(
        self,
        kind: Literal["int", "float"],
        name: str,
        low: float,
        high: float,
        step: float | None,
        sampling: str | None,
        default: float | None,
    ) -> float:
        given = [low, high, *([] if step is None else [step])]
        whole = kind == "int"
        if any(isinstance(v, bool) or not isinstance(v, int | float) or not math.isfinite(v) for v in given) or (
            whole and any(v != int(v) for v in given)
        ):
            raise InputError(f"The range of `{name}` must be {'whole ' if whole else ''}numbers. Received: {given}.")
        if low > high:
            raise InputError(f"The range of `{name}` must not end below its start. Received: {low} to {high}.")
        if sampling not in (None, "linear", "log"):
            raise InputError(f"`sampling` of `{name}` must be 'linear' or 'log'. Received: {sampling!r}.")
        log = sampling == "log"
        if log and low <= 0:
            raise InputError(f"A logarithmic range must start above 0. Received: `{name}` from {low}.")
        if step is not None and step <= 0:
            raise InputError(f"The step of `{name}` must be above 0. Received: {step}.")
        if log and step is not None:
            # Optuna refuses the pair and KerasTuner multiplies by the step: nobody means the same by it.
            raise InputError(f"`{name}` has both a step and logarithmic sampling. Leave one of them out.")
        parameter = Parameter(
            name,
            kind,
            default=(int(low) if whole else float(low)) if default is None else default,
            low=int(low) if whole else float(low),
            high=int(high) if whole else float(high),
            step=None if step is None else (int(step) if whole else float(step)),
            log=log,
        )
        value = self._ask(parameter)
        if isinstance(value, str):
            raise InputError(f"`{name}` must be a number. Received: {value!r}.")
        return value

    def _default(self, name: str, default: Value | None, choices: tuple[Value, ...]) -> Value:
        return choices[0] if default is None else default

    def _ask(self, parameter: Parameter) -> Value:
        if not parameter.name or not isinstance(parameter.name, str):
            raise InputError(f"A hyperparameter's name must be a text. Received: {parameter.name!r}.")
        try:
            # In the space's own words: 3 * 0.1 is its 0.3.
            parameter = replace(parameter, default=parameter.checked(parameter.default))
        except InputError as error:
            raise InputError(f"The default is not in the space. {error}") from None
        if self._inactive:
            return parameter.default
        known = self.parameters.get(parameter.name)
        if known is not None:
            if known != parameter:
                raise InputError(
                    f"Hyperparameter `{parameter.name}` is declared twice with different ranges or defaults. "
                    f"Received: {known.to_dict()} and {parameter.to_dict()}. Give the second another name."
                )
            return self.values[parameter.name]
        value = parameter.default if parameter.kind == "fixed" else self._propose(parameter)
        self.parameters[parameter.name] = parameter
        self.values[parameter.name] = self._accept(parameter, value)
        return self.values[parameter.name]

    def _accept(self, parameter: Parameter, value: object) -> Value:
        return parameter.checked(value)


class Defaults(HyperParameters):
    """The space's own default configuration."""

    def __init__(self) -> None:
        super().__init__(lambda parameter: parameter.default)


class Replay(HyperParameters):
    """Known values, through the same `build_model`, so that search and retrain cannot drift apart.

    Args:
        values: name -> value.
        strict: whether a number outside its range, a name that the model never asks for, and a name that it asks
            for in vain are refused. The user's own constants are taken as they are: numbers out of range are then
            in `outside`, and names that have no constant, with the space's default, in `missing`.

    Attributes:
        outside: numbers that lie outside the space, with the space's own words for its range.
        missing: names that were not given, with the default that they got.
    """

    def __init__(self, values: Mapping[str, object], *, strict: bool = True) -> None:
        super().__init__(self._look_up)
        self._known = dict(values)
        self.strict = strict
        self.outside: dict[str, str] = {}
        self.missing: dict[str, Value] = {}

    def _look_up(self, parameter: Parameter) -> object:
        if parameter.name not in self._known and not self.strict:
            return self.missing.setdefault(parameter.name, parameter.default)
        if parameter.name not in self._known:
            raise InputError(
                f"The model asks for hyperparameter `{parameter.name}`, which is not among the given values: "
                f"{', '.join(self._known) or 'none'}. Add it, or search again."
            )
        return self._known[parameter.name]

    def _accept(self, parameter: Parameter, value: object) -> Value:
        try:
            return parameter.checked(value)
        except InputError as error:
            if self.strict or parameter.choices:
                raise
            self.outside[parameter.name] = str(error)
            return parameter.typed(value)

    @property
    def unused(self) -> tuple[str, ...]:
        """Given names that the model has not asked for."""
        return tuple(name for name in self._known if name not in self.values)


class Exploration(HyperParameters):
    """Random values that prefer choices nobody has seen yet: a few dozen builds show nearly the whole space.

    Args:
        source: where randomness comes from.
        seen: (name, value) of choices already seen; shared between builds and added to.
    """

    def __init__(self, source: random.Random, seen: set[tuple[str, Value]]) -> None:
        super().__init__(self._explore)
        self._source = source
        self._seen = seen

    def _explore(self, parameter: Parameter) -> Value:
        # Branches hang on choices, flags and small counts; a learning rate opens none.
        if parameter.n_values <= 16:
            values = [parameter.value_at(index) for index in range(int(parameter.n_values))]
            unseen = [value for value in values if (parameter.name, value) not in self._seen]
            value = self._source.choice(unseen or values)
            self._seen.add((parameter.name, value))
            return value
        return parameter.draw(self._source)
