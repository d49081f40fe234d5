"""Sleep that ends when it should, also from a signal's handler."""

from __future__ import annotations

import os
import signal
import threading
import time

from workers.worker.wakeup import Wakeup


def test_a_wake_ends_the_present_wait_or_the_next() -> None:
    """Each wake is told as a zero byte; without one the wait is over in time."""
    with Wakeup() as wakeup:
        wakeup.wake()
        assert wakeup.wait(60.0) == b"\0"
        timer = threading.Timer(0.1, wakeup.wake)
        timer.start()
        assert wakeup.wait(60.0) == b"\0"
        timer.join()
        assert wakeup.wait(0.0) == b""


def test_a_signal_ends_the_wait_with_its_number() -> None:
    """Python writes it to the descriptor."""
    with Wakeup() as wakeup:
        handler = signal.signal(signal.SIGUSR1, lambda *_: None)
        before = signal.set_wakeup_fd(wakeup.fileno())
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert wakeup.wait(60.0) == bytes([signal.SIGUSR1])
        finally:
            signal.set_wakeup_fd(before)
            signal.signal(signal.SIGUSR1, handler)


def test_more_wakes_than_fit_do_not_block() -> None:
    """The buffer is full: the sleeper wakes anyway."""
    with Wakeup() as wakeup:
        begun = time.monotonic()
        for _ in range(100_000):
            wakeup.wake()
        assert wakeup.wait(60.0)
        assert time.monotonic() - begun < 30.0


def test_it_has_sockets_only_while_it_is_open() -> None:
    """Waking it before or after does nothing."""
    files = len(os.listdir("/proc/self/fd"))
    wakeup = Wakeup()
    wakeup.wake()
    assert len(os.listdir("/proc/self/fd")) == files
    with wakeup:
        assert len(os.listdir("/proc/self/fd")) == files + 2
        assert wakeup.wait(0.0) == b""
    wakeup.wake()
    wakeup.close()
    assert len(os.listdir("/proc/self/fd")) == files
