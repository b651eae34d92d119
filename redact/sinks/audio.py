"""Audio beside the redacted video: the input's, copied packet by packet or made into AAC; or what
was muted, made into AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Protocol, Self, TypeAlias

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream

from redact.errors import SinkError
from redact.sinks.containers import Container
from redact.sinks.errors import writing
from redact.sinks.muted import AAC_SAMPLES, framed
from redact.sound import AAC_RATES, MutedSound
from redact.storage import Place, medium

# As in `redact.sources.opening`: rooms do not import each other, a test holds them together.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,nut,ivf,"
    "mxf,ogg,h264,hevc,vvc,av1,obu,m4v,h263,mjpeg,mjpeg_2000,mpjpeg,dv,wtv,dhav,yuv4mpegpipe,rm,"
    "mp3,wav,aac,flac,aiff,amr,caf"
)
ADVICE = 'write the video without it (audio = "drop")'
Coded: TypeAlias = "Iterator[Packet[AudioStream]]"
Timed: TypeAlias = "tuple[Fraction, Packet[Stream]]"


class Closable(Protocol):
    def close(self) -> None: ...


class AudioFeed:
    """Muxes audio up to a given time, so that it interleaves and memory stays small.

    end: seconds at which the muxed audio ends so far. Missing audio is fine: `of` returns None.
    """

    def __init__(
        self,
        where: str,
        source: Closable,
        output: OutputContainer,
        timed: Iterator[Timed],
    ) -> None:
        self._where = where
        self._source = source
        self._output = output
        self._timed = timed
        self._next: Timed | None = next(timed, None)
        self.end: Fraction | None = None

    @classmethod
    def of(
        cls, path: Place, output: OutputContainer, container: Container, shift: Fraction
    ) -> Self | None:
        """shift: seconds by which the video was moved; audio moves with it."""
        where = f"{path}: its audio cannot be kept"
        with writing(where, ADVICE):
            source = _opened(path)
            streams = source.streams.audio
            if not streams or streams[0].codec_context is None:
                source.close()
                return None
            stream = streams[0]
            coded = (p for p in source.demux(stream) if p.pts is not None or not p.size)
            first = next(coded, None)
            if first is None or not first.size:
                source.close()
                return None
            copy = stream.codec_context.codec.canonical_name in container.audio
            make = _copied if copy else _transcoded
            timed = make(chain([first], coded), stream, output, shift)
            return cls(where, source, output, timed)

    @classmethod
    def of_muted(
        cls, sound: MutedSound, where: str, output: OutputContainer, shift: Fraction
    ) -> Self | None:
        """Sound that was listened to; its errors of decoding are silence. shift: as in `of`."""
        frames = framed(sound)
        with writing(f"{where}: its sound cannot be written", ADVICE):
            first = next(frames, None)
            if first is None:
                return None
            info = sound.info
            timed = _encoded(chain([first], frames), output, info.rate, info.layout, shift)
            return cls(f"{where}: its sound cannot be written", sound, output, timed)

    def mux_until(self, time: Fraction | None) -> None:
        """Mux all packets that begin at or before `time` seconds; all that are left for None."""
        while self._next is not None and (time is None or self._next[0] <= time):
            start, packet = self._next
            self.end = start + (packet.duration or 0) * packet.time_base
            self._output.mux(packet)
            with writing(self._where, ADVICE):
                self._next = next(self._timed, None)

    def close(self) -> None:
        self._source.close()


def _opened(path: Place) -> InputContainer:
    return av.open(
        medium(path),
        "r",
        container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
        metadata_errors="replace",
    )


def _copied(
    coded: Coded, stream: AudioStream, output: OutputContainer, shift: Fraction
) -> Iterator[Timed]:
    """The coded packets as they are, without their side data. The stream is added at once, its
    packets are read lazily. Packets that an edit list cuts off are left out, and with them an
    encoder's run-in: nothing that was cut away travels hidden in the output."""
    target = output.add_stream_from_template(stream)

    def packets() -> Iterator[Timed]:
        last: int | None = None
        for packet in coded:
            if not packet.size or packet.pts is None or packet.dts is None or packet.is_discard:
                continue
            if last is not None and packet.dts <= last:
                continue  # a step back in time, which no container can hold
            last = packet.dts
            moved = round(shift / packet.time_base)
            clean: Packet[Stream] = Packet(bytes(packet))
            clean.pts, clean.dts = packet.pts + moved, packet.dts + moved
            clean.duration, clean.time_base = packet.duration, packet.time_base
            clean.is_keyframe = True
            clean.stream = target
            yield clean.pts * clean.time_base, clean

    return packets()


def _transcoded(
    coded: Coded, stream: AudioStream, output: OutputContainer, shift: Fraction
) -> Iterator[Timed]:
    """AAC, mono or stereo, at the input's rate where AAC has it. Gaps are filled with silence,
    so that sound stays in step with the picture."""
    context = stream.codec_context
    rate = context.sample_rate if context.sample_rate in AAC_RATES else 48000
    layout = "mono" if context.layout.nb_channels == 1 else "stereo"
    return _encoded(_resampled(coded, stream, rate, layout), output, rate, layout, shift)


def _encoded(
    frames: Iterator[av.AudioFrame],
    output: OutputContainer,
    rate: int,
    layout: str,
    shift: Fraction,
) -> Iterator[Timed]:
    """AAC. The stream is added at once, frames are taken lazily."""
    target = output.add_stream("aac", rate=rate)
    assert isinstance(target, AudioStream)
    target.codec_context.layout = layout
    target.codec_context.time_base = Fraction(1, rate)

    def packets() -> Iterator[Timed]:
        for frame in chain(frames, [None]):
            if frame is not None:
                frame.pts = (frame.pts or 0) + round(shift * rate)
            for packet in target.encode(frame):
                assert packet.pts is not None
                yield packet.pts * packet.time_base, packet

    return packets()


def _resampled(
    coded: Coded, stream: AudioStream, rate: int, layout: str
) -> Iterator[av.AudioFrame]:
    graph: Graph | None = None
    for packet in coded:
        for frame in stream.decode(packet):
            if graph is None:
                graph = _graph(frame, rate, layout)
            graph.push(frame)
            yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _graph(frame: av.AudioFrame, rate: int, layout: str) -> Graph:
    graph = Graph()
    nodes = [
        graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        ),
        graph.add("aresample", f"{rate}:async=1"),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={rate}:channel_layouts={layout}"),
        graph.add("asetnsamples", f"{AAC_SAMPLES}:p=0"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[av.AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if not isinstance(frame, av.AudioFrame):
            raise SinkError("the audio filter gave a picture")
        yield frame
