"""Recordings that roll: SegmentOutput without end, ClipOutput around events. A file appears under
its name when it is complete, or not at all."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

from redact.sinks.containers import CONTAINERS
from redact.sinks.errors import writing
from redact.sinks.live import Coded, CodedStream
from redact.sinks.live.muxing import TICK, Muxer
from redact.sinks.partial import Partial, is_partial

_TIDY = 60.0  # seconds between looks for what is too old


class Recorder:
    """Writes one file after the other into a folder: `NAME-20261124T183000Z.mp4`.

    keep_hours: files of this name that are older go. keep_bytes: the oldest go, but for the last
    one. 0 keeps all.
    """

    def __init__(self, folder: Path, name: str, keep_hours: float, keep_bytes: int) -> None:
        self._folder = folder
        self._name = name
        self._keep_hours = keep_hours
        self._keep_bytes = keep_bytes
        self._named = re.compile(rf"{re.escape(name)}-\d{{8}}T\d{{6}}Z(-\d+)?")
        self._tidied: float | None = None
        self._partial: Partial | None = None
        self._muxer: Muxer | None = None

    @property
    def recording(self) -> bool:
        return self._muxer is not None

    def seconds_at(self, packet: Coded) -> float:
        """Length of the file being written where this packet would follow; 0 between files."""
        return self._muxer.seconds_at(packet) if self._muxer is not None else 0.0

    def tidy(self) -> None:
        """Delete what has been kept long enough, at most once a minute; the first time also what a
        killed relay left unfinished."""
        now = time.monotonic()
        if self._tidied is not None and now - self._tidied < _TIDY:
            return
        with self._door():
            if self._tidied is None:
                self._sweep()
            self._prune()
        self._tidied = now

    def begin(self, stream: CodedStream) -> None:
        with self._door():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._partial = Partial(self._free_name())
            options = CONTAINERS[".mp4"].options(TICK)
            self._muxer = Muxer(f"file:{self._partial.path}", "mp4", stream, options)

    def write(self, packet: Coded) -> None:
        if self._muxer is not None:
            with self._door():
                self._muxer.write(packet)

    def end(self) -> None:
        """Complete the file and let it appear."""
        muxer, partial = self._muxer, self._partial
        self._muxer = self._partial = None
        if muxer is None or partial is None:
            return
        with self._door():
            try:
                muxer.close()
                partial.publish()
            finally:
                partial.discard()
            self._prune()

    def drop(self) -> None:
        muxer, partial = self._muxer, self._partial
        self._muxer = self._partial = None
        if muxer is not None:
            muxer.drop()
        if partial is not None:
            partial.discard()

    def _door(self) -> AbstractContextManager[None]:
        return writing(f"{self._folder}")

    def _free_name(self) -> Path:
        stem = f"{self._name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        path, more = self._folder / f"{stem}.mp4", 1
        while path.exists():
            path, more = self._folder / f"{stem}-{more}.mp4", more + 1
        return path

    def _sweep(self) -> None:
        """Unfinished files of this recorder alone: others may be writing here. One with the number
        of this process is old as well: in a container the next process has the same one."""
        for path in self._folder.glob(f".{self._name}-*.partial-*"):
            stem, _, owner = path.name[1:].rpartition(".partial-")
            ours = is_partial(path) and self._named.fullmatch(stem)
            if ours and not _alive(int(owner.split("-")[0])):
                with suppress(OSError):
                    path.unlink()

    def _prune(self) -> None:
        files = [p for p in self._folder.glob("*.mp4") if self._named.fullmatch(p.stem)]
        told = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in files), reverse=True)
        oldest = time.time() - self._keep_hours * 3600
        total = 0
        for index, (modified, size, path) in enumerate(told):
            total += size
            too_old = self._keep_hours and modified < oldest
            too_much = self._keep_bytes and total > self._keep_bytes and index  # the newest stays
            if too_old or too_much:
                path.unlink(missing_ok=True)


class SegmentOutput:
    """One file after the other. seconds: length of each, from key frame to key frame."""

    def __init__(self, recorder: Recorder, seconds: float) -> None:
        self._recorder = recorder
        self._seconds = seconds
        self._stream: CodedStream | None = None

    def start(self, stream: CodedStream) -> None:
        self._recorder.end()
        self._stream = stream

    def write(self, packet: Coded) -> None:
        recorder = self._recorder
        recorder.tidy()
        long_enough = recorder.seconds_at(packet) >= self._seconds
        if packet.key and (not recorder.recording or long_enough):
            recorder.end()
            assert self._stream is not None
            recorder.begin(self._stream)
        recorder.write(packet)

    def event(self, name: str, active: bool) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        self._recorder.end()

    def abandon(self) -> None:
        self._recorder.drop()


class ClipOutput:
    """A file around each event, and one around events that follow each other within `after`.
    before, after: seconds; `before` is held in memory, encoded, from a key frame on."""

    def __init__(self, recorder: Recorder, on: str, before: float, after: float) -> None:
        self._recorder = recorder
        self._on = on
        self._before, self._after = round(before / TICK), round(after / TICK)  # ticks, as pts
        self._stream: CodedStream | None = None
        self._recent: deque[Coded] = deque()
        self._active = self._began = False
        self._until = -1

    def start(self, stream: CodedStream) -> None:
        self._recorder.end()
        self._stream = stream
        self._recent.clear()

    def event(self, name: str, active: bool) -> None:
        if name == self._on:
            self._active, self._began = active, self._began or active

    def write(self, packet: Coded) -> None:
        self._recorder.tidy()
        now = packet.pts
        if self._active or self._began:  # one that ended before this packet is an event as well
            self._until, self._began = now + self._after, False
        wanted = now <= self._until
        if self._recorder.recording and wanted:
            self._recorder.write(packet)
        elif self._recorder.recording:
            self._recorder.end()
        self._remember(packet, now)
        if wanted and not self._recorder.recording and self._recent:
            assert self._stream is not None
            self._recorder.begin(self._stream)
            for earlier in self._recent:
                self._recorder.write(earlier)

    def _remember(self, packet: Coded, now: int) -> None:
        """The last seconds, from a key frame on."""
        if not self._recent and not packet.key:
            return
        self._recent.append(packet)
        keys = [i for i, p in enumerate(self._recent) if p.key]
        while len(keys) > 1 and self._recent[keys[1]].pts <= now - self._before:
            for _ in range(keys[1] - keys[0]):
                self._recent.popleft()
            keys = [i for i, p in enumerate(self._recent) if p.key]

    def finish(self) -> None:
        self._recorder.end()

    def abandon(self) -> None:
        self._recorder.drop()
        self._recent.clear()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
