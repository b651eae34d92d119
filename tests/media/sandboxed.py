"""A decoding process that says what a test wants, in place of a real one."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable

from redact.sources.sandbox.messages import Order


class Liar(subprocess.Popen[bytes]):
    """With the ways of a `nursery.Child`."""

    def wait(self, timeout: float | None = None) -> int | None:  # type: ignore[override]
        try:
            return super().wait(timeout)
        except subprocess.TimeoutExpired:
            return None


def saying(script: str) -> Callable[[Order, socket.socket, int], Liar]:
    """A stand-in for `process.start`: a process that runs `script`, with the descriptors of its
    socket and its memory as arguments."""

    def start(_order: Order, end: socket.socket, memory: int) -> Liar:
        numbers = end.fileno(), memory
        words = [sys.executable, "-c", textwrap.dedent(script), *map(str, numbers)]
        return Liar(words, pass_fds=numbers)

    return start
