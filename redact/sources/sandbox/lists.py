"""Times that a locked-down process reads from a file: those of its key frames, or all of them."""

from __future__ import annotations

import os
from array import array
from fractions import Fraction
from typing import NoReturn

import msgspec

from redact.readback import ReadBack
from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.sandbox.messages import (
    Back,
    Keys,
    ListMessage,
    Order,
    Times,
    What,
    read_back_of,
)
from redact.sources.sandbox.process import PATIENCE, Boxed, memory_for_one
from redact.storage import Place

_MOST = 1 << 24  # pictures of one file: six days at 30 a second


class _List(Boxed[Times | Keys | Back]):
    """path, patience: as in `SandboxedSource`."""

    def __init__(self, path: Place, what: What, patience: int = PATIENCE) -> None:
        order = Order(
            os.fsencode(str(path)), False, DEFAULT_MAX_PIXELS, memory_for_one(), patience, what
        )
        super().__init__(order, msgspec.msgpack.Decoder(ListMessage), path)

    def read(self) -> tuple[array[int], Keys | Back]:
        """All times, and what was said at the end. Raises SourceError."""
        times = array("q")
        while isinstance(message := self._receive(), Times):
            times.extend(message.times)
            self._count = len(times)
            if self._count > _MOST:
                self._fail(f"told of more than {_MOST} pictures")
        return times, message

    def refuse(self) -> NoReturn:
        self._fail("answered what was not asked for")


def sandboxed_key_times(path: Place) -> tuple[list[int], Fraction]:
    """As `piece.key_times`, read by a locked process. Raises SourceError, also when it crashes."""
    with _List(path, "keys") as listed:
        times, end = listed.read()
        if not isinstance(end, Keys):
            listed.refuse()
        return list(times), Fraction(*end.tick)


def sandboxed_read_back(path: Place) -> ReadBack:
    """As `readback.read_back`, by a locked process. Raises SourceError, also when it crashes."""
    with _List(path, "readback") as listed:
        times, end = listed.read()
        if not isinstance(end, Back):
            listed.refuse()
        return read_back_of(end, times)
