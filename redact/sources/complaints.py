"""FFmpeg tells of lost packets in its log alone: read by `av.logging.Capture`, never printed.

The log is one for the whole process, and a line of it waits for Python's lock. Elsewhere a decoder
with threads of its own may be freed by who holds that lock, and would wait for ever for a thread
that wants to tell something. So the log is on only while a live source, which has no such threads,
listens to it.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable

import av.logging

_lock = threading.Lock()
_listening = 0


def listen(listener: object) -> Callable[[], object]:
    """Turn the log on until what is returned is called, or the listener is gone. A level that the
    program itself set stays as it is."""
    global _listening
    with _lock:
        if not _listening and av.logging.get_level() is not None:
            return lambda: None
        _listening += 1
        if _listening == 1:
            logger = logging.getLogger("libav")
            logger.addHandler(logging.NullHandler())
            logger.propagate = False
            av.logging.set_skip_repeated(False)
            av.logging.set_level(av.logging.WARNING)
    return weakref.finalize(listener, _end)


def _end() -> None:
    global _listening
    with _lock:
        _listening -= 1
        if not _listening:
            av.logging.set_level(None)
