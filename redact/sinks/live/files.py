"""Recordings that roll: SegmentOutput without end, ClipOutput around events. A file appears under
its name when it is complete, or not at all."""

from __future__ import annotations

import os
import re
from collections import deque
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

from redact.sinks.containers import CONTAINERS
from redact.sinks.errors import writing
from redact.sinks.live import Coded, CodedStream
from redact.sinks.live.muxing import TICK, Muxer
from redact.sinks.partial import Partial, is_partial


class Recorder:
    """Writes one file after the other into a folder: `NAME-20261124T183000Z.mp4`.

    keep_hours, keep_bytes: older files of this name go, 0 keeps all.
    """

    def __init__(self, folder: Path, name: str, keep_hours: float, keep_bytes: int) -> None:
        self._folder = folder
        self._name = name
        self._keep_hours = keep_hours
        self._keep_bytes = keep_bytes
        self._swept = False
        self._partial: Partial | None = None
        self._muxer: Muxer | None = None

    @property
    def recording(self) -> bool:
        return self._muxer is not None

    def seconds_at(self, packet: Coded) -> float:
        """Length of the file being written where this packet would follow; 0 between files."""
        return self._muxer.seconds_at(packet) if self._muxer is not None else 0.0

    def begin(self, stream: CodedStream) -> None:
        with self._door():
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._swept:
                self._sweep()
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
        """Delete what a killed relay left unfinished: before the first file of this one, as in
        a container the next process has the same number."""
        self._swept = True
        for path in self._folder.glob(f".{self._name}-*.partial-*"):
            found = re.search(r"\.partial-(\d+)-", path.name)
            if is_partial(path) and found and not _alive(int(found[1])):
                with suppress(OSError):
                    path.unlink()

    def _prune(self) -> None:
        pattern = re.compile(rf"{re.escape(self._name)}-\d{{8}}T\d{{6}}Z(-\d+)?\.mp4")
        files = [p for p in self._folder.iterdir() if pattern.fullmatch(p.name)]
        told = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in files), reverse=True)
        oldest = datetime.now(UTC).timestamp() - self._keep_hours * 3600
        total = 0
        for modified, size, path in told[1:]:  # the newest always stays
            total += size
            too_old = self._keep_hours and modified < oldest
            if too_old or (self._keep_bytes and total + told[0][1] > self._keep_bytes):
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
    """A file around each event. before, after: seconds; `before` is held in memory, encoded."""

    def __init__(self, recorder: Recorder, on: str, before: float, after: float) -> None:
        self._recorder = recorder
        self._on = on
        self._before = before
        self._after = after
        self._stream: CodedStream | None = None
        self._recent: deque[Coded] = deque()
        self._active = False
        self._until = -1.0

    def start(self, stream: CodedStream) -> None:
        self._recorder.end()
        self._stream = stream
        self._recent.clear()

    def event(self, name: str, active: bool) -> None:
        if name == self._on:
            self._active = active

    def write(self, packet: Coded) -> None:
        now = float(packet.pts * TICK)
        self._until = now + self._after if self._active else self._until
        if self._recorder.recording:
            if now > self._until:
                self._recorder.end()
            else:
                self._recorder.write(packet)
        self._remember(packet, now)
        if self._active and not self._recorder.recording and self._recent:
            assert self._stream is not None
            self._recorder.begin(self._stream)
            for earlier in self._recent:
                self._recorder.write(earlier)

    def _remember(self, packet: Coded, now: float) -> None:
        """The last seconds, from a key frame on."""
        if not self._recent and not packet.key:
            return
        self._recent.append(packet)
        keys = [i for i, p in enumerate(self._recent) if p.key]
        while len(keys) > 1 and float(self._recent[keys[1]].pts * TICK) <= now - self._before:
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
