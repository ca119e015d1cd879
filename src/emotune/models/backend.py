"""How this process computes: one thread, seeded."""

from __future__ import annotations

import keras

__all__ = ["one_thread"]


def one_thread() -> None:
    """Let the backend use one thread; call it before anything is computed.

    The networks of this field are small: one thread trains them as fast as two, and the other core is free for
    another process. Backends that are told by the environment are left alone.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(1)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
