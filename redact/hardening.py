"""What a process settles before it touches footage."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_M_ARENA_MAX = -8


def no_core_dumps() -> None:
    """From now on a crash of this process writes no image of its memory, which holds frames.

    Not inherited by a program that is started anew, so each worker process calls it. A core
    that goes to a program (systemd-coredump, apport) ignores the limit, hence both ways.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def end_with_parent() -> None:
    """From now on this process is killed when the thread that started it ends, be it by a kill of
    its process. Linux alone has that."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def one_heap() -> None:
    """From now on threads that begin share one heap. By default glibc gives each its own, which
    keeps what frames once took there; together that is a tenth of a run's memory. Elsewhere this
    does nothing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
