"""Frames on their way from the reading to the analysing thread: few, and never old."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from redact.structures import Frame

_MOST = 32  # frames held at most: memory


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """A frame and when it was decoded (monotonic seconds). None: the session ended here."""

    frame: Frame | None
    at: float


class Backlog:
    """A queue of one reader and one writer. A full one drops its oldest frame, or waits."""

    def __init__(self, waits: bool) -> None:
        self._items: deque[Arrived] = deque()
        self._changed = threading.Condition()
        self.waits = waits
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, frame: Frame | None, stop: threading.Event) -> int:
        """Append; returns how many frames had to go for it."""
        dropped = 0
        with self._changed:
            while self.waits and len(self._items) >= 4 and not stop.is_set():
                self._changed.wait(0.2)
            while frame is not None and sum(i.frame is not None for i in self._items) >= _MOST:
                oldest = next(i for i in self._items if i.frame is not None)
                self._items.remove(oldest)
                dropped += 1
            self._items.append(Arrived(frame, time.monotonic()))
            self._changed.notify_all()
        return dropped

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def get(self) -> Arrived | None:
        """The oldest; None once closed and empty."""
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait(0.5)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item
