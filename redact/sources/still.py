"""StillSource: a picture file, such as a camera's snapshot, as a clip of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from redact.errors import SourceError
from redact.sources.opening import DEFAULT_MAX_PIXELS, check_file
from redact.structures import Frame, StreamInfo


class StillSource:
    """path: .jpg, .png, .bmp or .webp, turned upright; an odd last row or column is left out.
    Raises SourceError. OpenCV decodes it whole at once."""

    def __init__(self, path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        import cv2

        check_file(path)
        try:
            picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        except (cv2.error, OSError):
            picture = None
        if picture is None:
            raise SourceError(
                f"{path}: is not a picture that can be read; give a .jpg, .png or clip"
            )
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        if not (height and width):
            raise SourceError(
                f"{path}: {picture.shape[1]}x{picture.shape[0]} is too small a picture"
            )
        if height * width > max_pixels:
            raise SourceError(
                f"{path}: {width}x{height} is more than {max_pixels} pixels; make it smaller first"
            )
        i420 = cv2.cvtColor(picture[:height, :width], cv2.COLOR_BGR2YUV_I420)
        planes = np.asarray(i420, np.uint8).reshape(-1)
        luma, chroma = width * height, width * height // 4
        y = planes[:luma].reshape(height, width)
        u = planes[luma : luma + chroma].reshape(height // 2, width // 2)
        v = planes[luma + chroma :].reshape(height // 2, width // 2)
        base = Fraction(1, 10)
        self._frame = Frame(y, u, v, pts=0, time_base=base)
        self.info = StreamInfo(width, height, time_base=base, name=path.name)

    def __iter__(self) -> Iterator[Frame]:
        yield self._frame

    def close(self) -> None: ...
