"""The values that walk down the corridor: StreamInfo, Frame, Detections, Tracks, Decision,
Mask, RedactedFrame, Report.

All boxes are `xyxy`: left, top, right, bottom in pixels of the *displayed* frame, float32;
the right and bottom edges are exclusive. They may lie partly outside the frame: a box is
never clipped before its ground contact has been read.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, replace
from fractions import Fraction
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from redact.columns import column, finite, no_boxes, no_sides, rows_of

if TYPE_CHECKING:
    from redact.geometry import Zone
    from redact.h264 import CodedPicture, Coding

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.uint8]


class Label(enum.IntEnum):
    """What a box holds. NumPy compares arrays with `int(label)` much faster than with a label."""

    PERSON = 0
    FACE = 1
    MOTION = 2


class Reason(enum.IntEnum):
    """Why a subject is hidden or shown. Values below 10 show, all others hide."""

    ON_PROPERTY = 0  # ground contact on the property, consistently
    OF_SHOWN_PERSON = 1  # a face or motion explained by a person who is shown
    LOST_ON_PROPERTY = 2  # not found in this frame; where it was last, it was on the property
    OUTSIDE = 10  # ground contact beyond the property
    FOOT_UNKNOWN = 11  # box cut by a frame edge that is not declared as property
    UNPROVEN = 12  # on the property, but not (yet, or any more) consistently
    UNBOUND_FACE = 13  # a face without a body
    MOTION = 14  # unexplained motion beyond the property
    MOTION_BEYOND = 16  # the part beyond the property of a mover on it that nobody identified
    ANY_FACE = 15  # the owner asked for faces on the property to be hidden too

    @property
    def hides(self) -> bool:
        return self >= Reason.OUTSIDE


@dataclass(frozen=True, slots=True)
class Colour:
    """How samples mean colours: code points of ITU-T H.273; 2 = unspecified."""

    full_range: bool = False
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What holds for every frame of a stream.

    width, height: of the displayed picture, in pixels (after `rotation` has been applied).
    time_base: seconds per pts tick. frame_rate: None when variable or unknown.
    rotation: clockwise degrees by which the *coded* picture was turned to be displayed
    (0, 90, 180, 270). Frames are already turned; a sink turns back and tags its output.
    sample_aspect: width / height of one pixel of the displayed picture. bit_depth, interlaced: of
    the coded input; frames are always 8 bit and progressive. frame_count, duration (seconds): as
    the container promises, or None. coding: set where coded pictures may be copied as they are.
    """

    width: int
    height: int
    time_base: Fraction = Fraction(1, 90_000)
    frame_rate: Fraction | None = None
    colour: Colour = field(default_factory=Colour)
    rotation: int = 0
    sample_aspect: Fraction = Fraction(1)
    bit_depth: int = 8
    interlaced: bool = False
    codec: str = ""
    name: str = ""
    live: bool = False
    frame_count: int | None = None
    duration: Fraction | None = None
    coding: Coding | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"frame size {self.width}x{self.height} is not positive")
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation {self.rotation} is not a multiple of 90")


