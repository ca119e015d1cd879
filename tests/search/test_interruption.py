"""Signals that wait for a good moment."""

import signal
import threading
import weakref

import pytest

from emotune.search.interruption import deferred_interrupts, raise_if_interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_held_back_until_it_is_asked_for(number):
    reached = False
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():
        signal.raise_signal(number)
        reached = True
        raise_if_interrupted()
    assert reached


def test_a_second_signal_raises_at_once():
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one should not wait")


def test_a_signal_in_a_callback_that_swallows_exceptions_is_not_lost():
    class Thing:
        pass

    thing = Thing()
    weakref.finalize(thing, lambda: None)
    held = weakref.ref(thing, lambda reference: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():
        del thing
        assert held() is None
        raise_if_interrupted()


def test_a_signal_nobody_asked_about_is_raised_at_the_end():
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():
        signal.raise_signal(signal.SIGINT)


def test_the_handlers_before_are_back_afterwards_and_nothing_is_left_noted():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="mine"), deferred_interrupts():
        raise ValueError("mine")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    # What fails after a signal has come, such as a child process that it has ended, is the interruption.
    with pytest.raises(KeyboardInterrupt) as raised, deferred_interrupts():
        signal.raise_signal(signal.SIGINT)
        raise EOFError("a child is gone")
    assert isinstance(raised.value.__cause__, EOFError)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with deferred_interrupts():
        raise_if_interrupted()


def test_another_thread_than_the_main_one_changes_no_handler():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run():
        with deferred_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
