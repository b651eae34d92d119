"""PyAVSink: redacted frames into a video file that appears whole, checked, or not at all."""

from __future__ import annotations

from array import array
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeAlias

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from redact.config import OutputOptions
from redact.errors import ConfigError, SinkError
from redact.readback import Reader
from redact.sinks.audio import AudioFeed
from redact.sinks.containers import container_for
from redact.sinks.encoding import add_video, nominal_rate
from redact.sinks.errors import writing
from redact.sinks.notes import notes_of
from redact.sinks.partial import Draft, absolute, draft_of
from redact.sinks.pictures import Pictures
from redact.sinks.splicing import Splicer, free_id
from redact.sinks.verification import Written, in_process, verify
from redact.sound import KeptSound, MutedSound
from redact.storage import ObjectPath, Place, place_of, same_place
from redact.structures import RedactedFrame, StreamInfo

_Packets: TypeAlias = "list[Packet[VideoStream]]"


class PyAVSink:
    """Writes one file: video, and audio if the options keep it; nothing else.

    path: .mp4, .m4v, .mov or .mkv; anything else is a ConfigError, as is `original`, the input.
    kept: sound for `options.audio` = "keep". sound: what was muted, written instead; both
    are closed. verify: read it back before publishing, by `reader` where anything may be copied.
    While writing, only a hidden partial file exists beside `path`; leaving the `with` block
    publishes it, an error discards it. Raises SinkError. `notes`: those given, then of size, times.
    """

    def __init__(
        self,
        path: str | Place,
        options: OutputOptions = OutputOptions(),  # noqa: B008 - frozen
        *,
        original: str | Place | None = None,
        kept: KeptSound | None = None,
        sound: MutedSound | None = None,
        notes: tuple[str, ...] = (),
        verify: bool = True,
        reader: Reader = in_process,
    ) -> None:
        self._path = absolute(place_of(path))
        self._name = str(path)
        self._options = options
        self._verify = verify
        self._reader = reader
        self._container = container_for(self._path)
        if original is not None and same_place(self._path, place_of(original)):
            raise ConfigError(f"{path}: is the input itself; choose another output")
        if kept is not None and options.audio != "keep":
            raise ConfigError(f'{path}: sound is kept where it is asked for (audio = "keep")')
        self._kept = kept
        self._sound = sound
        self._info: StreamInfo | None = None
        self._partial: Draft | None = None
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._audio: AudioFeed | None = None
        self._pictures: Pictures | None = None
        self._splicer: Splicer | None = None  # where pictures may be copied
        self._shift = 0
        self._times = array("q")
        self._after: dict[int, int] = {}  # time of a frame: time of the one that follows
        self._held: deque[Packet[VideoStream]] = deque()  # until what follows them is known
        self._last = 0
        self.notes = notes

    @property
    def copied(self) -> int:
        """Frames so far that were copied as they were coded."""
        return 0 if self._splicer is None else self._splicer.copied

    @property
    def muted(self) -> float | None:
        """Seconds of sound so far that were made silent; None without `sound`."""
        return None if self._sound is None else self._sound.muted

    def open(self, info: StreamInfo) -> None:
        """Create the partial file. Raises SinkError when it cannot be made."""
        if self._info is not None:
            raise SinkError(f"{self._name}: was opened already; use one sink per file")
        self._info = info
        with writing(self._name):
            self._partial = draft_of(self._path)
            in_store = isinstance(self._path, ObjectPath)
            self._output = av.open(
                self._partial.target(),
                "w",
                format=self._container.format,
                container_options=self._container.options(info.time_base, in_store=in_store),
            )

    def write(self, frame: RedactedFrame) -> None:
        """Encode one frame. Frames must follow each other in time and fit what was opened."""
        if not isinstance(frame, RedactedFrame):
            raise SinkError(f"{self._name}: only redacted frames are written")
        where = f"{self._name}: frame {frame.index}"
        with writing(where):
            if self._output is None:
                raise SinkError(f"{self._name}: is not open; call open() before write()")
            if self._stream is None:
                self._begin(frame, self._output)
            self._check(frame, where)
            assert self._pictures is not None
            assert self._stream is not None
            pts = frame.pts + self._shift
            if self._times:
                self._after[self._times[-1]] = pts
            self._times.append(pts)
            self._last = frame.duration
            self._held += self._coded(frame, pts, self._pictures)
            self._mux()

    def _begin(self, first: RedactedFrame, output: OutputContainer) -> None:
        """Now that the first frame is here, all is known that the header must say."""
        info = self._info
        assert info is not None
        self._pictures = Pictures(info, first)
        self._shift = max(0, -first.pts)
        given = self._container, self._options, info, self._pictures
        set_id = free_id(*given)
        self._stream = add_video(output, *given, set_id=set_id or 0)
        if set_id is not None:
            self._splicer = Splicer(self._stream, set_id, *given)
        start = self._shift * info.time_base
        to = self._name, output, self._container, start
        self._audio = AudioFeed.of(self._sound, self._kept, *to)
        self.notes += notes_of(info, self._pictures, self._shift, self._container.tick)

    def _coded(self, frame: RedactedFrame, pts: int, pictures: Pictures) -> _Packets:
        """The packets that are ready, now that this frame has come."""
        if self._splicer is not None:
            return self._splicer.push(frame, pts)
        picture = pictures(frame)
        picture.pts, picture.time_base = pts, frame.time_base
        assert self._stream is not None
        return self._stream.encode(picture)

    def _check(self, frame: RedactedFrame, where: str) -> None:
        info = self._info
        assert info is not None
        if (frame.width, frame.height) != (info.width, info.height):
            raise SinkError(
                f"{where}: is {frame.width}x{frame.height}, not {info.width}x{info.height}; "
                "one output holds one size"
            )
        if frame.time_base != info.time_base:
            raise SinkError(f"{where}: counts time in {frame.time_base}, not {info.time_base}")
        pts, tick = frame.pts + self._shift, self._container.tick
        if self._times and pts <= self._times[-1]:
            raise SinkError(f"{where}: its time {frame.pts} does not follow the frame before")
        if self._times and tick:
            before, now = (round(t * info.time_base / tick) for t in (self._times[-1], pts))
            if now <= before:
                raise SinkError(
                    f"{where}: follows the frame before by less than the {float(tick):g} s that "
                    f"{self._path.suffix} can tell apart; write .mp4 instead"
                )

    def _mux(self) -> None:
        """Hand on the coded pictures whose successor in time is known, each with the duration
        that follows from it, and the audio that belongs before them."""
        assert self._output is not None
        while self._held and self._held[0].pts in self._after:
            packet = self._held.popleft()
            assert packet.pts is not None
            packet.duration = self._after.pop(packet.pts) - packet.pts
            if self._audio is not None and packet.dts is not None:
                self._audio.mux_until(packet.dts * packet.time_base)
            self._output.mux(packet)

    def _flush(self, stream: VideoStream, info: StreamInfo) -> None:
        """Let the last frame stay as long as the input says, or as its rate implies."""
        if self._last <= 0:
            self._last = max(1, round(1 / (nominal_rate(info) * info.time_base)))
        self._after[self._times[-1]] = self._times[-1] + self._last
        self._held += stream.encode(None) if self._splicer is None else self._splicer.flush()
        self._mux()
        if self._held or self._after:
            raise SinkError(f"{self._name}: the encoder lost {len(self._after)} frames")

    def _finish(self) -> None:
        """Flush, close, verify, publish."""
        if self._info is None or self._partial is None or self._output is None:
            return
        if self._stream is None or self._pictures is None:
            raise SinkError(f"{self._name}: no frame was written; nothing to publish")
        with writing(self._name):
            self._flush(self._stream, self._info)
            if self._audio is not None:
                self.notes += self._audio.finish()
            self.notes += (self._sound.note,) if self._sound is not None else ()
            self._output.close()
            self._partial.close()
            if self._verify:
                self._verify_partial(self._partial, self._pictures, self._info)
            self._partial.publish()

    def _verify_partial(self, partial: Draft, pictures: Pictures, info: StreamInfo) -> None:
        audio_end = self._audio.end if self._audio is not None else None
        times = self._times, info.time_base, self._last
        written = Written(*times, pictures.width, pictures.height, audio_end)
        copied = self._splicer or (self._audio is not None and self._audio.copied)
        reader = self._reader if copied else in_process
        try:
            verify(partial.path, written, self._container.tick, reader)
        except SinkError as error:
            raise SinkError(f"{self._name}: {error}") from error

    def _discard(self) -> None:
        with suppress(av.error.FFmpegError, OSError, ValueError):
            if self._output is not None:
                self._output.close()
        if self._partial is not None:
            self._partial.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()
            for sound in (self._kept, self._sound):
                if sound is not None:
                    sound.close()
            self._output = self._stream = None
