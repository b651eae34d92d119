"""How a locked process that can open nothing reads an object of a store: it asks its owner for
bytes, through a socket of its own."""

from __future__ import annotations

import io
import socket
import stat
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from redact.errors import SourceError
from redact.storage import ObjectPath
from redact.storage.objects import Stat
from redact.storage.seeking import Seekable

_ASK = struct.Struct("=QI")  # where, and how many bytes
_MOST = 1 << 16  # bytes of one answer; none at all: they cannot be had
_FEW, _PASSES = 4096, 8  # answers, and times that the whole is read, that are waited for


class Feeder:
    """The owner's side. end: of the socket that the child gets; close it here once it has. Answers
    in a thread of its own, until the child is gone. Raises SourceError.

    The time of a slow store is not the child's: `restart` begins to count it, `spent` are the
    seconds that answers took since, up to now. More answers than a reader needs, which looks for
    its first frame through the whole object, count for nothing: a child could ask without end.
    """

    def __init__(self, path: ObjectPath) -> None:
        try:
            self.size = path.stat().st_size
            self._file = path.open("rb")
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
        self._spent, self._asked = 0.0, 0
        self._since: float | None = None  # by the clock, while an answer is fetched
        self._most = _FEW + _PASSES * self.size // _MOST
        self._own, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        threading.Thread(target=self._answer, name="feeder", daemon=True).start()

    def _answer(self) -> None:
        with self._own, self._file, suppress(OSError, ValueError, struct.error):
            while asked := self._own.recv(_ASK.size):
                at, count = _ASK.unpack(asked)
                self._asked += 1
                since = self._since = time.monotonic() if self._asked <= self._most else None
                data = self._bytes(at, min(count, _MOST))
                self._since = None
                self._spent += time.monotonic() - since if since is not None else 0.0
                self._own.send(data)

    def restart(self) -> None:
        self._spent, self._asked = 0.0, 0

    @property
    def spent(self) -> float:
        since = self._since
        return self._spent + (time.monotonic() - since if since is not None else 0.0)

    def _bytes(self, at: int, count: int) -> bytes:
        with suppress(OSError, ValueError):
            self._file.seek(min(at, self.size))
            return self._file.read(count)
        return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end.close()


@dataclass(frozen=True, slots=True)
class FedPlace(ObjectPath):
    """The child's side: an object whose bytes come through `end`."""

    size: int = 0
    end: socket.socket | None = None

    @classmethod
    def named(cls, name: str, size: int, end: socket.socket) -> Self:
        """name: its whole address."""
        of = ObjectPath.of(name.partition("://")[2])
        return cls(of.bucket, of.key, None, size, end)

    def __str__(self) -> str:
        return ObjectPath.__str__(self)

    def stat(self) -> Stat:
        return Stat(stat.S_IFREG | 0o444, self.size, 0)

    def open(self, mode: Literal["rb"]) -> io.BytesIO | io.BufferedReader:  # noqa: ARG002
        assert self.end is not None
        return io.BufferedReader(_Fed(self.size, self.end), _MOST)


class _Fed(Seekable):
    def __init__(self, size: int, end: socket.socket) -> None:
        super().__init__(size)
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), _MOST, self._size - self._at)
        if count <= 0:
            return 0
        self._end.send(_ASK.pack(self._at, count))
        data = self._end.recv(_MOST)
        if not data or len(data) > count:
            raise OSError(5, "the store gave nothing")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
