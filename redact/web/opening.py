"""What a page may look at: a clip, a camera, or a snapshot. Files are decoded by a locked process,
as a run does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from redact.errors import SourceError
from redact.protocols import Source
from redact.reading import open_camera, open_file, open_still
from redact.structures import Frame, StreamInfo
from redact.web.clip import Still

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_CAMERAS = ("rtsp://", "rtsps://", "http://", "https://", "v4l2:")


def open_any(what: str) -> Source:
    """Raises SourceError."""
    if what.lower().startswith(_CAMERAS):
        return Camera(what)
    if Path(what).suffix.lower() in PICTURES:
        return _snapshot(Path(what))
    return open_file(what)


class Camera:
    """The frames of a camera from now on, as the relay reads them, for as long as their size
    stays. Messages name the host alone: addresses of cameras hold passwords."""

    def __init__(self, url: str) -> None:
        from redact.sources.live_clock import LiveClock

        self._name = urlsplit(url).hostname or "camera"
        self._source = open_camera(url, self._name, LiveClock(), timeout=10.0)
        try:
            self._frames = iter(self._source)
            first = next(self._frames)  # a camera that ends raises SourceLostError
        except BaseException:
            self._source.close()
            raise
        self._first = first
        self.info = StreamInfo(
            first.width,
            first.height,
            time_base=first.time_base,
            frame_rate=self._source.rate,
            colour=first.colour,
            name=self._name,
            live=True,
        )

    def __iter__(self) -> Iterator[Frame]:
        yield self._first
        for frame in self._frames:
            if (frame.width, frame.height) != (self.info.width, self.info.height):
                raise SourceError(f"{self._name}: the picture's size changes")
            yield frame

    def close(self) -> None:
        self._source.close()


def _snapshot(path: Path) -> Still:
    source = open_still(path)
    try:
        return Still(next(iter(source)), path.name)
    finally:
        source.close()
