"""The search space and the network, declared once and yours to edit.

Each `hp` line is one thing that a search may vary: its name, its range, and the value of the default configuration,
which is trial 0. Widen a range, add a line, take one out: every method, the retrain and the report follow.

    hp.Int(name, low, high, step=…)        hp.Float(name, low, high, step=… or sampling="log")
    hp.Choice(name, [values])              hp.Boolean(name)        (without default=…: the first value, or False)

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

    # Tried first, after the default configuration: each names what differs from it. One sees how much a network gains.
    known_good = [{"dense_layers": 0}]  # logistic regression, by the network's own means: hard to beat with few people

    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        """The compiled network; asking `hp` for a value is what declares the space."""
        inputs = parts.vector_input(self.problem)
        l2 = hp.Float("l2", 1e-6, 1e-2, sampling="log", default=1e-5)  # pulls large weights to 0, in every layer
        hidden = hp.Float("input_dropout", 0.0, 0.5, step=0.1, default=0.2)  # so that no single electrode decides
        x, beside = parts.dropout(inputs, hidden), None

        cnn_blocks = hp.Int("cnn_blocks", 0, 4, default=0)  # with few people often none is best
        use_lstm = hp.Boolean("use_lstm", default=False)  # follows the order of the sequence; the slowest choice here
        if cnn_blocks or use_lstm:
            ways = parts.vector_entries(self.problem)  # 32 electrodes x 5 bands, or 167 values in a row: 5 times slower
            x, beside = parts.as_sequence(x, self.problem, hp.Choice("vector_entry", ways))

        batch_norm = hp.Boolean("batch_norm", default=True) if cnn_blocks else False  # steadier steps, slower start
        for i in range(cnn_blocks):
            x = parts.convolution_block(
                x,
                filters=hp.Int(f"cnn_filters_{i}", 16, 256, step=16, default=32),  # how many patterns it knows
                kernel_size=hp.Choice(f"kernel_size_{i}", [3, 5, 7]),  # neighbours that make up a pattern
                pooling=hp.Choice(f"pooling_{i}", ["max", "average"]),  # the strongest answer, or the typical one
                pool_size=hp.Choice(f"pool_size_{i}", [2, 3]),  # how many steps become one
                dropout_rate=hp.Float(f"cnn_dropout_{i}", 0.0, 0.5, step=0.1, default=0.2),
                batch_norm=batch_norm,
                l2=l2,
            )

        if use_lstm:
            x = parts.lstm(
                x,
                units=hp.Int("lstm_units", 16, 256, step=16, default=32),  # memory
                bidirectional=hp.Boolean("lstm_bidirectional", default=True),  # read from both ends, in twice the time
                dropout_rate=hp.Float("lstm_dropout", 0.0, 0.5, step=0.1, default=0.2),
                l2=l2,
            )
        elif cnn_blocks:
            kind = hp.Choice("global_pooling", ["flatten", "average", "max"])  # flatten keeps where on the head
            x = parts.global_pooling(x, kind)

        x = parts.as_vector(x, beside)
        for i in range(hp.Int("dense_layers", 0, 3, default=1)):  # 0, without the above: logistic regression
            x = parts.dense_block(
                x,
                units=hp.Int(f"dense_units_{i}", 16, 512, step=16, default=128),  # capacity
                dropout_rate=hp.Float(f"dense_dropout_{i}", 0.0, 0.7, step=0.1, default=0.5),  # best against few people
                l2=l2,
            )

        optimizer = hp.Choice("optimizer", ["adam", "adamw", "rmsprop"], default="adamw")
        learning_rate = hp.Float("learning_rate", 1e-5, 1e-2, sampling="log", default=1e-3)  # retune with all else
        weight_decay = 0.0
        if optimizer == "adamw":  # the others leave decay to l2
            weight_decay = hp.Float("weight_decay", 1e-3, 3.0, sampling="log", default=0.3)
        return parts.classifier(
            inputs,
            x,
            self.problem,
            optimizer=parts.optimizer(optimizer, learning_rate, weight_decay=weight_decay),
            label_smoothing=hp.Float("label_smoothing", 0.0, 0.2, step=0.05, default=0.0),  # labels of emotions err
            l2=l2,
        )

    def fit_arguments(self, hp):
        """How the network is trained: `batch_size`, `class_weight`, `balanced_batches`, `callbacks`, `patience`."""
        balance = hp.Choice("class_balance", ["weights", "batches", "none"])  # so that rare emotions count
        return {
            "batch_size": hp.Choice("batch_size", [16, 32, 64], default=32),  # small: more steps, and noisier
            "class_weight": "balanced" if balance == "weights" else None,
            "balanced_batches": balance == "batches",
        }
