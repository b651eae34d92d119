"""PushOutput: to an RTSP server that records (ANNOUNCE, RECORD), such as MediaMTX or go2rtc."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import av.error

from redact.errors import SinkError
from redact.sinks.live import Coded, CodedStream
from redact.sinks.live.muxing import Muxer


class PushOutput:
    """url: rtsp:// or rtsps://, never shown. name: what messages call it."""

    def __init__(self, url: str, name: str, transport: str = "tcp", timeout: float = 5.0) -> None:
        self._url = url
        self._name = name
        self._options = {"rtsp_transport": transport}
        self._timeout = timeout
        self._muxer: Muxer | None = None

    def start(self, stream: CodedStream) -> None:
        self.abandon()
        with self._door():
            self._muxer = Muxer(self._url, "rtsp", stream, self._options, self._timeout)

    def write(self, packet: Coded) -> None:
        with self._door():
            if self._muxer is not None:
                self._muxer.write(packet)

    def event(self, name: str, active: bool) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        muxer, self._muxer = self._muxer, None
        if muxer is not None:
            with self._door():
                muxer.close()

    def abandon(self) -> None:
        muxer, self._muxer = self._muxer, None
        if muxer is not None:
            muxer.drop()

    @contextmanager
    def _door(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
            text = getattr(error, "strerror", None) or type(error).__name__
            said = str(text).replace(self._url, "the address")
            raise SinkError(f"{self._name}: {said}; check that the server takes it") from None
