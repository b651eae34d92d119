"""Boxed: a locked-down process of ours that reads one file, and what it may say to this side."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import weakref
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar

import msgspec

from redact.errors import SourceError
from redact.sources.opening import check_file
from redact.sources.sandbox.feeding import Feeder
from redact.sources.sandbox.messages import LONGEST, Failed, Order
from redact.sources.sandbox.nursery import NURSERY, Child
from redact.storage import ObjectPath, Place

PATIENCE = 60  # seconds for one answer, on the clock and of processor time
_LEAST, _MOST = 1 << 30, 4 << 30  # bytes of memory that a decoder may have
_HOSTILE = "the file is damaged or hostile; copy it again, or repair it with another tool first"
start = NURSERY.start
M = TypeVar("M")


class Boxed(Generic[M]):
    """The process, and words from it, of the types that `messages` decodes.

    path: what it reads; a name of the pipe whose descriptor is `pipe`, where that is given: what
    comes through it may take any time, and what a store takes to give the bytes of an object is not
    counted. checks: whether path must be a file. `memory`: descriptor of
    memory shared with it, still empty. Raises SourceError, also when the process crashes or gives
    nothing for `patience` seconds.
    """

    _advice = _HOSTILE

    def __init__(
        self,
        order: Order,
        messages: msgspec.msgpack.Decoder[M | Failed],
        path: Place,
        pipe: int | None = None,
        *,
        checks: bool = True,
    ) -> None:
        self._path = path
        if checks and pipe is None:
            check_file(path)
        self._patience = order.patience
        self._lock = threading.Lock()  # held while the socket is in use
        self._closed = False
        self._count = 0
        self._messages = messages
        self._feeder: Feeder | None = None
        try:
            if isinstance(path, ObjectPath):
                with Feeder(path) as self._feeder:
                    feeder = self._feeder
                    fed = msgspec.structs.replace(order, size=feeder.size)
                    self._start(fed, feeder.end.fileno())
            else:
                self._start(order, pipe)
        except OSError as error:  # no descriptors are left, no memory
            raise SourceError(f"{path}: no process can be started to decode: {error}") from error

    def _start(self, order: Order, given: int | None) -> None:
        with ExitStack() as undo:
            self._memory = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            undo.callback(os.close, self._memory)
            self._end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(self._end.close)
            with other:
                more = () if given is None else (given,)
                self._child = start(order, other, self._memory, *more)
            undo.pop_all()
        self._end.settimeout(None if order.what == "pipe" else self._patience)
        self._finish = weakref.finalize(self, _finish, self._child, self._end, self._memory)

    @property
    def _at(self) -> str:
        """How far it came, in words."""
        return f"frame {self._count}"

    def _receive(self) -> M:
        try:
            with self._lock:
                self._check_open()
                packed = self._wait()
            message = self._messages.decode(packed) if packed else None
        except TimeoutError:
            self._fail(f"gave no frame for {self._patience} s")
        except OSError:
            message = None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._fail("answered what is no message")
        if isinstance(message, Failed):
            self.close()
            raise SourceError(printable(message.text))
        if message is None:
            self._check_open()
            self._fail(None)
        return message

    def _wait(self) -> bytes:
        if self._feeder is None:
            return self._end.recv(LONGEST)
        self._feeder.restart()
        began = time.monotonic()
        try:
            while True:
                try:
                    return self._end.recv(LONGEST)
                except TimeoutError:
                    its_own = time.monotonic() - began - self._feeder.spent
                    if its_own >= self._patience - 0.01:
                        raise
                    self._end.settimeout(max(self._patience - its_own, 0.01))
        finally:
            with suppress(OSError):
                self._end.settimeout(self._patience)

    def _share(self, size: int) -> None:
        """Make room for as many bytes in the shared memory. Raises SourceError."""
        try:
            with self._lock:
                self._check_open()
                if os.fstat(self._memory).st_size < size:
                    os.ftruncate(self._memory, size)
        except OSError as error:
            self.close()
            raise SourceError(
                f"{self._path}: no memory can be shared with its decoder: {error.strerror}; raise "
                "the limits of this process, that of file sizes as well"
            ) from error

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
            code = self._child.wait(1)
            what = f"crashed ({_signal(code)})" if code and code < 0 else "ended too early"
        self.close()
        raise SourceError(f"{self._path}: {self._at}: its decoder {what}; {self._advice}")

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


def _finish(child: Child, end: socket.socket, memory: int) -> None:
    end.close()
    os.close(memory)
    child.kill()
    child.wait(5)  # a file system that hangs keeps it


def memory_for_one() -> int:
    """Bytes that a decoder may have by default: half of this machine's, between 1 and 4 GiB."""
    return min(_MOST, max(_LEAST, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2))


def _signal(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def printable(text: str) -> str:
    """One line without control characters: a terminal obeys those."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
