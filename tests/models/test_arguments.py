"""What `fit_arguments` may return."""

import keras
import pytest

from emotune.errors import InputError
from emotune.models.arguments import FitArguments


def test_nothing_said_means_the_defaults():
    assert FitArguments.read({}) == FitArguments(32, None, False, (), None, None)


def test_everything_said_is_taken():
    callback = keras.callbacks.Callback()
    read = FitArguments.read(
        {"batch_size": 8, "class_weight": "balanced", "callbacks": [callback], "epochs": 3, "patience": 2}
    )
    assert read == FitArguments(8, "balanced", False, (callback,), 3, 2)


def test_no_callbacks_may_be_none():
    assert FitArguments.read({"callbacks": None}).callbacks == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"batchsize": 32}, "may return batch_size, .*Received: batchsize. Take it out"),
        ({"batch_size": 0}, "`batch_size` in `fit_arguments` must be a whole number of at least 1. Received: 0"),
        ({"batch_size": 16.0}, "Received: 16.0"),
        ({"batch_size": None}, "Received: None"),
        ({"epochs": True}, "`epochs`.*Received: True"),
        ({"patience": -1}, "`patience`.*Received: -1"),
        ({"callbacks": [keras.callbacks.EarlyStopping]}, "must be Keras callbacks.*Received: <class"),
        ({"balanced_batches": True, "class_weight": "balanced"}, "must choose between"),
    ],
)
def test_what_cannot_be_used_is_refused(content, message):
    with pytest.raises(InputError, match=message):
        FitArguments.read(content)
