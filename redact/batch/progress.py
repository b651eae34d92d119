"""From a pipeline's observer to a batch's listener, a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from redact.structures import Decision, RedactedFrame, StreamInfo

_EVERY = 0.1  # seconds between two reports of progress


class Progress:
    """An `Observer` of one file. opened, advanced: told frames expected, frames finished."""

    def __init__(
        self, opened: Callable[[int | None], None], advanced: Callable[[int], None]
    ) -> None:
        self._opened = opened
        self._advanced = advanced
        self._done = 0
        self._next = 0.0

    def on_start(self, info: StreamInfo) -> None:
        self._opened(_expected(info))

    def on_frame(self, _frame: RedactedFrame, _decision: Decision) -> None:
        self._done += 1
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._advanced(self._done)


def _expected(info: StreamInfo) -> int | None:
    if info.frame_count is not None:
        return info.frame_count
    if info.duration is not None and info.frame_rate is not None:
        return max(1, round(info.duration * info.frame_rate))
    return None
