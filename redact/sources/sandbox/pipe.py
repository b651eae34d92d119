"""SandboxedPipe: what `PipeSource` reads, decoded in a locked-down process that opens nothing."""

from __future__ import annotations

import os
from pathlib import Path

from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.pipe import PipeFormat
from redact.sources.planes import UNSPECIFIED
from redact.sources.sandbox.messages import Opened, Order
from redact.sources.sandbox.process import PATIENCE, memory_for_one
from redact.sources.sandbox.source import SandboxedSource


class SandboxedPipe(SandboxedSource):
    """Reads one stream once, as `PipeSource` does: nothing of it is read in this process.

    pipe: descriptor, which stays open here. name, matrix, max_pixels, format, audio: as there. It
    waits for as long as nothing comes. Raises SourceError, also when the process crashes.
    """

    def __init__(
        self,
        pipe: int,
        name: str = "standard input",
        *,
        matrix: int = UNSPECIFIED,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        self._read = False
        given = max_pixels, memory_for_one(), PATIENCE
        order = Order(os.fsencode(name), True, *given, what="pipe", matrix=matrix)
        self.format: PipeFormat
        self._open(order, Path(name), max_pixels, pipe)

    def _take(self, opened: Opened) -> None:
        super()._take(opened)
        if opened.piped is None:
            self._fail("answered what is no description of a stream")
        self.format, self.audio = opened.piped
