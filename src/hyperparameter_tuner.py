"""The search space and the network, in one place and yours to edit.

Each `hp` line is one thing that a search may vary: its name, its range, and the value of the default configuration,
which is trial 0. Widen a range, add a line, take one out: every method, the retrain and the report follow.

    hp.Int(name, low, high, step=…)        hp.Float(name, low, high, step=… or sampling="log")
    hp.Choice(name, [values])              hp.Boolean(name)

A line inside an `if` or a loop is asked for, searched and saved only where it is used. The blocks are in
`emotune.models.parts`; any other Keras layer works too, as long as the model ends in one probability a class.
"""

from __future__ import annotations

from emotune.models import parts


class EmotionHyperModel:
    """From hyperparameters to a compiled network.

    Args:
        problem: what the network is for: `input_shape`, `n_classes` and the `layout` of electrodes and bands.
    """

    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        """The compiled network; asking `hp` for a value is what declares the space."""
        inputs = x = parts.vector_input(self.problem)
        beside = None
        l2 = hp.Float("l2", 1e-6, 1e-2, sampling="log", default=1e-5)  # keeps all weights small
        x = parts.dropout(x, hp.Float("input_dropout", 0.0, 0.5, step=0.1, default=0.2))  # no electrode is relied on

        cnn_blocks = hp.Int("cnn_blocks", 0, 4, default=0)  # 0: small data often do best without convolutions
        use_lstm = hp.Boolean("use_lstm", default=False)  # order along the sequence; the slowest choice here
        if cnn_blocks or use_lstm:
            entries = parts.vector_entries(self.problem)  # electrodes x bands, or one long sequence (5 times slower)
            x, beside = parts.as_sequence(x, self.problem, hp.Choice("vector_entry", entries))

        if cnn_blocks:
            batch_norm = hp.Boolean("batch_norm", default=True)  # steadier with deep networks, noisier in small batches
        for i in range(cnn_blocks):
            x = parts.convolution_block(
                x,
                filters=hp.Int(f"cnn_filters_{i}", 16, 256, step=16, default=32),  # patterns to tell apart
                kernel_size=hp.Choice(f"kernel_size_{i}", [3, 5, 7]),  # neighbours that make up a pattern
                pooling=hp.Choice(f"pooling_{i}", ["max", "average"]),  # strongest answer, or typical one
                pool_size=hp.Choice(f"pool_size_{i}", [2, 3]),  # how much shorter the sequence becomes
                dropout_rate=hp.Float(f"cnn_dropout_{i}", 0.0, 0.5, step=0.1, default=0.2),
                batch_norm=batch_norm,
                l2=l2,
            )

        if use_lstm:
            x = parts.lstm(
                x,
                units=hp.Int("lstm_units", 16, 256, step=16, default=32),  # memory
                bidirectional=hp.Boolean("lstm_bidirectional", default=True),  # reads from both ends
                dropout_rate=hp.Float("lstm_dropout", 0.0, 0.5, step=0.1, default=0.2),
                l2=l2,
            )
        elif cnn_blocks:
            x = parts.global_pooling(x, hp.Choice("global_pooling", ["average", "max", "flatten"]))

        x = parts.as_vector(x, beside)
        for i in range(hp.Int("dense_layers", 0, 3, default=1)):  # 0 without convolutions: logistic regression
            x = parts.dense_block(
                x,
                units=hp.Int(f"dense_units_{i}", 16, 512, step=16, default=64),  # capacity
                dropout_rate=hp.Float(f"dense_dropout_{i}", 0.0, 0.7, step=0.1, default=0.5),
                l2=l2,
            )

        optimizer = hp.Choice("optimizer", ["adam", "adamw", "rmsprop"], default="adamw")
        return parts.classifier(
            inputs,
            x,
            self.problem,
            optimizer=parts.optimizer(
                optimizer,
                # The first thing to retune after any other change.
                learning_rate=hp.Float("learning_rate", 1e-5, 1e-2, sampling="log", default=1e-3),
                # AdamW alone: pulls weights to 0 at the same rate however steep the loss is.
                weight_decay=(
                    hp.Float("weight_decay", 1e-4, 1.0, sampling="log", default=0.1) if optimizer == "adamw" else 0.0
                ),
            ),
            label_smoothing=hp.Float("label_smoothing", 0.0, 0.2, step=0.05, default=0.0),  # labels of feelings err
            l2=l2,
        )

    def fit_arguments(self, hp):
        """How the network is trained: `batch_size`, `class_weight`, `balanced_batches`, `callbacks`."""
        balance = hp.Choice("class_balance", ["weights", "batches", "none"])  # against rare emotions
        return {
            "batch_size": hp.Choice("batch_size", [16, 32, 64], default=32),  # small: noisier steps, more of them
            "class_weight": "balanced" if balance == "weights" else None,
            "balanced_batches": balance == "batches",
        }
