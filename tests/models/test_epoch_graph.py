"""The epoch as one graph does what Keras's own loop does."""

import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, optimizers

from emotune.errors import InputError
from emotune.models import epoch_graph
from emotune.models.training import train

N_EPOCHS = 2


def hidden(*blocks: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        for block in blocks:
            x = block(x)
        return x

    return apply


# Each case: what is between input and output, the optimizer, and how it is trained. Every trace costs a second,
# so what cannot hide each other's mistakes share a case.
CASES: dict[str, Any] = {
    "one batch": (lambda: layers.Dense(8, "relu"), lambda: optimizers.SGD(0.05), {"batch_size": 500}),
    "batch normalisation and dropout": (
        lambda: hidden(layers.Dropout(0.4), layers.Dense(8), layers.BatchNormalization()),
        lambda: optimizers.Adam(0.01),
        {},
    ),
    "regularizers and class weights": (
        lambda: layers.Dense(8, "relu", kernel_regularizer="l2", activity_regularizer="l2"),
        lambda: optimizers.RMSprop(0.01),
        {"class_weight": {0: 0.5, 2: 4.0}},
    ),
    "weight decay and balanced batches": (
        lambda: layers.Dense(8, "relu"),
        lambda: optimizers.AdamW(0.01, weight_decay=0.1),
        {"balanced_batches": True},
    ),
    "clipped gradients and a schedule": (
        lambda: layers.Dense(8, "relu"),
        lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.02, decay_steps=8), clipnorm=0.05),
        {},
    ),
    "averaged weights": (
        lambda: layers.Dense(8, "relu"),
        lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
        {},
    ),
    "gradient accumulation": (
        lambda: layers.Dense(8, "relu"),
        lambda: optimizers.Adam(0.01, gradient_accumulation_steps=2),
        {},
    ),
    "bidirectional lstm": (
        lambda: hidden(layers.Dense(25), layers.Reshape((5, 5)), layers.Bidirectional(layers.LSTM(4))),
        lambda: optimizers.Adam(0.01),
        {},
    ),
}


def network(data: Any, middle: Callable[[], Any], optimizer: Callable[[], Any], **compiled: Any) -> Any:
    # A layer takes its seed when it is made: made after the seed is set, two networks start alike.
    keras.utils.set_random_seed(11)
    inputs = keras.Input(data.inputs.shape[1:])
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(middle()(inputs)))
    model.compile(optimizer(), **{"loss": "categorical_crossentropy", **compiled})
    return model


def trained(data: Any, model: Any, metric: Any, engine: Any, **arguments: Any) -> Any:
    return train(
        model,
        *data.arrays,
        metric=metric,
        epochs=N_EPOCHS,
        patience=99,
        fit_arguments={"batch_size": 16, **arguments},
        seed=1,
        engine=engine,
    )


