"""Which coded picture a frame came from, where that may be copied as it is.

A run begins with an IDR picture, to which nothing after it looks back across, and ends before the
first coded picture that is missing, damaged, or anything else than plain. What a run holds decodes
alike everywhere, given only what comes before it in the run.
"""

from __future__ import annotations

from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from redact import h264
from redact.h264 import CodedPicture, Coding

_NO_PICTURE = {h264.SEI, h264.AUD, h264.FILLER, h264.END_OF_SEQUENCE, h264.END_OF_STREAM}


class Runs:
    """Reads the packets of one stream beside its decoder.

    `coding` is None where nothing can be copied: no H.264, or none of 8 bits, 4:2:0 and whole
    frames; or a container that notes no times of showing. by_order: as for `Owed`.
    """

    def __init__(self, stream: VideoStream, by_order: bool) -> None:
        self._waiting: dict[int, CodedPicture] = {}
        self._run = 0
        self._end()
        self._latest: int | None = None  # time at which the last picture so far is shown
        self.coding: Coding | None = None
        context = stream.codec_context
        if context.codec.canonical_name != "h264" or by_order:
            return
        try:
            self._length_size, sets = h264.parameter_sets(bytes(context.extradata or b""))
            self._number_bits = _number_bits(sets, (context.width, context.height))
        except ValueError:
            return
        self.coding = Coding(sets, context.reorder_depth)

    def sent(self, packet: Packet[Stream]) -> None:
        """Note a packet that goes into the decoder."""
        if self.coding is None:
            return
        try:
            self._add(packet, self.coding)
        except ValueError:
            self._end()
        if packet.pts is not None:
            self._latest = max(packet.pts, self._latest or packet.pts)

    def came(self, pts: int | None) -> CodedPicture | None:
        """What the picture that the decoder gives at this time was coded as, if that may be
        copied."""
        if pts is None:
            return None
        coded = self._waiting.pop(pts, None)
        for missed in [time for time in self._waiting if time < pts]:
            del self._waiting[missed]
        return coded

    def _end(self) -> None:
        self._open = False
        self._order = self._number = 0
        self._start: int | None = None

    def _add(self, packet: Packet[Stream], coding: Coding) -> None:
        """Raises ValueError where the run ends."""
        if packet.has_sidedata("new_extradata"):
            self.coding = None  # other parameter sets from here on
            raise ValueError("parameter sets change")
        if packet.is_corrupt or packet.is_discard or packet.pts is None:
            raise ValueError("not a packet to be shown")
        slices = self._slices(bytes(packet), coding)
        head = self._head(slices)
        if h264.kind(slices[0]) == h264.IDR:
            self._begin(packet.pts)
        if not self._open:
            return
        if self._start is None or packet.pts < self._start or packet.pts in self._waiting:
            raise ValueError("shown before the run began, or twice")
        if self._order and head.number != self._number + 1 & self._mask(head):
            raise ValueError("a picture is missing")
        self._waiting[packet.pts] = CodedPicture(h264.packed(slices), self._run, self._order)
        self._order += 1
        if head.refers:
            self._number = head.number

    def _begin(self, pts: int) -> None:
        self._end()
        if self._latest is not None and pts <= self._latest:
            raise ValueError("what comes before is shown after")
        self._open, self._start = True, pts
        self._run += 1

    def _mask(self, head: h264.SliceHead) -> int:
        return (1 << self._number_bits[head.picture_set]) - 1

    def _slices(self, data: bytes, coding: Coding) -> list[bytes]:
        """The slices of one picture. Raises ValueError for units that it cannot be without."""
        slices: list[bytes] = []
        for unit in h264.units(data, self._length_size):
            what = h264.kind(unit)
            if what in (h264.SLICE, h264.IDR):
                slices.append(unit)
            elif what in (h264.SPS, h264.PPS):
                if unit not in coding.parameter_sets:
                    self.coding = None  # other parameter sets from here on
                    raise ValueError("parameter sets change")
            elif what not in _NO_PICTURE:
                raise ValueError(f"a unit of kind {what}")
        return slices

    def _head(self, slices: list[bytes]) -> h264.SliceHead:
        """How the picture begins. Raises ValueError unless the slices are those of one."""
        heads = [h264.slice_head(unit, self._number_bits) for unit in slices]
        if not heads or [head.first for head in heads] != [True] + [False] * (len(heads) - 1):
            raise ValueError("not one picture")
        kinds = {h264.kind(unit) for unit in slices}
        if len(kinds) > 1 or len({(head.number, head.refers) for head in heads}) > 1:
            raise ValueError("slices of different pictures")
        if kinds == {h264.IDR} and heads[0].number:
            raise ValueError("an IDR picture that does not start anew")
        return heads[0]


def _number_bits(sets: tuple[bytes, ...], size: tuple[int, int]) -> dict[int, int]:
    """Bits of `frame_num` per id of the PPS. Raises ValueError where nothing may be copied."""
    if any(h264.kind(unit) not in (h264.SPS, h264.PPS) for unit in sets):
        raise ValueError("more than parameter sets")
    sequences = [h264.sequence_set(unit) for unit in sets if h264.kind(unit) == h264.SPS]
    pictures = [h264.picture_set(unit) for unit in sets if h264.kind(unit) == h264.PPS]
    bits = {s.id: s.number_bits for s in sequences if (s.width, s.height) == size}
    if len(bits) != len(sequences) or len({p.id for p in pictures}) != len(pictures):
        raise ValueError("one id for two parameter sets, or another size")
    if any(p.sequence not in bits for p in pictures) or not pictures:
        raise ValueError("a parameter set is missing")
    return {p.id: bits[p.sequence] for p in pictures}