def chroma_shape(height: int, width: int) -> tuple[int, int]:
    """Shape of a 4:2:0 chroma plane: odd sizes round up."""
    return (height + 1) // 2, (width + 1) // 2


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A decoded picture that may show people. Its pixels appear in no repr, log or file.

    y: (height, width) uint8; u, v: (ceil(height/2), ceil(width/2)) uint8: read-only views of memory
    kept alive by `owner`; strides arbitrary in rows, 1 byte in columns. corrupt: the decoder
    reported damage, so the picture is no evidence that it shows nobody. coded: what `owner` came
    from. private: nobody else has the planes, in a writable array: they may be painted over.
    """

    y: Plane
    u: Plane
    v: Plane
    pts: int
    time_base: Fraction
    index: int = 0
    duration: int = 0
    colour: Colour = field(default_factory=Colour)
    corrupt: bool = False
    owner: Any = None
    coded: CodedPicture | None = None
    private: bool = False

    def __post_init__(self) -> None:
        want = chroma_shape(*self.y.shape)
        if self.y.ndim != 2 or self.u.shape != want or self.v.shape != want:
            raise ValueError(f"planes {self.y.shape} {self.u.shape} {self.v.shape} are not 4:2:0")
        if any(p.dtype != np.uint8 for p in (self.y, self.u, self.v)):
            raise ValueError("planes must be uint8")

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def time(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    def __repr__(self) -> str:
        return f"Frame(index={self.index}, pts={self.pts}, {self.width}x{self.height})"


_FOUND = ("xyxy", "score", "label")
_FOLLOWED = (*_FOUND, "track_id", "coasting", "velocity")
_found, _followed = attrgetter(*_FOUND), attrgetter(*_FOLLOWED)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes found in one frame, as a structure of arrays.

    xyxy: (n, 4) float32 pixels. score: (n,) float32 in [0, 1]. label: (n,) uint8 `Label`.
    Raises ValueError on wrong shapes or on a NaN or infinity: garbage is never an empty list.
    """

    xyxy: FloatArray
    score: FloatArray
    label: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        xyxy = np.asarray(self.xyxy, dtype=np.float32)
        if xyxy.ndim != 2 or xyxy.shape[1] != 4:
            raise ValueError(f"xyxy has shape {xyxy.shape}, expected (n, 4)")
        n = len(xyxy)
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "score", column(self.score, np.float32, n, "score"))
        object.__setattr__(self, "label", column(self.label, np.uint8, n, "label"))
        if not (finite(xyxy) and finite(self.score)):
            raise ValueError("boxes or scores are not finite")

    def __len__(self) -> int:
        return len(self.xyxy)

    @staticmethod
    def empty() -> Detections:
        return _nothing_found()

    @staticmethod
    def of(xyxy: Any, score: float, label: Label) -> Detections:
        """Boxes (n, 4) that share one score and label."""
        boxes = np.asarray(xyxy, dtype=np.float32).reshape(-1, 4)
        n = len(boxes)
        return Detections(boxes, np.full(n, score, np.float32), np.full(n, label, np.uint8))

    @staticmethod
    def concatenate(parts: Sequence[Detections]) -> Detections:
        if not parts:
            return Detections.empty()
        columns = zip(*map(_found, parts), strict=True)
        return rows_of(Detections, _FOUND, map(np.concatenate, columns))

    def select(self, index: npt.NDArray[Any]) -> Detections:
        """The rows where `index` (boolean mask or integer positions) points."""
        return rows_of(Detections, _FOUND, [values[index] for values in _found(self)])


