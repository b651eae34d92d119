"""The first sound of a file as it is coded, for outputs that can hold it so."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Self

import av.error
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet

from redact.sound import LAYOUTS, CodedSound, SoundCoding
from redact.sources.errors import reading
from redact.sources.sound import ADVICE, open_sound
from redact.storage import Place

MOST_HEADER = 12_000  # bytes
MOST_DATA = 1 << 20  # bytes of one packet
RATES = 768_000  # samples per second, at most
_HEADED = frozenset({"aac", "alac", "flac", "opus"})  # cannot be decoded without a header


class PyAVCodedSound:
    """A `CodedSource`, to be read once. Packets that an edit list cuts off are left out, and with
    them an encoder's run-in: nothing that was cut away travels hidden in an output. AAC comes
    without the wrapping that it has in a transport stream."""

    def __init__(self, path: Place, container: InputContainer, stream: AudioStream) -> None:
        self._path = path
        self._container = container
        self._stream = stream
        self._header = bytes(stream.codec_context.extradata or b"")
        wrapped = stream.codec_context.codec.canonical_name == "aac" and not self._header
        self._unwrap = BitStreamFilterContext("aac_adtstoasc", stream) if wrapped else None
        self._packets = self._read()
        self._first = next(self._packets, None)

    @classmethod
    def of(cls, path: Place, codecs: Collection[str]) -> Self | None:
        """None where there is no sound, or none that can be passed on as one of these codecs.
        Raises SourceError."""
        opened = open_sound(path)
        if opened is None:
            return None
        container, stream = opened
        try:
            source = None
            if stream.codec_context.codec.canonical_name in codecs:
                source = cls(path, container, stream)
            if source is None or not source._usable:
                container.close()
                return None
            return source
        except BaseException:
            container.close()
            raise

    @property
    def _usable(self) -> bool:
        coding = self.coding
        headed = bool(coding.header) or coding.codec not in _HEADED
        small = len(coding.header) <= MOST_HEADER and 0 < coding.rate <= RATES
        return self._first is not None and headed and small and coding.layout in LAYOUTS

    @property
    def coding(self) -> SoundCoding:
        context = self._stream.codec_context
        channels, layout = context.layout.nb_channels, context.layout.name
        if LAYOUTS.get(layout) != channels:
            layout = {1: "mono", 2: "stereo"}.get(channels, layout)
        assert self._stream.time_base is not None
        name, rate = context.codec.canonical_name, context.sample_rate
        return SoundCoding(name, rate, layout, self._header, self._stream.time_base)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[CodedSound]:
        if self._first is not None:
            yield self._first
            yield from self._packets

    def _read(self) -> Iterator[CodedSound]:
        last: int | None = None
        packets = self._container.demux(self._stream)
        while (packet := self._next(packets)) is not None:
            if not packet.size or packet.pts is None or packet.dts is None or packet.is_discard:
                continue
            if last is not None and packet.dts <= last:
                continue  # a step back in time, which no container can hold
            last = packet.dts
            times = packet.pts, packet.dts, max(0, packet.duration or 0)
            data = self._unwrapped(packet)  # which empties the packet
            if 0 < len(data) <= MOST_DATA:
                yield CodedSound(*times, data)

    def _next(self, packets: Iterator[Packet[AudioStream]]) -> Packet[AudioStream] | None:
        with reading(f"{self._path}: its sound", ADVICE):
            return next(packets, None)

    def _unwrapped(self, packet: Packet[AudioStream]) -> bytes:
        if self._unwrap is None:
            return bytes(packet)
        try:
            bare = self._unwrap.filter(packet)
        except (av.error.FFmpegError, ValueError):
            return b""  # damaged, or not wrapped as it claims
        for each in bare:
            if not self._header and each.has_sidedata("new_extradata"):
                self._header = bytes(each.get_sidedata("new_extradata"))
        return b"".join(map(bytes, bare))
