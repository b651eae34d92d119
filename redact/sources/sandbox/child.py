"""What the decoding process does: everything that it will need was imported before it was forked
(`nursery.py`); it locks itself down, and opens the file after.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import mmap
import os
import pkgutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import av
import msgspec
import numpy as np

from redact.errors import SourceError
from redact.protocols import Source
from redact.readback import ReadBack, read_back
from redact.sources.coded_sound import PyAVCodedSound
from redact.sources.errors import reading
from redact.sources.piece import PastSource, PieceSource, key_times
from redact.sources.pipe import PipeSource
from redact.sources.pyav import PyAVSource
from redact.sources.sandbox import locks
from redact.sources.sandbox.camera_child import watch
from redact.sources.sandbox.cutting import cut_out
from redact.sources.sandbox.feeding import FedPlace
from redact.sources.sandbox.messages import (
    FREE,
    GO,
    LONGEST,
    PART,
    SLOTS,
    TIMES,
    Coded,
    Decode,
    Ended,
    Failed,
    Keys,
    Order,
    Part,
    Plain,
    Ready,
    Silent,
    Sound,
    Sounding,
    Times,
    Unit,
    size_of,
    told,
    told_back,
)
from redact.sources.sound import PyAVSound
from redact.sources.still import StillSource
from redact.storage import Place, medium
from redact.structures import Frame, Plane


class Owner:
    """The other end of the socket. Ends this process when nobody is there any more."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._pack = msgspec.msgpack.Encoder().encode

    def tell(self, message: Plain) -> None:
        packed = self._pack(message)
        try:
            self._end.sendall(packed)
        except OSError:
            os._exit(1)

    def wait(self, word: bytes) -> None:
        if self._hear() != word:
            os._exit(1)

    def wait_until_gone(self) -> None:
        """Words that nobody read would otherwise make the last message of this side unreadable."""
        while self._hear():
            pass

    def _hear(self) -> bytes:
        try:
            return self._end.recv(LONGEST)
        except OSError:
            return b""


