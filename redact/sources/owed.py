"""What the decoder owes: every time that went in must come out again, as a picture."""

from __future__ import annotations

import heapq

from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# Codecs whose every packet is one shown picture.
ONE_TO_ONE = frozenset({"h264", "hevc", "mjpeg", "vp9", "av1", "vvc"})


class Owed:
    """Finds pictures that a decoder swallowed without an error.

    Pictures come out in order, so a time that is passed over is a picture that was lost. Not
    watched: codecs that hide pictures, and field-coded ones, where two packets make a picture.

    by_order: the container (AVI) notes when pictures are *decoded*, not when they are shown.
    It has a fixed rate, so the k-th picture shown takes the k-th of those times.
    """

    def __init__(self, stream: VideoStream, by_order: bool) -> None:
        context = stream.codec_context
        self._watch = context.codec.canonical_name in ONE_TO_ONE and context.field_order < 2
        self._by_order = by_order
        # Time of the first key frame: nothing is owed before it. Where the container names none at
        # all, that of the first picture; what is lost from there on is told at the end.
        self._from: int | None = None
        self._keyed = False
        self._lost: int | None = None
        self._waiting: list[int] = []

    @property
    def watching(self) -> bool:
        """False where pictures cannot be told from packets."""
        return self._watch

    def sent(self, packet: Packet[Stream]) -> None:
        """Note a packet that goes into the decoder."""
        if packet.is_discard:
            return
        time = packet.dts if self._by_order else packet.pts
        if time is None:
            self._watch = self._by_order = False
            return
        if not self._keyed and (packet.is_keyframe or self._by_order):
            self._keyed, self._from, self._lost = True, time, None
            self._waiting.clear()
        if self._from is None or time >= self._from:
            heapq.heappush(self._waiting, time)

    def came(self, picture: VideoFrame) -> int | None:
        """Time of a picture that was lost before this one, or None. Sets the time of this one
        where order decides."""
        if picture.interlaced_frame:
            self._watch = False
        if self._by_order:
            if self._waiting:
                picture.pts = heapq.heappop(self._waiting)
            return None
        if picture.pts is None:
            self._watch = False
            return None
        if self._from is None:
            self._from = picture.pts
            self._waiting = [time for time in self._waiting if time >= picture.pts]
            heapq.heapify(self._waiting)
        while self._waiting and self._waiting[0] < picture.pts:
            time = heapq.heappop(self._waiting)
            if self._watch and self._keyed:
                return time
            self._lost = time if self._lost is None else self._lost
        if self._waiting and self._waiting[0] == picture.pts:  # one: another of this time is owed
            heapq.heappop(self._waiting)
        return None

    def rest(self) -> int | None:
        """Time of the first picture still owed at the end, or None."""
        lost = self._waiting[0] if self._lost is None and self._waiting else self._lost
        return lost if self._watch else None
