"""Pieces of one clip, each written by `PyAVSink`, become one file: packets are copied, their
times stay exact, and the whole is verified and published as any other output.

Each piece begins with a key frame that needs nothing before it, so they follow each other
without a seam. What is joined is redacted already: only unfinished outputs are taken.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from redact.errors import SinkError
from redact.readback import Reader
from redact.sinks.audio import AudioFeed
from redact.sinks.containers import container_for
from redact.sinks.errors import writing
from redact.sinks.partial import Draft, draft_of, is_partial
from redact.sinks.verification import Written, in_process, verify
from redact.sound import KeptSound, MutedSound
from redact.storage import ObjectPath, Place, medium


@dataclass(slots=True)
class _Order:
    """Presentation times of all pieces in ticks, ascending. late: by how many pictures decoding
    runs ahead of showing. last: ticks for which the last picture stays."""

    times: array[int]
    late: int = 0
    last: int = 0

    def dts(self, index: int) -> int:
        """When the picture that is `index`-th in the file is decoded."""
        if index >= self.late:
            return self.times[index - self.late]
        step = self.times[1] - self.times[0] if len(self.times) > 1 else 1
        return self.times[0] - (self.late - index) * step


def join(
    pieces: Sequence[Place],
    frames: Sequence[int],
    final: Place,
    kept: KeptSound | None = None,
    muted: MutedSound | None = None,
    reader: Reader = in_process,
) -> tuple[str, ...]:
    """Join pieces that hold so many frames each. kept: sound that is written beside them. muted:
    written instead. reader: reads back what sound was copied into. Returns notes. Raises
    SinkError."""
    if not all(is_partial(piece.name) for piece in pieces):
        raise SinkError(f"{final}: only pieces of a redacted clip are joined")
    with writing(str(final)):
        order = _order(pieces, frames, str(final))
        draft = draft_of(final)
        try:
            joiner = _Joiner(draft, final, order, muted, kept)
            written = joiner.copy(pieces)
            draft.close()
            try:
                tick = container_for(final).tick
                verify(draft.path, written, tick, reader if joiner.copied else in_process)
            except SinkError as error:
                raise SinkError(f"{final}: {error}") from error
            draft.publish()
            return joiner.notes
        finally:
            draft.discard()


def _packets(piece: Place) -> Iterator[tuple[VideoStream, Packet[VideoStream]]]:
    with av.open(medium(piece), "r", container_options={"protocol_whitelist": "file"}) as file:
        stream = file.streams.video[0]
        for packet in file.demux(stream):
            if packet.size:
                yield stream, packet


def _order(pieces: Sequence[Place], frames: Sequence[int], where: str) -> _Order:
    """Read the times of all packets. Raises SinkError where pieces lack frames or overlap."""
    order, header = _Order(array("q")), None
    for number, (piece, count) in enumerate(zip(pieces, frames, strict=True)):
        decoded: list[int] = []
        for stream, packet in _packets(piece):
            if packet.pts is None:
                raise SinkError(f"{where}: piece {number}: a frame lost its time")
            decoded.append(packet.pts)
            context = stream.codec_context
            order.last = packet.duration or order.last
            seen = (
                bytes(context.extradata or b""),
                stream.time_base,
                context.width,
                context.height,
            )
            header = header or seen
            if seen != header:
                raise SinkError(f"{where}: piece {number} was encoded in another way")
        shown = sorted(decoded)
        if len(decoded) != count or not decoded or decoded[0] != shown[0]:
            raise SinkError(f"{where}: piece {number} holds {len(decoded)} of {count} frames")
        if order.times and shown[0] <= order.times[-1]:
            raise SinkError(f"{where}: piece {number} begins before the one before it ends")
        rank = {pts: at for at, pts in enumerate(shown)}
        order.late = max([order.late, *(at - rank[pts] for at, pts in enumerate(decoded))])
        order.times.extend(shown)
    return order


class _Joiner:
    """Copies packets into the draft, sound beside them."""

    def __init__(
        self,
        draft: Draft,
        final: Place,
        order: _Order,
        muted: MutedSound | None,
        kept: KeptSound | None,
    ) -> None:
        self._draft = draft
        self._name = str(final)
        self._in_store = isinstance(final, ObjectPath)
        self._container = container_for(final)
        self._order = order
        self._muted = muted
        self._kept = kept
        self._output: OutputContainer | None = None
        self._audio: AudioFeed | None = None
        self.notes: tuple[str, ...] = ()

    @property
    def copied(self) -> bool:
        """Whether there is sound in it as somebody else coded it."""
        return self._audio is not None and self._audio.copied

    def copy(self, pieces: Sequence[Place]) -> Written:
        order, index, written = self._order, 0, None
        following = dict(pairwise(order.times))
        try:
            for piece in pieces:
                for stream, packet in _packets(piece):
                    written = written or self._begin(stream)
                    self._mux(packet, index, following)
                    index += 1
            if self._audio is not None:
                self.notes = self._audio.finish()
        finally:
            if self._output is not None:
                self._output.close()
            if self._audio is not None:
                self._audio.close()
        if written is None:
            raise SinkError("no piece holds a frame")
        return replace(written, audio_end=self._audio.end if self._audio else None)

    def _begin(self, stream: VideoStream) -> Written:
        tick = stream.time_base or Fraction(1)
        self._output = av.open(
            self._draft.target(),
            "w",
            format=self._container.format,
            container_options=self._container.options(tick, in_store=self._in_store),
        )
        self._target = self._output.add_stream_from_template(stream)
        self._target.time_base = tick
        sounds = self._muted, self._kept
        self._audio = AudioFeed.of(*sounds, self._name, self._output, self._container, Fraction(0))
        width, height = stream.codec_context.width, stream.codec_context.height
        return Written(self._order.times, tick, self._order.last, width, height, None)

    def _mux(self, packet: Packet[VideoStream], index: int, following: dict[int, int]) -> None:
        assert self._output is not None
        assert packet.pts is not None
        packet.dts = self._order.dts(index)
        packet.duration = following.get(packet.pts, packet.pts + self._order.last) - packet.pts
        packet.stream = self._target
        if self._audio is not None:
            self._audio.mux_until(packet.dts * packet.time_base)
        self._output.mux(packet)
