"""What the process of a camera does: connect, decode, hand frames and sound over, with the times of
the camera's clock. The one time line is made by the owner."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from redact.errors import SourceLostError
from redact.sources.addresses import scheme_of
from redact.sources.live import LiveSource
from redact.sources.live_clock import LiveClock
from redact.sources.sandbox import locks
from redact.sources.sandbox.messages import (
    FREE,
    GO,
    PART,
    SLOTS,
    Connected,
    Ended,
    Heard,
    Lost,
    Order,
    Plain,
    Size,
    View,
    size_of,
)
from redact.structures import Frame, Plane

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


class Owner(Protocol):
    def tell(self, message: Plain) -> None: ...
    def wait(self, word: bytes) -> None: ...


class _TheirClock(LiveClock):
    """Keeps what the camera says of the time."""

    frame: Fraction | None = None
    sound = Fraction(0)

    def stamp(self, theirs: Fraction | None) -> int:
        self.frame = theirs
        self._last += 1
        return self._last

    def place(self, theirs: Fraction) -> int | None:
        self.sound = theirs
        return 0


def watch(order: Order, owner: Owner, memory: int) -> None:
    """Until the camera goes away. Raises SourceError."""
    address = order.live
    assert address is not None
    name, clock = os.fsdecode(order.path), _TheirClock()
    scheme = scheme_of(address.url)
    file = Path(address.url.removeprefix("file:")) if scheme == "file" else None
    port = None if file else urlsplit(address.url).port or _PORTS[scheme]
    held = locks.confine(file, port)
    locks.allow_time(order.patience)
    try:
        with LiveSource(
            address.url,
            name,
            clock,
            timeout=address.timeout,
            transport=address.transport,
            realtime=address.realtime,
            max_pixels=order.max_pixels,
            on_sound=_hearing(owner, clock) if address.sound else None,
        ) as source:
            rate, sound = source.rate, source.sound
            told = (sound[0], min(sound[1], 2)) if sound and min(sound) > 0 else None
            owner.tell(Connected(rate.as_integer_ratio() if rate else None, told, held))
            room = _Room(owner, memory)
            count = 0
            for frame in source:
                count += 1
                slot = room.put(frame)
                colour, theirs = frame.colour, clock.frame
                code_points = colour.matrix, colour.primaries, colour.transfer
                time = None if theirs is None else theirs.as_integer_ratio()
                owner.tell(View(slot, time, frame.corrupt, colour.full_range, *code_points))
                locks.allow_time(order.patience)
            owner.tell(Ended(count))
    except SourceLostError as error:
        owner.tell(Lost(str(error)[:2000]))


class _Room:
    """Slots of the shared memory, for frames whose size may change."""

    def __init__(self, owner: Owner, memory: int) -> None:
        self._owner = owner
        self._memory = memory
        self._size = (0, 0)
        self._slots: Plane | None = None
        self._count = 0

    def put(self, frame: Frame) -> int:
        if (frame.width, frame.height) != self._size:
            for _ in range(min(self._count, SLOTS)):
                self._owner.wait(FREE)
            self._size, self._count = (frame.width, frame.height), 0
            self._owner.tell(Size(*self._size))
            self._owner.wait(GO)
            size = size_of(*self._size)
            shared = mmap.mmap(self._memory, size * SLOTS)
            self._slots = np.frombuffer(shared, np.uint8).reshape(SLOTS, size)
        assert self._slots is not None
        slot = self._count % SLOTS
        if self._count >= SLOTS:
            self._owner.wait(FREE)
        self._count += 1
        at = 0
        for plane in (frame.y, frame.u, frame.v):
            self._slots[slot, at : at + plane.size].reshape(plane.shape)[:] = plane
            at += plane.size
        return slot


def _hearing(owner: Owner, clock: _TheirClock) -> Callable[[AudioFrame, int], None]:
    resamplers: dict[tuple[str, str, int], AudioResampler] = {}

    def hear(frame: AudioFrame, _pts: int) -> None:
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
        if kind not in resamplers:
            resamplers.clear()
            resamplers[kind] = AudioResampler("fltp", layout, frame.sample_rate)
        frame.pts = None
        start = clock.sound
        for part in resamplers[kind].resample(frame):
            samples = np.asarray(part.to_ndarray(), np.float32)
            most = PART // 4 // len(samples)
            for at in range(0, samples.shape[1], most):
                piece = samples[:, at : at + most]
                time = start.as_integer_ratio()
                owner.tell(Heard(time, frame.sample_rate, len(samples), piece.tobytes()))
                start += Fraction(piece.shape[1], frame.sample_rate)

    return hear
