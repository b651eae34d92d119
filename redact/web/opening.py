"""What a page may look at: a clip, a camera, or a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

from redact.errors import SourceError
from redact.protocols import Source
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
    from redact.sources import PyAVSource

    return PyAVSource(what)


class Camera:
    """The frames of a camera from now on, as the relay reads them, for as long as their size
    stays. Messages name the host alone: addresses of cameras hold passwords."""

    def __init__(self, url: str) -> None:
        from redact.sources.live import LiveSource
        from redact.sources.live_clock import LiveClock

        self._name = urlsplit(url).hostname or "camera"
        self._source = LiveSource(url, self._name, LiveClock(), timeout=10.0)
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
    import cv2
    import numpy as np

    from redact.sources.opening import check_file

    check_file(path)
    try:
        picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise SourceError(f"{path}: is not a picture that can be read; give a .jpg, .png or clip")
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    if not (height and width):
        raise SourceError(f"{path}: {picture.shape[1]}x{picture.shape[0]} is too small a picture")
    i420 = cv2.cvtColor(picture[:height, :width], cv2.COLOR_BGR2YUV_I420)
    planes = np.asarray(i420, np.uint8).reshape(-1)
    luma, chroma = width * height, width * height // 4
    y = planes[:luma].reshape(height, width)
    u = planes[luma : luma + chroma].reshape(height // 2, width // 2)
    v = planes[luma + chroma :].reshape(height // 2, width // 2)
    return Still(Frame(y, u, v, pts=0, time_base=Fraction(1, 10)), path.name)