@pytest.mark.parametrize("case", CASES)
def test_the_graph_and_keras_fit_give_the_same_losses_and_weights(case, data, fake_metric):
    middle, optimizer, arguments = CASES[case]
    results = {}
    for engine in ("graph", "fit"):
        model = network(data, middle, optimizer)
        results[engine] = trained(data, model, fake_metric(), engine, **arguments), model.get_weights()
    (graph, graph_weights), (fit, fit_weights) = results["graph"], results["fit"]
    assert (graph.engine, fit.engine) == ("graph", "fit")
    assert graph.losses == pytest.approx(fit.losses, abs=1e-5)
    assert graph.val_losses == pytest.approx(fit.val_losses, abs=1e-5)
    assert graph.losses[0] != graph.losses[1]
    assert graph.scores == fit.scores
    for one, other in zip(graph_weights, fit_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_first_loss_is_that_of_a_loop_written_by_hand(data, fake_metric):
    from emotune.models.sampling import epoch_order

    order = epoch_order(data.targets, seed=1, epoch=0)
    model = network(data, lambda: layers.Dense(8, "relu"), lambda: optimizers.SGD(0.05))
    losses = []
    for start in range(0, len(order), 16):
        rows = order[start : start + 16]
        losses.append((len(rows), model.train_on_batch(data.inputs[rows], np.eye(3)[data.targets[rows]])))
    expected = sum(n * float(loss) for n, loss in losses) / len(order)
    again = network(data, lambda: layers.Dense(8, "relu"), lambda: optimizers.SGD(0.05))
    assert trained(data, again, fake_metric(), "graph").losses[0] == pytest.approx(expected, abs=1e-5)


def test_validation_in_several_steps_is_the_same_as_in_one(data, fake_metric, monkeypatch):
    results = []
    for rows in (512, 7):
        monkeypatch.setattr(epoch_graph, "VALIDATION_ROWS", rows)
        metric = fake_metric()
        model = network(data, lambda: layers.Dense(8, "relu", kernel_regularizer="l2"), lambda: optimizers.Adam(0.01))
        fit = trained(data, model, metric, "graph")
        results.append((fit.val_losses, metric.calls[-1], model))
    (whole, whole_probabilities, model), (pieces, pieces_probabilities, _) = results
    assert pieces == pytest.approx(whole, abs=1e-6)
    np.testing.assert_allclose(pieces_probabilities, whole_probabilities, atol=1e-6)
    np.testing.assert_allclose(model.predict(data.validation_inputs, verbose=0), whole_probabilities, atol=1e-6)


def test_compiled_metrics_reach_the_logs_of_both_engines(data, fake_metric):
    logged = {}
    for engine in ("graph", "fit"):
        model = network(data, lambda: layers.Dense(8, "relu"), lambda: optimizers.Adam(0.01), metrics=["accuracy"])
        trained(data, model, fake_metric(), engine)
        logged[engine] = {name: values for name, values in model.history.history.items()}
    assert set(logged["graph"]) == {"loss", "accuracy", "val_loss", "val_accuracy", "val_fake"}
    assert set(logged["graph"]) == set(logged["fit"])
    for name, values in logged["graph"].items():
        assert values == pytest.approx(logged["fit"][name], abs=1e-5)


def test_the_averaged_weights_are_the_final_ones_as_after_keras_fit(data, fake_metric):
    finals = []
    for engine in ("graph", "fit"):
        model = network(
            data, lambda: layers.Dense(8, "relu"), lambda: optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)
        )
        trained(data, model, fake_metric(), engine)
        averages = [v.numpy() for v in model.optimizer.variables if "average" in v.path]
        for weight, average in zip(model.get_weights(), averages, strict=True):
            np.testing.assert_array_equal(weight, average)
        finals.append(model.get_weights())
    for one, other in zip(*finals, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


# Keras 3.15 asks its variables for an array in the way of NumPy 1.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_callback_that_changes_the_learning_rate_acts(data, fake_metric):
    rates = []
    for engine in ("graph", "fit"):
        model = network(data, lambda: layers.Dense(8, "relu"), lambda: optimizers.Adam(0.01))
        lower = keras.callbacks.ReduceLROnPlateau(monitor="val_fake", mode="max", factor=0.1, patience=1, min_delta=9)
        train(
            model,
            *data.arrays,
            metric=fake_metric(),
            epochs=3,
            patience=99,
            fit_arguments={"callbacks": [lower]},
            seed=1,
            engine=engine,
        )
        rates.append(model.history.history["learning_rate"])
    assert rates[0] == rates[1] == pytest.approx([0.01, 0.01, 0.001])


class BatchCounter(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.n = 0

    def on_train_batch_end(self, batch, logs=None):
        self.n += 1


class OwnStep(keras.Model):
    n = 0

    def train_step(self, data):
        OwnStep.n += 1
        return super().train_step(data)


def test_a_callback_with_batch_hooks_falls_back_to_keras_fit(data, dense, fake_metric):
    counter = BatchCounter()
    fit = trained(data, dense(), fake_metric(), "auto", callbacks=[counter])
    assert fit.engine == "fit"
    assert fit.obstacle == "callback BatchCounter has on_train_batch_end"
    assert counter.n == N_EPOCHS * 5


def test_a_lambda_with_a_batch_hook_falls_back_to_keras_fit(data, dense, fake_metric):
    seen = []
    hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    assert trained(data, dense(), fake_metric(), "auto", callbacks=[hook]).engine == "fit"
    assert len(seen) == N_EPOCHS * 5


def test_a_model_with_its_own_train_step_falls_back_to_keras_fit(data, fake_metric):
    OwnStep.n = 0
    inputs = keras.Input(data.inputs.shape[1:])
    model = OwnStep(inputs, layers.Dense(3, activation="softmax")(inputs))
    model.compile("adam", "categorical_crossentropy")
    fit = trained(data, model, fake_metric(), "auto")
    assert (fit.engine, fit.obstacle) == ("fit", "the model has its own train_step")
    assert OwnStep.n > 0


def test_an_eager_model_falls_back_to_keras_fit(data, dense, fake_metric):
    fit = trained(data, dense(run_eagerly=True), fake_metric(), "auto")
    assert (fit.engine, fit.obstacle) == ("fit", "the model is compiled with run_eagerly=True")


def test_epoch_level_callbacks_keep_the_graph(data, dense, fake_metric):
    epochs = []
    hook = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append((epoch, sorted(logs))))
    fit = trained(data, dense(), fake_metric(), "auto", callbacks=[hook, keras.callbacks.EarlyStopping()])
    assert (fit.engine, fit.obstacle) == ("graph", "")
    assert epochs == [(epoch, ["loss", "val_fake", "val_loss"]) for epoch in range(N_EPOCHS)]


def test_asking_for_the_graph_where_it_cannot_train_is_refused(data, dense, fake_metric):
    with pytest.raises(InputError, match=r"graph engine cannot train this: callback BatchCounter .* engine='auto'"):
        trained(data, dense(), fake_metric(), "graph", callbacks=[BatchCounter()])


def test_the_training_step_is_traced_once(data, fake_metric, monkeypatch):
    traces = []
    original = keras.Model.train_step

    def counted(self, batch):
        traces.append(1)
        return original(self, batch)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    model = network(
        data,
        lambda: hidden(layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.2)),
        lambda: optimizers.AdamW(0.01, weight_decay=0.1),
        metrics=["accuracy"],
    )
    assert trained(data, model, fake_metric(), "graph").engine == "graph"
    assert len(traces) == 1


def test_many_short_trainings_warn_of_no_retracing_and_leave_no_model_behind(data, dense, fake_metric, caplog):
    models = []
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        for _ in range(6):
            model = dense()
            train(
                model,
                *data.arrays,
                metric=fake_metric(),
                epochs=1,
                patience=1,
                fit_arguments={},
                seed=1,
                engine="graph",
            )
            models.append(weakref.ref(model))
            del model
    assert not caplog.records
    keras.backend.clear_session()
    gc.collect()
    assert [reference() for reference in models] == [None] * 6
