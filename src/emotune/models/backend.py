"""How this process computes: on one thread, and on the processor unless a graphics card is asked for."""

from __future__ import annotations

import contextlib
import os

import keras

__all__ = ["prepare_backend"]


def prepare_backend() -> None:
    """Let the backend use one thread and no graphics card; call it before anything is computed.

    The networks of this field are small: one thread trains them as fast as two, and the other core is free for
    another process. A graphics card would be reserved whole by the first of several workers; with `EMOTUNE_GPU=1`
    in the environment it is used, each process taking only the memory that it needs. Backends other than
    TensorFlow are told by their own environment variables and left alone.
    """
    if keras.backend.backend() == "tensorflow":
        # A process that has computed already (a notebook, a test run) keeps the threads and cards that it has.
        with contextlib.suppress(RuntimeError):
            _prepare_tensorflow()


def _prepare_tensorflow() -> None:
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    if os.environ.get("EMOTUNE_GPU") != "1":
        tensorflow.config.set_visible_devices([], "GPU")
        return
    for card in tensorflow.config.list_physical_devices("GPU"):
        tensorflow.config.experimental.set_memory_growth(card, True)
