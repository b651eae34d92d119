"""The display matrix: how a coded picture is turned and mirrored to be shown upright."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame

from redact.errors import SourceError
from redact.structures import Plane


@dataclass(frozen=True, slots=True)
class Orientation:
    """Applied in this order: transpose rows and columns, flip columns, flip rows."""

    transpose: bool = False
    flip_columns: bool = False
    flip_rows: bool = False

    @property
    def upright(self) -> bool:
        return self == Orientation()

    @property
    def rotation(self) -> int:
        """Clockwise degrees, or 0 for a mirrored picture: it is shown upright, and its output
        is stored upright."""
        return _ROTATIONS.get((self.transpose, self.flip_columns, self.flip_rows), 0)

    def turn(self, plane: Plane) -> Plane:
        """A contiguous, read-only, upright copy of a coded plane."""
        out = plane.T if self.transpose else plane
        if self.flip_columns:
            out = out[:, ::-1]
        if self.flip_rows:
            out = out[::-1]
        out = np.ascontiguousarray(out)
        out.flags.writeable = False
        return out


_ROTATIONS = {
    (False, False, False): 0,
    (True, True, False): 90,
    (False, True, True): 180,
    (True, False, True): 270,
}
UPRIGHT = Orientation()


def matrix_of(frame: VideoFrame) -> bytes | None:
    """The raw display matrix of a frame: 36 bytes, or None."""
    # Iterates over values, unlike what its stub says. `frame.side_data` would keep a container that
    # refers back to the frame, and the picture would stay in memory until cycles are looked for.
    side_data: Any = SideDataContainer(frame)  # type: ignore[call-arg] # a stub without arguments
    for data in side_data:
        if data.type is Type.DISPLAYMATRIX:
            return bytes(data)
    return None


def orientation_of(raw: bytes | None, where: str) -> Orientation:
    """Read a display matrix of nine 32-bit integers.

    With screen axes (x right, y down) it maps x' = a x + c y, y' = b x + d y. All zeros is how
    some cameras write "none". Raises SourceError for anything but right angles and mirrors.
    """
    if raw is None:
        return UPRIGHT
    a, b, _, c, d, _, _, _, _ = struct.unpack("=9i", raw)
    if not (a or b or c or d):
        return UPRIGHT
    if not (b or c) and a and d and abs(a) == abs(d):
        return Orientation(False, a < 0, d < 0)
    if not (a or d) and b and c and abs(b) == abs(c):
        return Orientation(True, c < 0, b < 0)
    raise SourceError(
        f"{where}: its display matrix is not a turn by 90, 180 or 270 degrees; "
        "straighten the video in an editor first"
    )