@cache  # nothing in it can change
def _nothing_found() -> Detections:
    return Detections(no_boxes(), no_sides(), np.zeros(0, np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Detections with identity.

    track_id: (n,) int64, unique in a stream, never reused. coasting: (n,) bool, True where
    the box is predicted and no detection supports it in this frame. velocity: (n, 2) float32,
    pixels per second of the box centre. Other columns as in `Detections`.
    """

    xyxy: FloatArray
    score: FloatArray
    label: npt.NDArray[np.uint8]
    track_id: IntArray
    coasting: BoolArray
    velocity: FloatArray

    def __post_init__(self) -> None:
        n = len(self.xyxy)
        object.__setattr__(self, "xyxy", np.asarray(self.xyxy, dtype=np.float32).reshape(n, 4))
        object.__setattr__(self, "score", column(self.score, np.float32, n, "score"))
        object.__setattr__(self, "label", column(self.label, np.uint8, n, "label"))
        object.__setattr__(self, "track_id", column(self.track_id, np.int64, n, "track_id"))
        object.__setattr__(self, "coasting", column(self.coasting, np.bool_, n, "coasting"))
        velocity = np.asarray(self.velocity, dtype=np.float32).reshape(n, 2)
        object.__setattr__(self, "velocity", velocity)
        if not (finite(self.xyxy) and finite(velocity)):
            raise ValueError("track boxes or velocities are not finite")

    def __len__(self) -> int:
        return len(self.xyxy)

    @staticmethod
    def empty() -> Tracks:
        return _nobody()

    @staticmethod
    def concatenate(parts: Sequence[Tracks]) -> Tracks:
        parts = [part for part in parts if len(part.xyxy)]
        if len(parts) < 2:
            return parts[0] if parts else Tracks.empty()
        columns = zip(*map(_followed, parts), strict=True)
        return rows_of(Tracks, _FOLLOWED, map(np.concatenate, columns))

    def select(self, index: npt.NDArray[Any]) -> Tracks:
        return rows_of(Tracks, _FOLLOWED, [values[index] for values in _followed(self)])


@cache  # nothing in it can change
def _nobody() -> Tracks:
    ids, coasting, none = np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0, np.uint8)
    return Tracks(no_boxes(), no_sides(), none, ids, coasting, np.zeros((0, 2), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """For each subject of one frame: hide or show, and why.

    tracks: the subjects, including those that the look-back buffer knows of but the frame's
    own detections missed. reason: (n,) uint8 `Reason`. whole_outside: hide everything beyond
    the property except shown people. whole_frame: hide everything.
    """

    tracks: Tracks
    reason: npt.NDArray[np.uint8]
    whole_outside: bool = False
    whole_frame: bool = False

    def __post_init__(self) -> None:
        reason = column(self.reason, np.uint8, len(self.tracks), "reason")
        object.__setattr__(self, "reason", reason)

    @property
    def hide(self) -> BoolArray:
        """(n,) bool: True where the subject is hidden."""
        return self.reason >= int(Reason.OUTSIDE)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """What to hide in one frame: shapes, not pixels; an effect rasterises it.

    boxes: (n, 4) float32 xyxy pixels, margins included. side: (n,) float32, the shortest side
    in pixels of the *person* inside each box, which bounds the detail an effect may leave.
    outside: hide everything beyond this zone except inside the `keep` boxes (m, 4).
    whole: hide the whole frame. `boxes` win over `keep`.
    """

    boxes: FloatArray = field(default_factory=no_boxes)
    side: FloatArray = field(default_factory=no_sides)
    outside: Zone | None = None
    keep: FloatArray = field(default_factory=no_boxes)
    whole: bool = False

    @property
    def empty(self) -> bool:
        return not (len(self.boxes) or self.outside is not None or self.whole)


_EFFECT_ONLY = object()


@dataclass(frozen=True, slots=True, eq=False)
class RedactedFrame:
    """A frame that an effect has finished with: the only thing that a sink accepts.

    Only `redact.effects` makes one, through `redacted()`. Planes as in `Frame`; `owner` and
    `coded` are set only when nothing was hidden and the planes are the decoder's own: a coded
    picture reaches a sink in no other way.
    """

    y: Plane
    u: Plane
    v: Plane
    pts: int
    time_base: Fraction
    index: int
    duration: int
    hidden: int  # shapes hidden in this frame
    owner: Any = None
    made_by: InitVar[object] = None  # no field: `dataclasses.replace` cannot pass it on
    coded: CodedPicture | None = None

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _EFFECT_ONLY:
            raise TypeError("only an effect makes a RedactedFrame")

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def time(self) -> Fraction:
        return self.pts * self.time_base

    def __repr__(self) -> str:
        return f"RedactedFrame(index={self.index}, pts={self.pts}, hidden={self.hidden})"


def redacted(frame: Frame, planes: tuple[Plane, Plane, Plane] | None, hidden: int) -> RedactedFrame:
    """Seal a frame after hiding. For effects alone; `tests/test_architecture.py` checks it.

    planes: new y, u, v, or None where nothing was to be hidden and the frame passes as it is.
    """
    y, u, v = planes or (frame.y, frame.u, frame.v)
    owner = None if planes else frame.owner
    coded = None if hidden or frame.corrupt or owner is None else frame.coded
    times = frame.pts, frame.time_base, frame.index, frame.duration
    return RedactedFrame(y, u, v, *times, hidden, owner, _EFFECT_ONLY, coded)


@dataclass(frozen=True, slots=True)
class Report:
    """Counts, reasons, timings and errors of one run; never pixels, crops or biometrics.
    people_hidden, people_shown: tracks, not frames. reasons: frames times subjects per reason.
    frames_copied: as coded, nothing was to be hidden. spans: seconds from..to in the clip, per
    kind of hiding (`redact.spans`). seconds: wall time per stage. digests: of input, zone, settings
    and models. sealed: name, sizes, digests and recipients of the original, if kept. muted:
    seconds of sound made silent, None where none was listened to.
    """

    frames: int = 0
    frames_with_hiding: int = 0
    frames_hidden_whole: int = 0
    frames_outside_hidden_whole: int = 0
    frames_copied: int = 0
    people_hidden: int = 0
    people_shown: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    spans: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sealed: dict[str, Any] | None = None
    muted: float | None = None

    def with_(self, **changes: Any) -> Report:
        return replace(self, **changes)
