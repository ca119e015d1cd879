"""Scores, stops, failures and what `fit_arguments` does, with either engine."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from emotune.errors import InputError, TrainingFailed
from emotune.evaluation.metrics import metric_named
from emotune.models.training import train

ENGINES = ("graph", "fit")


def trained(model: Any, data: Any, metric: Any, **changed: Any) -> Any:
    arguments = {"metric": metric, "epochs": 3, "patience": 99, "fit_arguments": {"batch_size": 16}, "seed": 1}
    return train(model, *data.arrays, **{**arguments, **changed})


def epoch_weights(model: Any) -> tuple[list[Any], Any]:
    """The weights after each epoch, noted by a callback."""
    noted: list[Any] = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: noted.append(model.get_weights()))
    return noted, note


@pytest.mark.parametrize("engine", ENGINES)
def test_the_fit_says_what_happened(engine, dense, data, fake_metric):
    metric = fake_metric([0.3, 0.6, 0.9, 0.3])
    fit = trained(dense(), data, metric, epochs=4, engine=engine)
    assert fit.scores == (0.3, 0.6, 0.9, 0.3)
    assert (fit.kept_epoch, fit.score) == (1, pytest.approx(0.6))
    assert (fit.stopped, fit.engine, fit.obstacle) == ("epochs", engine, "")
    assert len(fit.losses) == len(fit.val_losses) == 4
    assert 0 < fit.first_epoch_seconds < fit.seconds
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.score = 1.0


def test_it_learns_and_scores_with_the_real_metric(dense, data):
    fit = trained(dense(), data, metric_named("balanced_accuracy"), epochs=25)
    assert fit.scores[0] < 0.8 < fit.score
    assert fit.losses[-1] < 0.5 * fit.losses[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_waiting_ends_after_patience_epochs_without_a_better_mean(engine, dense, data, fake_metric):
    #      means: 0.55, 0.63, 0.6, 0.4, 0.3: best is epoch 1, two settled epochs later it ends
    metric = fake_metric([0.5, 0.6, 0.8, 0.4, 0.0, 0.5, 0.9, 0.9])
    fit = trained(dense(), data, metric, epochs=8, patience=2, engine=engine)
    assert fit.stopped == "patience"
    assert len(fit.scores) == 5
    assert (fit.kept_epoch, fit.score) == (1, pytest.approx(1.9 / 3))


def test_a_metric_that_is_minimised_keeps_its_lowest_mean(dense, data, fake_metric):
    fit = trained(dense(), data, fake_metric([0.9, 0.2, 0.3, 0.8], maximise=False), epochs=4)
    assert (fit.kept_epoch, fit.score) == (2, pytest.approx(1.3 / 3))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pruner_hears_every_score_and_can_stop(engine, dense, data, fake_metric):
    heard = []

    def on_epoch(epoch, score):
        heard.append((epoch, score))
        return epoch == 1

    fit = trained(dense(), data, fake_metric([0.4, 0.2, 0.3]), on_epoch=on_epoch, engine=engine)
    assert heard == [(0, 0.4), (1, 0.2)]
    assert (fit.stopped, fit.scores) == ("pruned", (0.4, 0.2))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_callback_can_stop(engine, dense, data, fake_metric):
    early = keras.callbacks.EarlyStopping("val_fake", mode="max", patience=1)
    fit = trained(dense(), data, fake_metric([0.4, 0.2, 0.3]), fit_arguments={"callbacks": [early]}, engine=engine)
    assert (fit.stopped, fit.scores) == ("callback", (0.4, 0.2))


@pytest.mark.parametrize(
    ("scores", "kept", "engine"),
    [
        ([0.1, 0.9, 0.2, 0.1], 0, "graph"),
        ([0.1, 0.9, 0.9, 0.1], 1, "graph"),
        ([0.1, 0.9, 0.9, 0.1], 1, "fit"),
        ([0.1, 0.2, 0.9, 0.8], 3, "graph"),
    ],
)
def test_the_model_ends_with_the_weights_of_the_kept_epoch(scores, kept, engine, dense, data, fake_metric):
    model = dense()
    noted, note = epoch_weights(model)
    fit = trained(
        model,
        data,
        fake_metric(scores),
        epochs=4,
        keep_weights=True,
        engine=engine,
        fit_arguments={"callbacks": [note]},
    )
    assert fit.kept_epoch == kept
    for weight, expected in zip(model.get_weights(), noted[kept], strict=True):
        np.testing.assert_array_equal(weight, expected)
    others = [i for i in range(4) if i != kept]
    assert all((noted[i][0] != noted[kept][0]).any() for i in others)


def test_kept_weights_are_those_that_were_scored_even_with_averaging(dense, data, fake_metric):
    model = dense(optimizer=keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5))
    metric = fake_metric([0.1, 0.2, 0.9])
    fit = trained(model, data, metric, keep_weights=True)
    assert fit.kept_epoch == 2
    np.testing.assert_allclose(model.predict(data.validation_inputs, verbose=0), metric.calls[2], atol=1e-6)


def test_without_keeping_the_last_weights_stay(dense, data, fake_metric):
    model = dense()
    noted, note = epoch_weights(model)
    trained(model, data, fake_metric([0.9, 0.1, 0.1]), fit_arguments={"callbacks": [note]})
    np.testing.assert_array_equal(model.get_weights()[0], noted[-1][0])


def test_the_same_seeds_give_the_same_training(dense, data):
    metric = metric_named("balanced_accuracy")
    one, other = (trained(dense(), data, metric) for _ in range(2))
    assert (one.losses, one.val_losses, one.scores) == (other.losses, other.val_losses, other.scores)
    assert trained(dense(), data, metric, seed=2).losses != one.losses


def test_a_training_can_be_taken_up_again(dense, data, fake_metric):
    whole = trained(dense(), data, fake_metric(), epochs=4)
    model = dense()
    first = trained(model, data, fake_metric(), epochs=2)
    second = trained(model, data, fake_metric(), epochs=4, initial_epoch=2, engine="fit")
    assert first.losses + second.losses == pytest.approx(whole.losses, abs=1e-6)
    assert second.kept_epoch >= 2


def test_the_hypermodel_may_end_earlier_but_not_later_than_the_run(dense, data, fake_metric):
    assert len(trained(dense(), data, fake_metric(), epochs=3, fit_arguments={"epochs": 2}).scores) == 2
    assert len(trained(dense(), data, fake_metric(), epochs=2, fit_arguments={"epochs": 9}).scores) == 2
    flat = fake_metric([0.5] * 9)
    assert len(trained(dense(), data, flat, epochs=9, fit_arguments={"patience": 1}).scores) == 3


@pytest.mark.parametrize("arguments", [{"class_weight": "balanced"}, {"balanced_batches": True}])
def test_a_correction_for_imbalance_finds_more_of_the_rare_class(arguments, dense, data, fake_metric):
    found = []
    for given in ({}, arguments):
        metric = fake_metric()
        trained(dense(), data, metric, epochs=2, fit_arguments={"batch_size": 16, **given})
        found.append((metric.calls[-1].argmax(axis=1) == 2).mean())
    assert found[1] > found[0]


def test_class_weights_multiply_the_loss_of_their_rows(dense, data, fake_metric):
    # One batch, first step: the loss is taken before any weight changes, so it is known by hand.
    model = dense()
    probabilities = model.predict(data.inputs, verbose=0)
    row_losses = -np.log(probabilities[np.arange(len(data.targets)), data.targets])
    weights = np.array([1.0, 3.0, 0.5])[data.targets]
    given = {"class_weight": {1: 3.0, 2: 0.5}, "batch_size": 500}
    fit = trained(model, data, fake_metric(), epochs=1, fit_arguments=given)
    assert fit.losses[0] == pytest.approx((row_losses * weights).mean(), rel=1e-5)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", keras.losses.SparseCategoricalCrossentropy()])
def test_sparse_losses_get_classes_and_the_same_values(loss, dense, data, fake_metric):
    expected = trained(dense(), data, fake_metric())
    assert trained(dense(loss=loss), data, fake_metric()).losses == pytest.approx(expected.losses, abs=1e-6)


@pytest.mark.parametrize(
    "loss", ["kl_divergence", keras.losses.CategoricalFocalCrossentropy(), lambda y, p: keras.ops.mean((y - p) ** 2)]
)
def test_other_losses_get_one_hot_rows(loss, dense, data, fake_metric):
    fit = trained(dense(loss=loss), data, fake_metric(), epochs=8)
    assert fit.losses[-1] < fit.losses[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_diverging_loss_fails(engine, dense, data, fake_metric):
    model = dense(optimizer=keras.optimizers.SGD(1e20), loss="mean_squared_error", activation="linear")
    # A linear output is no probability: pretend, to reach the loss.
    model.layers[-1].activation = keras.ops.softmax
    model.layers[-1].set_weights([np.full((8, 3), np.inf), np.zeros(3)])
    with pytest.raises(TrainingFailed, match=r"must stay finite, but did not in epoch 1. Lower") as failure:
        trained(model, data, fake_metric(), engine=engine)
    assert failure.value.reason == "diverged"


@pytest.mark.parametrize("engine", ENGINES)
def test_nan_weights_behind_a_finite_loss_fail(engine, dense, data, fake_metric):
    model = dense()
    kernel, bias = model.layers[1].get_weights()
    kernel[0, 0] = np.nan  # relu(NaN) is 0 on a processor: the loss and the predictions stay finite
    model.layers[1].set_weights([kernel, bias])
    model.layers[1].trainable = False
    model.compile(keras.optimizers.Adam(), "categorical_crossentropy")
    assert np.isfinite(model.predict(data.inputs, verbose=0)).all()
    with pytest.raises(TrainingFailed, match="The weights must stay finite"):
        trained(model, data, fake_metric(), engine=engine)


def test_a_score_that_is_not_a_number_fails(dense, data, fake_metric):
    with pytest.raises(TrainingFailed, match="Metric `fake` must be finite, but is nan after epoch 2") as failure:
        trained(dense(), data, fake_metric([0.5, float("nan")]))
    assert failure.value.reason == "no score"


def test_validation_rows_of_one_class_are_no_score_to_choose_by(dense, data):
    data.arrays[3][:] = 1
    with pytest.raises(
        TrainingFailed, match="Metric `balanced_accuracy` must be finite, but is nan after epoch 1. "
    ) as no:
        trained(dense(), data, metric_named("balanced_accuracy"))
    assert str(no.value).endswith("Check that the validation rows hold every class.")
    assert np.isfinite(trained(dense(), data, metric_named("accuracy")).score)


def test_inputs_that_are_not_finite_are_refused(dense, data, fake_metric):
    data.arrays[2][4, 3] = np.nan
    with pytest.raises(InputError, match="validation inputs must be finite. Received: 1 values"):
        trained(dense(), data, fake_metric())


@pytest.mark.parametrize(
    ("activation", "loss"), [("linear", keras.losses.CategoricalCrossentropy(from_logits=True)), ("sigmoid", "mse")]
)
def test_outputs_that_are_no_probabilities_are_refused(activation, loss, dense, data, fake_metric):
    with pytest.raises(InputError, match=r"must be probabilities that sum to 1\..*activation='softmax'"):
        trained(dense(activation=activation, loss=loss), data, fake_metric())


def test_a_model_that_is_not_compiled_is_refused(dense, data, fake_metric):
    model = dense()
    with pytest.raises(InputError, match="must return a compiled Keras model"):
        trained(keras.Model(model.input, model.output), data, fake_metric())


def one_value(shape: Any) -> Any:
    inputs = keras.Input(shape)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (one_value, r"inputs \(None, 24\), outputs \(None, 1\)"),
        (lambda shape: keras.Sequential([keras.layers.Dense(3, "softmax")]), "inputs None, outputs None"),
    ],
)
def test_a_model_without_one_input_and_one_probability_a_class_is_refused(make, received, data, fake_metric):
    model = make(data.inputs.shape[1:])
    model.compile("adam", "mse")
    with pytest.raises(InputError, match=rf"one keras.Input and one output.*Received: {received}\. End it"):
        trained(model, data, fake_metric())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 0}, "at least one epoch.*Received: epochs=0"),
        ({"epochs": 3, "initial_epoch": 3}, "Received: epochs=3, initial_epoch=3"),
        ({"patience": 0}, "patience=0"),
        ({"fit_arguments": {"lr": 1}}, "may return batch_size"),
    ],
)
def test_impossible_settings_are_refused(changed, message, dense, data, fake_metric):
    with pytest.raises(InputError, match=message):
        trained(dense(), data, fake_metric(), **changed)


@pytest.mark.parametrize(
    ("position", "array", "message"),
    [
        (0, np.zeros((74, 3), np.float32), r"training rows.*input shape \(24,\).*inputs \(74, 3\)"),
        (1, np.zeros(73, int), r"one target each. Received: inputs \(74, 24\), targets \(73,\)"),
        (1, np.full(74, 3), "classes 0 to 2, as many as the model has outputs. Received: 3 to 3"),
        (3, np.full(30, -1), "validation targets.*Received: -1 to -1"),
    ],
)
def test_rows_that_do_not_fit_the_model_are_refused(position, array, message, dense, data, fake_metric):
    arrays = list(data.arrays)
    arrays[position] = array
    with pytest.raises(InputError, match=message):
        train(dense(), *arrays, metric=fake_metric(), epochs=1, patience=1, fit_arguments={}, seed=0)


def test_read_only_mapped_arrays_can_be_trained_on(dense, data, fake_metric, tmp_path):
    mapped = []
    for i, array in enumerate(data.arrays):
        np.save(tmp_path / f"{i}.npy", array)
        mapped.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    fit = train(dense(), *mapped, metric=fake_metric(), epochs=2, patience=1, fit_arguments={}, seed=1)
    expected = train(dense(), *data.arrays, metric=fake_metric(), epochs=2, patience=1, fit_arguments={}, seed=1)
    assert fit.losses == expected.losses
