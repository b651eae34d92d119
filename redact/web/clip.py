"""The start of a clip, a camera or a snapshot, held in memory for as long as its page is open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from redact.errors import RedactError, SourceError
from redact.protocols import Source
from redact.structures import Frame, StreamInfo

MEMORY = 1 << 30  # bytes of pictures that are held at most
_WAIT = 20.0  # seconds for a frame that is still being read
_STILL = 40  # frames that a snapshot is repeated for, so that evidence can be consistent


class Clip:
    """The first frame is there after construction; the others are read by a thread of its own,
    at once from a camera, and from a file once a frame was asked for: until then the page and
    the browser need the processor more.

    seconds: how much is read, at most. Raises SourceError when there is no frame at all.
    """

    def __init__(self, source: Source, seconds: float) -> None:
        self.info: StreamInfo = source.info
        self._source = source
        self._changed = threading.Condition()
        self._frames: list[Frame] = []
        self._error: str = ""
        self._cut = False
        self._complete = False
        self._closed = False
        frames = iter(source)
        first = next(frames, None)
        if first is None:
            raise SourceError(f"{source.info.name}: holds no frame")
        self._frames.append(first)
        self._limit = max(2, MEMORY // max(1, first.width * first.height * 3 // 2))
        self._until = first.time + Fraction(seconds)
        self._rest: Iterator[Frame] | None = frames
        if self.info.live:
            self._read_on()

    def _read_on(self) -> None:
        with self._changed:
            frames, self._rest = self._rest, None
        if frames is not None:
            threading.Thread(target=self._read, args=(frames,), daemon=True).start()

    def _read(self, frames: Iterator[Frame]) -> None:
        try:
            for frame in frames:
                with self._changed:
                    over = frame.time > self._until or len(self._frames) >= self._limit
                    if self._closed or over:
                        self._cut = over
                        break
                    self._frames.append(frame)
                    self._changed.notify_all()
        except RedactError as error:
            self._error = str(error)
        finally:
            self._source.close()
            with self._changed:
                self._complete = True
                self._changed.notify_all()

    @property
    def state(self) -> tuple[int, bool, bool, str]:
        """Frames read, whether that is all, whether there would be more, what went wrong."""
        with self._changed:
            return len(self._frames), self._complete, self._cut, self._error

    def frame(self, index: int) -> Frame | None:
        """The frame, waited for while it may still come; None beyond the end."""
        self._read_on()
        with self._changed:
            self._changed.wait_for(lambda: index < len(self._frames) or self._complete, _WAIT)
            return self._frames[index] if index < len(self._frames) else None

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """All frames, as they come, until `stop` is set."""
        index = 0
        while not stop.is_set():
            frame = self.frame(index)
            if frame is None:
                if self.state[1]:
                    return
                continue
            yield frame
            index += 1

    def close(self) -> None:
        with self._changed:
            self._closed = True
            never_read, self._rest = self._rest is not None, None
        if never_read:
            self._source.close()


class Still:
    """A `Source` that shows one picture for a while: a snapshot."""

    def __init__(self, frame: Frame, name: str) -> None:
        base = Fraction(1, 10)
        self._frame = replace(frame, time_base=base)
        self.info = StreamInfo(
            frame.width, frame.height, time_base=base, frame_rate=1 / base, name=name
        )

    def __iter__(self) -> Iterator[Frame]:
        for index in range(_STILL):
            yield replace(self._frame, index=index, pts=index)

    def close(self) -> None: ...
