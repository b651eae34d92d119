"""SandboxedSource: what `PyAVSource` reads, decoded in a locked-down process."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator

import msgspec
import numpy as np

from redact.errors import SourceError
from redact.h264 import CodedPicture
from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.sandbox.messages import (
    FREE,
    GO,
    SLOTS,
    Ended,
    Message,
    Opened,
    Order,
    Ready,
    What,
    info_of,
    size_of,
)
from redact.sources.sandbox.process import PATIENCE, Boxed, memory_for_one, printable
from redact.sources.span import Span
from redact.storage import Place, place_of
from redact.structures import Frame, Plane, StreamInfo, chroma_shape


class SandboxedSource(Boxed[Opened | Ready | Ended]):
    """Reads one video file once, frame by frame, as `PyAVSource` does and with its words.

    path, deinterlace, max_pixels, info, notes: as there; the bytes of an object in a store are
    handed in through a socket. patience: seconds without a frame after
    which the process is killed and the file fails. memory: bytes that it may have; by default half
    of this machine's, between 1 and 4 GiB. what: a whole `video`, a `still` picture (one frame),
    a `piece` (`PieceSource`) or its `past` (`PastSource`), with their span and lesson. locks: what
    holds it ("limits", "landlock", "seccomp"). private: see `Frame`; for whoever wants each frame
    once.
    Frames are copies of this process's own. Raises SourceError, also when the process crashes.
    """

    _slots: Plane | None = None
    _private = False

    def __init__(
        self,
        path: str | Place,
        *,
        deinterlace: bool = True,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        patience: int = PATIENCE,
        memory: int | None = None,
        what: What = "video",
        span: Span | None = None,
        lesson: int = 0,
        private: bool = False,
    ) -> None:
        self._read = False
        self._private = private
        most = memory or memory_for_one()
        read = what, span, lesson
        place = place_of(path)
        order = Order(os.fsencode(str(place)), deinterlace, max_pixels, most, patience, *read)
        self._open(order, place, max_pixels)

    def _open(self, order: Order, place: Place, max_pixels: int, pipe: int | None = None) -> None:
        super().__init__(order, msgspec.msgpack.Decoder(Message), place, pipe)
        try:
            self._begin(max_pixels)
        except BaseException:
            self.close()
            raise

    def _begin(self, max_pixels: int) -> None:
        opened = self._receive()
        if not isinstance(opened, Opened) or opened.width * opened.height > max_pixels:
            self._fail("answered what is no description of a stream")
        self._take(opened)
        self._size = size_of(opened.width, opened.height)
        self._share(2 * self._size * SLOTS)  # a slot: a frame, and as it was coded
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        try:
            fcntl.fcntl(self._memory, fcntl.F_ADD_SEALS, seals)
            # Sealed against shrinking: reading it here cannot fail.
            shared = mmap.mmap(self._memory, 2 * self._size * SLOTS, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:
            self._fail(f"shares no memory ({error})")
        self._slots = np.frombuffer(shared, np.uint8).reshape(SLOTS, 2, self._size)
        self._send(GO)

    def close(self) -> None:
        super().close()
        self._slots = None  # a mapping of 6 frames

    def _take(self, opened: Opened) -> None:
        self._info = info_of(opened, self._path.name)
        self.notes = tuple(printable(note) for note in opened.notes)
        self.locks = opened.locks

    @property
    def info(self) -> StreamInfo:
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        if self._read:
            raise SourceError(f"{self._path}: was read already; open it again to read it twice")
        self._read = True
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        last: int | None = None
        while True:
            match self._receive():
                case Ready() as ready if last is None or ready.pts > last:
                    last = ready.pts
                    yield self._frame(ready)
                case Ended(frames=count) if count == self._count > 0:
                    self.close()
                    return
                case _:
                    self._fail("answered what is no next frame")

    def _frame(self, ready: Ready) -> Frame:
        """A copy of a slot: what is analysed can then no more be changed from outside, and is
        alive as long as somebody holds it."""
        info = self._info
        buffer, coded = np.empty(self._size, np.uint8), None
        slots = self._slots  # stays mapped until this is done, whoever closes meanwhile
        self._check_open()
        assert slots is not None
        picture, behind = slots[ready.slot]
        buffer[:] = picture
        if ready.coded is not None and ready.coded[2] <= self._size:
            run, order, length = ready.coded
            coded = CodedPicture(behind[:length].tobytes(), run, order)
        self._send(FREE)
        luma, chroma = info.width * info.height, chroma_shape(info.height, info.width)
        y = buffer[:luma].reshape(info.height, info.width)
        u, v = (part.reshape(chroma) for part in np.split(buffer[luma:], 2))
        for plane in (y, u, v):
            plane.flags.writeable = False
        index, self._count = self._count, self._count + 1
        return Frame(
            y,
            u,
            v,
            pts=ready.pts,
            time_base=info.time_base,
            index=index,
            duration=ready.duration,
            colour=info.colour,
            corrupt=ready.corrupt,
            owner=buffer,
            coded=coded,
            private=self._private,
        )
