"""What `redact.sources.cutting` cuts, in a locked-down process: it reads the recording through a
descriptor, and what it writes comes here as bytes."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol

import msgspec

from redact.errors import ConfigError, SinkError, SourceError
from redact.sources.cutting import cut
from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.sandbox import locks
from redact.sources.sandbox.messages import (
    PART,
    CutMessage,
    Cutting,
    Order,
    Plain,
    Refused,
    WasCut,
    Written,
)
from redact.sources.sandbox.process import PATIENCE, Boxed, memory_for_one, printable
from redact.storage.seeking import Seekable

_MORE = 64 << 20  # bytes by which a part, with its index, may be longer than the whole


class _Cut(Boxed[Written | WasCut | Refused]):
    @property
    def _at(self) -> str:
        return "the original"

    def into(self, target: BinaryIO, most: int) -> tuple[float, float]:
        """most: bytes that it may be long. A muxer may move what it wrote once."""
        left = 2 * most
        while True:
            match self._receive():
                case Written(at, data) if at + len(data) <= most and len(data) <= left:
                    left -= len(data)
                    target.seek(at)
                    target.write(data)
                case WasCut(first, last) if math.isfinite(first) and math.isfinite(last):
                    return first, last
                case Refused(config, text):
                    raise (ConfigError if config else SinkError)(printable(text))
                case _:
                    self.refuse()

    def refuse(self) -> NoReturn:
        self._fail("answered what was not asked for")


def sandboxed_cut(
    source: BinaryIO, target: BinaryIO, name: Path, form: str, start: float, end: float | None
) -> tuple[float, float]:
    """As `cutting.cut`; source: an open file. Raises SourceError also when the process crashes."""
    given = DEFAULT_MAX_PIXELS, memory_for_one(), PATIENCE
    order = Order(os.fsencode(name), False, *given, "cut", cut=Cutting(form, start, end))
    source.flush()
    size = os.fstat(source.fileno()).st_size
    reading = os.open(f"/proc/self/fd/{source.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        boxed = _Cut(order, msgspec.msgpack.Decoder(CutMessage), name, reading)
    finally:
        os.close(reading)
    with boxed:
        try:
            return boxed.into(target, size + _MORE)
        except OSError as error:
            raise SinkError(f"{name}: cannot be written: {error.strerror or error}") from error


# -- the other side -----------------------------------------------------------------------------


class _Owner(Protocol):
    def tell(self, message: Plain) -> None: ...


class _Sent(Seekable):
    """A file that lies with the owner. patience: seconds of processor time from write to write."""

    def __init__(self, owner: _Owner, patience: int) -> None:
        super().__init__()
        self._owner = owner
        self._patience = patience

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        for start in range(0, len(data), PART):
            self._owner.tell(Written(self._at + start, bytes(data[start : start + PART])))
        locks.allow_time(self._patience)
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)


def cut_out(order: Order, owner: _Owner, given: int | None) -> None:
    """In the child, locked down already."""
    asked = order.cut
    assert asked is not None
    assert given is not None
    name = os.fsdecode(order.path)
    span = asked.start, asked.end
    try:
        with os.fdopen(given, "rb") as source:
            source.seek(0)
            sent = _Sent(owner, order.patience)
            first, last = cut(source, sent, name, asked.form, *span)  # type: ignore[arg-type]
    except (ConfigError, SinkError) as error:
        owner.tell(Refused(isinstance(error, ConfigError), str(error)[:2000]))
        return
    except OSError as error:
        raise SourceError(f"{name}: cannot be read: {error}") from error
    owner.tell(WasCut(first, last))
