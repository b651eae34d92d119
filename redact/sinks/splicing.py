"""One coded stream of copied pictures and of encoded ones, changing at IDR pictures.

Only what arrives in a `RedactedFrame` is copied, and such a frame carries its coded picture only
where an effect found nothing to hide in it. Pictures are copied from the first one of a run on, in
groups that are whole both in the order of decoding and in that of showing, as long as every
picture of a group came: so what is copied refers to nothing but what was copied before it. The
rest is encoded, beginning with an IDR picture. Each kind has parameter sets of its own, under ids
that do not collide; both are told in the container's header.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import cast

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

from redact import h264
from redact.config import OutputOptions
from redact.errors import SinkError
from redact.h264 import CodedPicture, Coding
from redact.sinks.containers import Container
from redact.sinks.encoding import new_encoder, nominal_rate, regular
from redact.sinks.pictures import Pictures
from redact.structures import RedactedFrame, StreamInfo

_HELD = 16  # frames that may wait for the rest of their group: as many as H.264 reorders


def free_id(
    container: Container, options: OutputOptions, info: StreamInfo, pictures: Pictures
) -> int | None:
    """The id for the encoder's parameter sets, None where nothing of this stream may be copied
    into this output."""
    coding = info.coding
    if coding is None or not options.copy or options.codec != "h264":
        return None
    if info.rotation or pictures.padded or pictures.pixel_format not in ("yuv420p", "yuvj420p"):
        return None
    if coding.reorder and container.exact and not regular(info):
        return None  # see `encoding.regular`
    taken = set()
    for unit in coding.parameter_sets:
        sps = h264.kind(unit) == h264.SPS
        taken.add((h264.sequence_set if sps else h264.picture_set)(unit).id)
    return next((n for n in range(1, h264.MOST_IDS) if n not in taken), None)


class Splicer:
    """Makes the packets of `stream`, which `encoding.add_video` made with `set_id`.

    `copied`: frames so far that were copied.
    """

    def __init__(
        self,
        stream: VideoStream,
        set_id: int,
        container: Container,
        options: OutputOptions,
        info: StreamInfo,
        pictures: Pictures,
    ) -> None:
        assert info.coding is not None
        self._stream = stream
        self._again: Callable[[], VideoCodecContext] = lambda: new_encoder(
            container, options, info, pictures, set_id
        )
        self._pictures = pictures
        self._time_base = info.time_base
        self._step = max(1, round(1 / (nominal_rate(info) * info.time_base)))
        # That of the stream lives as long as the stream, with all the pictures it took: it tells
        # its parameter sets, and each run of encoded pictures has one that ends with it.
        self._encoder: VideoCodecContext | None = None
        self._own = _open(stream.codec_context)
        self._depth = max(stream.codec_context.reorder_depth, info.coding.reorder)
        # What the container's header will say: the muxer asks the encoder for it.
        stream.codec_context.extradata = _combined(info.coding, self._own)
        self._uneven = False  # frames left the grid, see `encoding.regular`
        self._exact = container.exact
        self._times = array("q")
        self._out = 0  # packets that left
        self._run: int | None = None  # the run that is being copied,
        self._next = 0  # and how many of its pictures were
        self._group: list[
            tuple[RedactedFrame, CodedPicture, int]
        ] = []  # with its time in the output
        self.copied = 0

    def push(self, frame: RedactedFrame, pts: int) -> list[Packet[VideoStream]]:
        """The packets that are ready. pts: of the frame, in ticks of the stream, rising."""
        self._uneven |= len(self._times) > 0 and pts - self._times[-1] != self._step
        self._times.append(pts)
        coded = frame.coded
        if coded is None or not self._goes_on(coded):
            return self._give_up() + self._encode(frame, pts)
        self._group.append((frame, coded, pts))
        whole = max(c.order for _, c, _ in self._group) + 1 - self._next == len(self._group)
        if whole and self._keeps_times():
            return self._copy()
        return self._give_up() if whole or len(self._group) > _HELD else []

    def flush(self) -> list[Packet[VideoStream]]:
        """The last packets."""
        return self._give_up() + self._end_encoding()

    def _goes_on(self, coded: CodedPicture) -> bool:
        """Whether this picture may be of the group that comes next."""
        if self._group:
            run = self._group[0][1].run
        elif coded.order == 0:
            self._next, run = 0, coded.run
        else:
            run = -1 if self._run is None else self._run
        return coded.run == run and coded.order >= self._next

    def _keeps_times(self) -> bool:
        """Whether the group keeps its times: none of its pictures is decoded after it is shown,
        nor in another order where the container counts durations between times of decoding."""
        if len(self._group) > 1 and self._uneven and self._exact:
            return False
        late = (coded.order - self._next - i for i, (_, coded, _) in enumerate(self._group))
        return max(late) <= self._depth

    def _copy(self) -> list[Packet[VideoStream]]:
        out = self._end_encoding()
        group, self._group = self._group, []
        self._run = group[0][1].run
        for _, coded, pts in sorted(group, key=lambda one: one[1].order):
            out.append(self._packet(coded.data, pts, coded.order == 0))
        self._next += len(group)
        self.copied += len(group)
        return out

    def _give_up(self) -> list[Packet[VideoStream]]:
        """Encode what waited for the rest of its group."""
        group, self._group = self._group, []
        return [packet for frame, _, pts in group for packet in self._encode(frame, pts)]

    def _encode(self, frame: RedactedFrame, pts: int) -> list[Packet[VideoStream]]:
        self._run = None
        picture = self._pictures(frame)
        picture.pts, picture.time_base = pts, frame.time_base
        if self._encoder is None:
            self._encoder = self._again()
            if _open(self._encoder) != self._own:
                raise SinkError("the encoder changed its parameter sets")
            picture.pict_type = PictureType.I
        elif self._uneven and self._exact:
            picture.pict_type = PictureType.P  # in order, see `_keeps_times`
        return [self._encoded(packet) for packet in self._encoder.encode(picture)]

    def _end_encoding(self) -> list[Packet[VideoStream]]:
        """x264 takes no more pictures once it gave its last ones."""
        if self._encoder is None:
            return []
        out = [self._encoded(packet) for packet in self._encoder.encode(None)]
        self._encoder = None
        return out

    def _encoded(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        slices = [u for u in h264.units(bytes(packet), 0) if h264.kind(u) in (h264.SLICE, h264.IDR)]
        assert packet.pts is not None
        return self._packet(h264.packed(slices), packet.pts, packet.is_keyframe)

    def _packet(self, data: bytes, pts: int, key: bool) -> Packet[VideoStream]:
        """The next packet in decoding order. It is decoded `_depth` frames before the one that
        is shown as the next: the same rule for all keeps the order across every change."""
        packet = cast("Packet[VideoStream]", Packet(data))
        early = self._out - self._depth
        dts = self._times[early] if early >= 0 else self._times[0] + early * self._step
        packet.pts, packet.dts, packet.time_base = pts, dts, self._time_base
        packet.is_keyframe = key
        packet.stream = self._stream
        self._out += 1
        return packet


def _open(encoder: VideoCodecContext) -> tuple[bytes, ...]:
    """Start an encoder; its parameter sets."""
    encoder.open()
    return h264.parameter_sets(bytes(encoder.extradata or b""))[1]


def _combined(coding: Coding, own: tuple[bytes, ...]) -> bytes:
    return h264.record([*coding.parameter_sets, *own])
