"""LiveSource: the frames of a camera as they come, and honest about those that are damaged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import av.error
import av.logging
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from redact.errors import SourceError, SourceLostError
from redact.sources.addresses import scheme_of, way_to
from redact.sources.complaints import listen
from redact.sources.live_clock import TICKS, LiveClock
from redact.sources.live_sound import LiveSound, OnSound
from redact.sources.opening import DEFAULT_MAX_PIXELS, OUTPUT_CORRUPT
from redact.sources.orientation import matrix_of, orientation_of
from redact.sources.planes import Converter, colour_of
from redact.structures import Frame

_ADVICE = "check the address, the password and the network"


class LiveSource:
    """Reads a camera until it goes away, which is a SourceLostError; a file's end is just an end.

    url: rtsp, rtsps, http or https; `v4l2:/dev/video0`; or a path, read at its own speed.
    name: what messages call it: no address, as it may hold a password. clock: gives frames
    their times, in ticks of 1/90000 s. timeout: seconds without data, or with data of which no
    picture can be made, after which it is lost: opened again, a changed codec is seen.

    A frame is `corrupt` from the first sign of damage (a lost or broken packet, any complaint
    of the decoder) until the next sound key frame: what lies between is predicted from
    damage. Size and colours may change from frame to frame.

    on_sound: gets decoded sound while frames are iterated, on the clock's time line.
    """

    def __init__(
        self,
        url: str,
        name: str,
        clock: LiveClock,
        *,
        timeout: float = 5.0,
        transport: str = "tcp",
        realtime: bool = True,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        on_sound: OnSound | None = None,
    ) -> None:
        self._url = url
        self._name = name
        self._clock = clock
        self._realtime = realtime
        self._timeout = timeout
        self._max_pixels = max_pixels
        self._scheme = scheme_of(url)
        self._index = 0
        self._sound = False  # a key frame came, and no damage since
        self._blamed_now = False
        self._newest: int | None = None  # largest pts of a video packet so far
        self._blame: int | None = None  # the same when something was last complained of
        self._convert = Converter()
        clock.restart(trusted=not self.live and not realtime)
        self._deaf = listen(self)
        try:
            self._container = self._open(timeout, transport)
        except BaseException:
            self._deaf()
            raise
        try:
            self._stream = self._video()
            self._heard = LiveSound.of(self._container, clock, on_sound)
        except BaseException:
            self.close()
            raise

    @property
    def rate(self) -> Fraction | None:
        """Nominal frames per second, None when the camera does not say."""
        rate = self._stream.average_rate
        return rate if rate and 0 < rate <= 240 else None

    @property
    def live(self) -> bool:
        return self._scheme != "file"

    def _open(self, timeout: float, transport: str) -> InputContainer:
        url, form, options = way_to(self._url, self._scheme, transport)
        try:
            return av.open(
                url,
                "r",
                format=form,
                options={"max_pixels": str(self._max_pixels)},
                container_options=options,
                timeout=(2 * timeout, timeout),
                metadata_errors="replace",
            )
        except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
            raise SourceLostError(
                f"{self._name}: cannot be opened: {_words(error, self._url)}; {_ADVICE}"
            ) from None  # the foreign error's text holds the address

    def _video(self) -> VideoStream:
        streams = self._container.streams.video
        if not streams or streams[0].codec_context is None:
            raise SourceError(f"{self._name}: has no video that can be decoded")
        stream = streams[0]
        context = stream.codec_context
        context.thread_type = ThreadType.NONE  # frame threads would add a delay
        context.thread_count = 1
        context.flags |= OUTPUT_CORRUPT
        return stream

    @property
    def sound(self) -> tuple[int, int] | None:
        """Samples per second and channels; None without sound, or where none is asked for."""
        return None if self._heard is None else self._heard.format

    def __iter__(self) -> Iterator[Frame]:
        began: tuple[float, float] | None = None
        for picture, corrupt in self._pictures():
            theirs = _seconds(picture)
            if not self.live and self._realtime and theirs is not None:
                began = began or (time.monotonic() - float(theirs), 0.0)
                time.sleep(max(0.0, min(1.0, began[0] + float(theirs) - time.monotonic())))
            yield self._frame(picture, corrupt, theirs)
        if self.live:
            raise SourceLostError(f"{self._name}: the camera ended the stream")

    def _pictures(self) -> Iterator[tuple[VideoFrame, bool]]:
        packets = self._container.demux()  # sound as well, or its flow would hide a stall
        last_picture = time.monotonic()
        while True:
            with av.logging.Capture(local=True) as complaints:
                try:
                    packet = next(packets, None)
                except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
                    raise SourceLostError(
                        f"{self._name}: went away: {_words(error, self._url)}"
                    ) from None
                if packet is None:
                    return
                ours = packet.stream.index == self._stream.index
                if self._heard is not None:
                    self._heard.take(packet)
                pictures = self._decode(packet) if ours else []
            if complaints or (ours and packet.is_corrupt):
                self._complain()
            for picture in pictures:
                yield picture, self._corrupt(picture)
            self._blamed_now = False
            now = time.monotonic()
            last_picture = now if pictures else last_picture
            if self.live and now - last_picture > self._timeout:
                raise SourceLostError(f"{self._name}: sends no picture that can be decoded")

    def _decode(self, packet: Packet[Stream]) -> list[VideoFrame]:
        if packet.pts is not None:
            self._newest = max(packet.pts, self._newest or packet.pts)
        try:
            return list(self._stream.codec_context.decode(packet))
        except (av.error.FFmpegError, ValueError):
            self._complain()
            return []

    def _complain(self) -> None:
        """Whatever came so far may be damaged; a loss may be told of beside a packet of sound."""
        self._sound, self._blamed_now = False, True
        self._blame = self._newest

    def _corrupt(self, picture: VideoFrame) -> bool:
        if picture.is_corrupt:
            self._sound = False
            return True
        later = not self._blamed_now
        if self._blame is not None and picture.pts is not None:
            later = picture.pts > self._blame
        if picture.key_frame and later:
            self._sound, self._blame = True, None
        return not self._sound

    def _frame(self, picture: VideoFrame, corrupt: bool, theirs: Fraction | None) -> Frame:
        colour = colour_of(picture)
        orientation = orientation_of(matrix_of(picture), self._name)
        owner, (y, u, v) = self._convert(picture, colour)
        if not orientation.upright:
            owner, turn = None, orientation.turn
            y, u, v = turn(y), turn(u), turn(v)
        pts, index = self._clock.stamp(theirs), self._index
        self._index += 1
        base = Fraction(1, TICKS)
        return Frame(
            y,
            u,
            v,
            pts=pts,
            time_base=base,
            index=index,
            colour=colour,
            corrupt=corrupt,
            owner=owner,
        )

    def close(self) -> None:
        """From the reading thread, or after it ended."""
        self._container.close()
        self._deaf()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _seconds(picture: VideoFrame) -> Fraction | None:
    base = picture.time_base
    return None if picture.pts is None or base is None else picture.pts * base


def _words(error: BaseException, url: str) -> str:
    """What FFmpeg says, without the address."""
    text = getattr(error, "strerror", None) or type(error).__name__
    said = "no data came in time" if isinstance(error, av.error.ExitError) else str(text)
    return said.replace(url, "the address").strip().rstrip(".")
