"""What a page may look at: a clip, a camera's address, or a snapshot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from redact.errors import SourceError
from redact.protocols import Source
from redact.web.clip import Still

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def open_any(what: str) -> Source:
    """Raises SourceError."""
    if what.lower().startswith(("rtsp://", "rtsps://")):
        from redact.sources.camera import CameraSource

        return CameraSource(what)
    if Path(what).suffix.lower() in PICTURES:
        return _snapshot(Path(what))
    from redact.sources import PyAVSource

    return PyAVSource(what)


def _snapshot(path: Path) -> Still:
    import cv2
    import numpy as np

    from redact.sources.opening import check_file
    from redact.structures import Frame

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
