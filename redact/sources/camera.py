"""CameraSource: a short look at a live camera, for drawing on; not for relaying it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from urllib.parse import urlsplit

import av

from redact.errors import SourceError
from redact.sources.errors import reading
from redact.sources.planes import Converter, colour_of
from redact.structures import Frame, StreamInfo

_OPTIONS = {"rtsp_transport": "tcp"}
_TIMEOUT = (10.0, 10.0)  # seconds to open, and between packets
_BASE = Fraction(1, 90_000)


class CameraSource:
    """The frames of an rtsp:// address from now on. Raises SourceError.

    `info.name` and messages hold the host alone: addresses of cameras hold passwords.
    """

    def __init__(self, url: str) -> None:
        self._name = urlsplit(url).hostname or "camera"
        with self._reading():
            self._container = av.open(
                url, "r", options=_OPTIONS, timeout=_TIMEOUT, metadata_errors="replace"
            )
        try:
            if not self._container.streams.video:
                raise SourceError(f"{self._name}: sends no video")
            with self._reading():
                self._pictures = self._container.decode(video=0)
                self._first = next(self._pictures, None)
            if self._first is None:
                raise SourceError(f"{self._name}: sends no frame")
            rate = self._container.streams.video[0].average_rate
            self._step = int(_BASE.denominator / (rate or Fraction(15)))
        except BaseException:
            self._container.close()
            raise
        self.info = StreamInfo(
            self._first.width,
            self._first.height,
            time_base=_BASE,
            colour=colour_of(self._first),
            name=self._name,
            live=True,
        )

    def _reading(self) -> AbstractContextManager[None]:
        return reading(f"{self._name}: cannot be reached", "check address, name and password")

    def __iter__(self) -> Iterator[Frame]:
        picture, index, pts = self._first, 0, 0
        convert, colour = Converter(), self.info.colour
        while picture is not None:
            if (picture.width, picture.height) != (self.info.width, self.info.height):
                raise SourceError(f"{self._name}: the picture's size changes")
            if picture.pts is not None and picture.time_base is not None and index:
                pts = max(pts + 1, int(picture.pts * picture.time_base / _BASE))
            elif index:
                pts += self._step  # the first pictures of a camera may come without a time
            owner, (y, u, v) = convert(picture, colour)
            corrupt = bool(picture.is_corrupt)
            yield Frame(y, u, v, pts, _BASE, index, colour=colour, corrupt=corrupt, owner=owner)
            index += 1
            with self._reading():
                picture = next(self._pictures, None)

    def close(self) -> None:
        self._container.close()
