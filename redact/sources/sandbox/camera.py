"""SandboxedCamera: what `LiveSource` reads, connected to and decoded in a locked-down process."""

from __future__ import annotations

import fcntl
import math
import os
import socket
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
import numpy as np
from av.audio.frame import AudioFrame

from redact.errors import SourceLostError
from redact.sources.addresses import scheme_of
from redact.sources.live_clock import TICKS, LiveClock
from redact.sources.live_sound import OnSound
from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.sandbox.messages import (
    FREE,
    GO,
    SLOTS,
    Address,
    CameraMessage,
    Connected,
    Ended,
    Heard,
    Lost,
    Order,
    Size,
    View,
    size_of,
)
from redact.sources.sandbox.process import Boxed, memory_for_one, printable
from redact.structures import Colour, Frame, chroma_shape

_PATIENCE = 20  # seconds of processor time between two frames, and beyond the camera's timeouts
_LIMIT = 1e6  # samples beyond are no sound


class SandboxedCamera(Boxed[Connected | Size | View | Heard | Lost | Ended]):
    """Reads a camera until it goes away, as `LiveSource` does and with its words and arguments; not
    `v4l2:`. The process may connect to the camera's port, and open no file. locks: what holds it.
    A new one is forked for each connection, and given up when nothing comes of it, or sound alone,
    for 20 s and 3 times `timeout`. Raises SourceError, SourceLostError."""

    _advice = "what the camera sends is damaged or hostile; look at its settings"

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
        self._name = name
        self._clock = clock
        self._on_sound = on_sound
        self._max_pixels = max_pixels
        self._size = (0, 0)
        self.live = scheme_of(url) != "file"
        clock.restart(trusted=not self.live and not realtime)
        address = Address(_found(url), timeout, transport, realtime, on_sound is not None)
        given = max_pixels, memory_for_one(), _PATIENCE
        order = Order(os.fsencode(name), False, *given, "live", live=address)
        super().__init__(order, msgspec.msgpack.Decoder(CameraMessage), Path(name), checks=False)
        self._patience = math.ceil(3 * timeout) + _PATIENCE
        self._end.settimeout(self._patience)
        try:
            self._connected = self._begin()
        except BaseException:
            self.close()
            raise
        self.locks = self._connected.locks

    def _begin(self) -> Connected:
        try:
            fcntl.fcntl(self._memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        except OSError as error:
            self._fail(f"shares no memory ({error})")
        told = self._receive()
        if isinstance(told, Lost):
            raise SourceLostError(printable(told.text))
        if not isinstance(told, Connected):
            self._fail("answered what is no description of a camera")
        return told

    @property
    def rate(self) -> Fraction | None:
        """Nominal frames per second, None when the camera does not say."""
        rate = self._connected.rate
        return Fraction(*rate) if rate else None

    @property
    def sound(self) -> tuple[int, int] | None:
        """Samples per second and channels; None without sound, or where none is asked for."""
        return None if self._on_sound is None else self._connected.sound

    def __iter__(self) -> Iterator[Frame]:
        until = time.monotonic() + self._patience
        while True:
            match self._receive():
                case View() as view if self._size != (0, 0):
                    yield self._frame(view)
                    until = time.monotonic() + self._patience
                case Heard() | Size() if time.monotonic() > until:
                    self._fail(f"gave no frame for {self._patience} s")
                case Heard() as heard if self._on_sound is not None:
                    self._hear(heard, self._on_sound)
                case Size(width, height) if width * height <= self._max_pixels:
                    self._make_room(width, height)
                case Lost(text):
                    self.close()
                    raise SourceLostError(printable(text))
                case Ended(frames=count) if count == self._count and not self.live:
                    self.close()
                    return
                case _:
                    self._fail("answered what is no next frame")

    def _make_room(self, width: int, height: int) -> None:
        self._size = width, height
        self._share(size_of(width, height) * SLOTS)
        self._send(GO)

    def _frame(self, view: View) -> Frame:
        """A copy, as of `SandboxedSource`."""
        width, height = self._size
        buffer = np.empty(size_of(width, height), np.uint8)
        with self._lock:
            self._check_open()
            count = os.preadv(self._memory, [buffer.data], view.slot * buffer.size)
        if count != buffer.size:
            self._fail("gave a part of a frame")
        self._send(FREE)
        luma, chroma = width * height, chroma_shape(height, width)
        y = buffer[:luma].reshape(height, width)
        u, v = (part.reshape(chroma) for part in np.split(buffer[luma:], 2))
        for plane in (y, u, v):
            plane.flags.writeable = False
        index, self._count = self._count, self._count + 1
        return Frame(
            y,
            u,
            v,
            pts=self._clock.stamp(None if view.time is None else Fraction(*view.time)),
            time_base=Fraction(1, TICKS),
            index=index,
            colour=Colour(view.full_range, view.matrix, view.primaries, view.transfer),
            corrupt=view.corrupt,
            owner=buffer,
        )

    def _hear(self, heard: Heard, on_sound: OnSound) -> None:
        if len(heard.data) % (4 * heard.channels):
            self._fail("answered what is no next sound")
        samples = np.frombuffer(heard.data, np.float32).reshape(heard.channels, -1)
        clean = np.nan_to_num(samples, posinf=0.0, neginf=0.0).clip(-_LIMIT, _LIMIT)
        layout = "mono" if heard.channels == 1 else "stereo"
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(clean), "fltp", layout)
        frame.sample_rate = heard.rate
        pts = self._clock.place(Fraction(*heard.time))
        if pts is not None:
            on_sound(frame, pts)


def _found(url: str) -> str:
    """Names that only a service of this machine knows are looked up here: the locked process can
    ask none. Raises SourceLostError."""
    parts = urlsplit(url) if "://" in url else None
    host = (parts.hostname or "") if parts else ""
    if parts is None or not host.endswith(".local"):
        return url
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        raise SourceLostError(f"{host}: is not found: {error.strerror or error}") from None
    at = f"[{found}]" if ":" in str(found) else str(found)
    user, sign, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{user}{sign}{at}{port}"))
