"""SandboxedSource: what `PyAVSource` reads, decoded in a locked-down process."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import msgspec
import numpy as np

from redact.errors import SourceError
from redact.h264 import CodedPicture
from redact.sources.opening import DEFAULT_MAX_PIXELS, check_file
from redact.sources.sandbox.messages import (
    FREE,
    GO,
    LONGEST,
    SLOTS,
    Ended,
    Failed,
    Message,
    Opened,
    Order,
    Ready,
    info_of,
    size_of,
)
from redact.structures import Frame, StreamInfo, chroma_shape

CHILD = ("-P", "-m", "redact.sources.sandbox.child")
PATIENCE = 60  # seconds for one frame, on the clock and of processor time
_LEAST, _MOST = 1 << 30, 4 << 30  # bytes of memory that a decoder may have
_HOSTILE = "the file is damaged or hostile; copy it again, or repair it with another tool first"


class SandboxedSource:
    """Reads one video file once, frame by frame, as `PyAVSource` does and with its words.

    path, deinterlace, max_pixels, info, notes: as there. patience: seconds without a frame after
    which the process is killed and the file fails. memory: bytes that it may have; by default half
    of this machine's, between 1 and 4 GiB. locks: what holds it ("limits", "landlock", "seccomp").
    Frames are copies of this process's own. Raises SourceError, also when the process crashes.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        deinterlace: bool = True,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        patience: int = PATIENCE,
        memory: int | None = None,
    ) -> None:
        self._path = Path(path)
        check_file(self._path)
        self._patience = patience
        self._lock = threading.Lock()  # held while the socket is in use
        self._closed = self._read = False
        self._count = 0
        self._messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
        order = Order(os.fsencode(path), deinterlace, max_pixels, memory or _memory(), patience)
        self._start(order)
        try:
            self._begin(max_pixels)
        except BaseException:
            self.close()
            raise

    def _start(self, order: Order) -> None:
        self._memory = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = other.fileno(), self._memory
        words = [*CHILD, msgspec.json.encode(order).decode(), *map(str, numbers)]
        with other:
            self._child = subprocess.Popen(
                [sys.executable, *words],
                pass_fds=numbers,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for its owner, which then ends it
            )
        self._end.settimeout(self._patience)
        self._finish = weakref.finalize(self, _finish, self._child, self._end, self._memory)

    def _begin(self, max_pixels: int) -> None:
        opened = self._receive()
        if not isinstance(opened, Opened) or opened.width * opened.height > max_pixels:
            self._fail("answered what is no description of a stream")
        self._info = info_of(opened, self._path.name)
        self.notes = tuple(_printable(note) for note in opened.notes)
        self.locks = opened.locks
        self._size = size_of(opened.width, opened.height)
        os.ftruncate(self._memory, 2 * self._size * SLOTS)  # a slot: a frame, and as it was coded
        fcntl.fcntl(
            self._memory,
            fcntl.F_ADD_SEALS,
            fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL,
        )
        self._send(GO)

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
        with self._lock:
            self._check_open()
            os.preadv(self._memory, [buffer.data], 2 * ready.slot * self._size)
            if ready.coded is not None and ready.coded[2] <= self._size:
                run, order, length = ready.coded
                data = os.pread(self._memory, length, (2 * ready.slot + 1) * self._size)
                coded = CodedPicture(data, run, order)
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
        )

    # -- the other side ---------------------------------------------------------------------

    def _receive(self) -> Opened | Ready | Ended:
        try:
            with self._lock:
                self._check_open()
                packed = self._end.recv(LONGEST)
            message = self._messages.decode(packed) if packed else None
        except TimeoutError:
            self._fail(f"gave no frame for {self._patience} s")
        except OSError:
            message = None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._fail("answered what is no message")
        if isinstance(message, Failed):
            self.close()
            raise SourceError(_printable(message.text))
        if message is None:
            self._check_open()
            self._fail(None)
        return message

    def _send(self, word: bytes) -> None:
        # Where nobody is there any more, the next `recv` says so.
        with self._lock, suppress(OSError):
            self._end.send(word)

    def _check_open(self) -> None:
        if self._closed:
            raise SourceError(f"{self._path}: was closed while it was read; open it again")

    def _fail(self, what: str | None) -> NoReturn:
        """what: it did; None = it is gone, and its exit status says why."""
        if what is None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(1)
            code = self._child.poll()
            what = f"crashed ({_signal(code)})" if code and code < 0 else "ended too early"
        self.close()
        raise SourceError(f"{self._path}: frame {self._count}: its decoder {what}; {_HOSTILE}")

    def close(self) -> None:
        """End the process, from any thread, at any time. Frames that were given out stay valid."""
        self._closed = True
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for a frame
        with self._lock:
            self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _finish(child: subprocess.Popen[bytes], end: socket.socket, memory: int) -> None:
    end.close()
    os.close(memory)
    child.kill()
    with suppress(subprocess.TimeoutExpired):  # a file system that hangs keeps it
        child.wait(5)


def _environment() -> dict[str, str]:
    """Few threads and little memory beside the decoder's own; the packages of this process."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def _memory() -> int:
    return min(_MOST, max(_LEAST, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2))


def _signal(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _printable(text: str) -> str:
    """One line without control characters: a terminal obeys those."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
