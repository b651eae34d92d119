"""Ctrl-C and its kin: the first asks to stop, the second quits at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """event: set by the first signal. code: what to exit with then, as a shell would say."""

    def __init__(self, abandon: Callable[[], None]) -> None:
        self.event = threading.Event()
        self.code = 0
        self._abandon = abandon

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.event.is_set():
            self._abandon()
            os._exit(128 + number)
        self.code = 128 + number
        self.event.set()
        if number == signal.SIGINT:
            try:
                os.write(2, b"\nredact: stopping; Ctrl-C again quits at once\n")
            except OSError:  # the terminal is gone
                return


@contextmanager
def stopping(abandon: Callable[[], None]) -> Iterator[Stop]:
    """Handle signals for as long as the block lasts. abandon: called before quitting at once.

    A signal that is ignored (nohup) stays ignored. Leaving the block after a signal leaves
    the program with its code.
    """
    stop = Stop(abandon)
    before = {
        number: signal.signal(number, stop)
        for number in _STOPPING
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.code:
        click.get_current_context().exit(stop.code)