def load_all() -> None:
    """PyAV loads the parts for each kind of stream when it meets one, which is then too late; what
    locks looks for its library in ways that take time."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if module.name not in ("av.__main__", "av.datasets"):
            importlib.import_module(module.name)
    locks.library()
    for name in ("files", "dns", "myhostname"):  # ways to find names, which libc loads when asked
        with suppress(OSError):
            ctypes.CDLL(f"libnss_{name}.so.2")


def decode(order: Order, owner: Owner, memory: int, given: int | None) -> None:
    path, held = _locked(order, given)
    source = _piped(order, given) if order.what == "pipe" else _source(order, path)
    info, notes = source.info, getattr(source, "notes", ())
    piped = (source.format, source.audio) if isinstance(source, PipeSource) else None
    owner.tell(told(info, tuple(map(_words, notes)), held, piped))
    owner.wait(GO)
    size = size_of(info.width, info.height)
    slots = np.frombuffer(mmap.mmap(memory, 2 * size * SLOTS), np.uint8).reshape(SLOTS, 2 * size)
    count = 0
    for count, frame in enumerate(source, start=1):
        slot = (count - 1) % SLOTS
        if count > SLOTS:
            owner.wait(FREE)
        coded = _store(frame, slots[slot])
        owner.tell(Ready(slot, frame.pts, frame.duration, frame.corrupt, coded))
        locks.allow_time(order.patience)
    owner.tell(Ended(count))


def _locked(order: Order, given: int | None) -> tuple[Place, tuple[str, ...]]:
    """The one file that can be opened from here on, or what is read through `given` where none can;
    and what sees to that."""
    name = os.fsdecode(order.path)
    path: Place = Path(name)
    if order.size is not None:
        path = FedPlace.named(name, order.size, socket.socket(fileno=given))
    held = locks.confine(path if given is None and isinstance(path, Path) else None)
    locks.allow_time(order.patience)
    return path, held


def _piped(order: Order, given: int | None) -> PipeSource:
    assert given is not None
    stream = io.BufferedReader(io.FileIO(given))
    name = os.fsdecode(order.path)
    return PipeSource(stream, name, matrix=order.matrix, max_pixels=order.max_pixels)


def _source(order: Order, path: Place) -> Source:
    if order.what == "still" and isinstance(path, Path):
        return StillSource(path, max_pixels=order.max_pixels)
    if order.span is None:
        return PyAVSource(path, deinterlace=order.deinterlace, max_pixels=order.max_pixels)
    if order.what == "past":
        return PastSource(path, order.span, order.lesson, max_pixels=order.max_pixels)
    return PieceSource(path, order.span, max_pixels=order.max_pixels)


def list_keys(order: Order, owner: Owner, given: int | None) -> None:
    path, _ = _locked(order, given)
    times, tick = key_times(path)
    for first in range(0, len(times), TIMES):
        owner.tell(Times(tuple(times[first : first + TIMES])))
    owner.tell(Keys(tick.as_integer_ratio()))


def read_finished(order: Order, owner: Owner, given: int | None) -> None:
    path, held = _locked(order, given)

    def tell(found: ReadBack) -> None:
        locks.allow_time(order.patience)
        if len(found.times) >= TIMES:
            owner.tell(Times(tuple(found.times)))
            del found.times[:]

    with reading(f"{path}", "the file was damaged after it was written"):
        found = read_back(medium(path), tell)
    owner.tell(Times(tuple(found.times)))
    owner.tell(told_back(found, held))


def decode_sound(order: Order, owner: Owner, given: int | None) -> None:
    path, _ = _locked(order, given)
    source = PyAVSound.of(path)
    if source is None:
        owner.tell(Silent())
        return
    info = source.info
    owner.tell(Sounding(info.rate, info.layout, info.channels))
    count = 0
    for block in source:
        count += 1
        owner.tell(Sound(block.start, block.heard, block.samples.tobytes()))
        locks.allow_time(order.patience)
    owner.tell(Ended(count))


def copy_sound(order: Order, owner: Owner, given: int | None) -> None:
    path, _ = _locked(order, given)
    source = PyAVCodedSound.of(path, order.codecs)
    if source is None:
        owner.tell(Decode())
        return
    coding = source.coding
    base = coding.time_base.as_integer_ratio()
    owner.tell(Coded(coding.codec, coding.rate, coding.layout, coding.header, base))
    count = 0
    for unit in source:
        count += 1
        owner.tell(Unit(unit.pts, unit.dts, unit.duration, len(unit.data)))
        for at in range(0, len(unit.data), PART):
            owner.tell(Part(unit.data[at : at + PART]))
        locks.allow_time(order.patience)
    owner.tell(Ended(count))


def _store(frame: Frame, slot: Plane) -> tuple[int, int, int] | None:
    """Fill a slot; returns what `Ready` says of the coded picture in its second half."""
    at = 0
    for plane in (frame.y, frame.u, frame.v):
        slot[at : at + plane.size].reshape(plane.shape)[:] = plane
        at += plane.size
    coded = frame.coded
    if coded is None or len(coded.data) > at:
        return None
    slot[at : at + len(coded.data)] = np.frombuffer(coded.data, np.uint8)
    return coded.run, coded.order, len(coded.data)


def _words(text: str) -> str:
    """What can be sent: the name of a file need not be text."""
    return text[:2000].encode(errors="surrogateescape").decode(errors="backslashreplace")


def run(order: Order, end: socket.socket, memory: int, given: int | None = None) -> NoReturn:
    """Carry out an order and end this process. memory: descriptor of the memory that frames go
    through. given: of what is read instead of a file."""
    owner = Owner(end)
    if order.what == "still":
        import cv2

        cv2.setNumThreads(1)
    locks.limit(order.memory)
    try:
        if order.what == "live":
            watch(order, owner, memory)
        elif order.what in LISTS:
            LISTS[order.what](order, owner, given)
        else:
            decode(order, owner, memory, given)
    except SourceError as error:
        owner.tell(Failed(_words(str(error))))
    except MemoryError:
        name = os.fsdecode(order.path)
        owner.tell(Failed(_words(f"{name}: needs more memory than a decoder may have; {ADVICE}")))
    owner.wait_until_gone()
    os._exit(0)  # at once: nothing here is worth tidying, and a broken decoder may hang in it


def cut_part(order: Order, owner: Owner, given: int | None) -> None:
    _locked(order, given)
    cut_out(order, owner, given)


LISTS = {
    "cut": cut_part,
    "sound": decode_sound,
    "coded": copy_sound,
    "keys": list_keys,
    "readback": read_finished,
}
ADVICE = "convert it to a smaller picture first"
