"""What the decoding process and its owner tell each other. The owner believes nothing: each
message is held to these types and ranges, because whoever wrote the file may speak through it."""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import Annotated, Literal

from msgspec import Meta, Struct

from redact.h264 import Coding
from redact.readback import ReadBack
from redact.sources.coded_sound import MOST_DATA, MOST_HEADER, RATES
from redact.sources.live_sound import SLOWEST
from redact.sources.planes import UNSPECIFIED
from redact.sources.span import Span
from redact.structures import Colour, StreamInfo

SLOTS = 3  # frames in shared memory: one is read, one is written, one waits
LONGEST = 16_384  # bytes of one message
PART = 12_000  # bytes of a packet in one message
TIMES = 1500  # in one message, of up to 9 bytes each
GO, FREE = b"g", b"f"  # from the owner: the memory is there; a slot may be written again

Side = Annotated[int, Meta(ge=1, le=1 << 20)]
Count = Annotated[int, Meta(ge=0, le=1 << 48)]
Time = Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)]
Positive = Annotated[int, Meta(ge=1, le=1 << 62)]
Text = Annotated[str, Meta(max_length=2000)]
Ratio = tuple[Positive, Positive]
Seconds = tuple[Time, Positive]
SoundRate = Annotated[int, Meta(ge=1, le=RATES)]
HeardRate = Annotated[int, Meta(ge=SLOWEST, le=RATES)]
_Small = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
Tick = tuple[_Small, _Small]
Channels = Annotated[int, Meta(ge=1, le=2)]
ParameterSet = Annotated[bytes, Meta(max_length=LONGEST // 4)]
CodePoint = Annotated[int, Meta(ge=0, le=255)]


What = Literal[
    "video", "sound", "coded", "still", "piece", "past", "keys", "readback", "pipe", "live", "cut"
]


class Plain(Struct, frozen=True, forbid_unknown_fields=True, tag=True, array_like=True):
    """Base of every message."""


class Address(Plain, frozen=True):
    """Of a camera, with what `LiveSource` takes. sound: whether it is listened to."""

    url: str
    timeout: float
    transport: str
    realtime: bool
    sound: bool


class Cutting(Plain, frozen=True):
    """What `cutting.cut` takes. form: FFmpeg's name of a container. start, end: seconds."""

    form: str
    start: float
    end: float | None


class Order(Plain, frozen=True):
    """To the child: what to read, and what it may use up.

    path: as the system names it, which need not be text. memory: bytes of address space. patience:
    seconds of processor time that one frame may take. what: `video` and `sound` of a clip, its
    sound as it is `coded` (codecs: that may be), a `still` picture, a `piece` of a clip (span),
    the `past` of one (lesson: frames in a row), the times of `keys`, all that a finished file holds
    (`readback`), or what comes through a `pipe` (matrix: as in `PipeSource`). size: of an object
    in a store, whose bytes are asked for; None of a file. live: where to find a camera, which
    messages call `path`. cut: what of a recording is to be copied.
    """

    path: bytes
    deinterlace: bool
    max_pixels: Positive
    memory: Positive
    patience: Positive
    what: What = "video"
    span: Span | None = None
    lesson: Count = 0
    codecs: tuple[str, ...] = ()
    matrix: CodePoint = UNSPECIFIED
    size: Count | None = None
    live: Address | None = None
    cut: Cutting | None = None


class Opened(Plain, frozen=True):
    """The stream, after its first frame was decoded. locks: what holds the child."""

    width: Side
    height: Side
    time_base: Ratio
    frame_rate: Ratio | None
    full_range: bool
    matrix: CodePoint
    primaries: CodePoint
    transfer: CodePoint
    rotation: Literal[0, 90, 180, 270]
    sample_aspect: Ratio
    bit_depth: Annotated[int, Meta(ge=1, le=32)]
    interlaced: bool
    codec: Text
    frame_count: Count | None
    duration: Ratio | None
    parameter_sets: Annotated[tuple[ParameterSet, ...], Meta(max_length=64)] | None
    reorder: Annotated[int, Meta(ge=0, le=64)]
    notes: Annotated[tuple[Text, ...], Meta(max_length=16)]
    locks: Annotated[tuple[Text, ...], Meta(max_length=8)]
    piped: tuple[Literal["y4m", "nut"], bool] | None = None  # format, and whether there is sound


class Ready(Plain, frozen=True):
    """One frame lies in a slot: y, u, v, without gaps. coded: run, order and length of the coded
    picture that lies behind them, where it may be copied."""

    slot: Annotated[int, Meta(ge=0, lt=SLOTS)]
    pts: Time
    duration: Annotated[int, Meta(ge=0, le=1 << 62)]
    corrupt: bool
    coded: tuple[Count, Count, Count] | None


class Sounding(Plain, frozen=True):
    """The first sound, after some of it was decoded. Its blocks follow without further words."""

    rate: Annotated[int, Meta(ge=1, le=96_000)]
    layout: Text
    channels: Annotated[int, Meta(ge=1, le=8)]


class Silent(Plain, frozen=True):
    """There is no sound."""


class Sound(Plain, frozen=True):
    """One block. data: float32, channel after channel, zeros where it was not heard."""

    start: Time
    heard: bool
    data: bytes


class Coded(Plain, frozen=True):
    """How the first sound is coded, which the output can hold. Its packets follow."""

    codec: Text
    rate: Annotated[int, Meta(ge=1, le=RATES)]
    layout: Text
    header: Annotated[bytes, Meta(max_length=MOST_HEADER)]
    time_base: Tick


class Decode(Plain, frozen=True):
    """There is no sound, or none that can be passed on as it is coded."""


class Unit(Plain, frozen=True):
    """One packet; so many bytes of it follow, in messages of their own."""

    pts: Time
    dts: Time
    duration: Annotated[int, Meta(ge=0, le=1 << 62)]
    size: Annotated[int, Meta(ge=1, le=MOST_DATA)]


class Part(Plain, frozen=True):
    """The next bytes of a packet."""

    data: Annotated[bytes, Meta(min_length=1, max_length=PART)]


class Connected(Plain, frozen=True):
    """A camera answered. rate: nominal frames per second. sound: samples per second, and channels,
    of what is listened to. locks: as in `Opened`."""

    rate: Ratio | None
    sound: tuple[SoundRate, Channels] | None
    locks: Annotated[tuple[Text, ...], Meta(max_length=8)]


class Size(Plain, frozen=True):
    """Frames of this size follow; the owner makes room for them, and says so."""

    width: Side
    height: Side


class View(Plain, frozen=True):
    """One frame of a camera lies in a slot, as in `Ready`. time: seconds of the camera's clock."""

    slot: Annotated[int, Meta(ge=0, lt=SLOTS)]
    time: Seconds | None
    corrupt: bool
    full_range: bool
    matrix: CodePoint
    primaries: CodePoint
    transfer: CodePoint


class Heard(Plain, frozen=True):
    """Sound of a camera. time: of its first sample, by the camera's clock. data: float32, channel
    after channel."""

    time: Seconds
    rate: HeardRate
    channels: Channels
    data: Annotated[bytes, Meta(min_length=4, max_length=PART)]


class Lost(Plain, frozen=True):
    """A SourceLostError of the child, in its words."""

    text: Text


class Written(Plain, frozen=True):
    """Bytes of the part that is cut, and where they belong."""

    at: Annotated[int, Meta(ge=0, le=1 << 48)]
    data: Annotated[bytes, Meta(min_length=1, max_length=PART)]


class WasCut(Plain, frozen=True):
    """Seconds of the recording that were written."""

    first: float
    last: float


class Refused(Plain, frozen=True):
    """A ConfigError, or else a SinkError, of the child, in its words."""

    config: bool
    text: Text


class Times(Plain, frozen=True):
    """Some more times, in ticks."""

    times: Annotated[tuple[Time, ...], Meta(max_length=TIMES)]


class Keys(Plain, frozen=True):
    """All times of key frames were told; a tick of them in seconds."""

    tick: Ratio


class Back(Plain, frozen=True):
    """What `ReadBack` holds beside the times, which were told. locks: as in `Opened`."""

    streams: Count
    videos: Count
    time_base: Ratio
    untimed: Count
    key_frames: Count
    decoded: Count
    size: tuple[Side, Side] | None
    damaged: bool
    audio_end: Seconds
    duration: Seconds
    whole: Seconds
    locks: Annotated[tuple[Text, ...], Meta(max_length=8)]


class Failed(Plain, frozen=True):
    """A SourceError of the child, in its words."""

    text: Text


class Ended(Plain, frozen=True):
    """The stream came to its end, after so many frames."""

    frames: Count


Message = Opened | Ready | Failed | Ended
CodedMessage = Coded | Decode | Unit | Part | Failed | Ended
CameraMessage = Connected | Size | View | Heard | Lost | Failed | Ended
CutMessage = Written | WasCut | Refused | Failed
SoundMessage = Sounding | Silent | Sound | Failed | Ended
ListMessage = Times | Keys | Back | Failed


def size_of(width: int, height: int) -> int:
    """Bytes of one frame: 4:2:0, odd sizes round up."""
    return width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)


def told(
    info: StreamInfo,
    notes: tuple[str, ...],
    locks: tuple[str, ...],
    piped: tuple[Literal["y4m", "nut"], bool] | None = None,
) -> Opened:
    colour, coding = info.colour, info.coding
    if coding and sum(map(len, coding.parameter_sets)) > LONGEST // 4:
        coding = None  # no encoder writes that much: then nothing is copied
    return Opened(
        width=info.width,
        height=info.height,
        time_base=info.time_base.as_integer_ratio(),
        frame_rate=info.frame_rate.as_integer_ratio() if info.frame_rate else None,
        full_range=colour.full_range,
        matrix=colour.matrix,
        primaries=colour.primaries,
        transfer=colour.transfer,
        rotation=info.rotation,  # type: ignore[arg-type]
        sample_aspect=info.sample_aspect.as_integer_ratio(),
        bit_depth=info.bit_depth,
        interlaced=info.interlaced,
        codec=info.codec,
        frame_count=info.frame_count,
        duration=info.duration.as_integer_ratio() if info.duration else None,
        parameter_sets=coding.parameter_sets if coding else None,
        reorder=coding.reorder if coding else 0,
        notes=notes,
        locks=locks,
        piped=piped,
    )


def info_of(opened: Opened, name: str) -> StreamInfo:
    sets = opened.parameter_sets
    return StreamInfo(
        width=opened.width,
        height=opened.height,
        time_base=Fraction(*opened.time_base),
        frame_rate=Fraction(*opened.frame_rate) if opened.frame_rate else None,
        colour=Colour(opened.full_range, opened.matrix, opened.primaries, opened.transfer),
        rotation=opened.rotation,
        sample_aspect=Fraction(*opened.sample_aspect),
        bit_depth=opened.bit_depth,
        interlaced=opened.interlaced,
        codec=opened.codec,
        name=name,
        frame_count=opened.frame_count,
        duration=Fraction(*opened.duration) if opened.duration else None,
        coding=None if sets is None else Coding(sets, opened.reorder),
    )


def told_back(found: ReadBack, locks: tuple[str, ...]) -> Back:
    """All but the times."""
    return Back(
        streams=found.streams,
        videos=found.videos,
        time_base=found.time_base.as_integer_ratio(),
        untimed=found.untimed,
        key_frames=found.key_frames,
        decoded=found.decoded,
        size=found.size,
        damaged=found.damaged,
        audio_end=found.audio_end.as_integer_ratio(),
        duration=found.duration.as_integer_ratio(),
        whole=found.whole.as_integer_ratio(),
        locks=locks,
    )


def read_back_of(back: Back, times: array[int]) -> ReadBack:
    return ReadBack(
        streams=back.streams,
        videos=back.videos,
        times=times,
        time_base=Fraction(*back.time_base),
        untimed=back.untimed,
        key_frames=back.key_frames,
        decoded=back.decoded,
        size=back.size,
        damaged=back.damaged,
        audio_end=Fraction(*back.audio_end),
        duration=Fraction(*back.duration),
        whole=Fraction(*back.whole),
    )
