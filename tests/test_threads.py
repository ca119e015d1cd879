import numpy as np
from threadpoolctl import ThreadpoolController

from emotune.threads import one_thread


def threads():
    return {library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"}


def test_within_it_there_is_one_thread_and_behind_it_as_many_as_before():
    assert np.ones(3) @ np.ones(3) == 3
    before = threads()
    with one_thread():
        assert threads() == {1}
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == before
