"""Feed: one output in a thread of its own, so that a slow or dead one holds up nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Full, Queue

from redact.errors import RedactError
from redact.relay.health import OutputHealth
from redact.sinks.live import Coded, CodedStream, LiveOutput

DEPTH = 256  # packets that may wait for an output, where there is no sound among them
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 15.0  # seconds between tries after a failure
Say = Callable[[str], None]
Changes = dict[str, list[bool]]  # of events since the packet before: began, ended, or both


class Feed:
    """Takes packets from the camera's thread at once; drops them, up to the next key frame,
    when the output does not keep up. After a failure it starts anew at a key frame."""

    def __init__(
        self,
        output: LiveOutput,
        health: OutputHealth,
        name: str,
        say: Say,
        depth: int = DEPTH,
    ) -> None:
        self._output = output
        self._health = health
        self._say = say
        self._queue: Queue[tuple[Coded, CodedStream, Changes] | None] = Queue(depth)
        self._gap = True  # packets are missing: wait for a key frame
        self._stream: CodedStream | None = None
        self._changes: Changes = {}  # that no packet has carried yet
        self._thread = threading.Thread(target=self._run, name=f"redact-{name}", daemon=True)
        self._thread.start()

    # -- the camera's thread ---------------------------------------------------------------

    def start(self, stream: CodedStream) -> None:
        """The packets that follow belong to this stream."""
        self._gap, self._stream = True, stream

    def packet(self, packet: Coded) -> None:
        if self._stream is None or (self._gap and not packet.key):
            self._health.dropped += 1
            return
        try:
            self._queue.put_nowait((packet, self._stream, self._changes))
            self._gap, self._changes = False, {}
        except Full:
            self._health.dropped += 1
            self._health.up, self._health.last_error = False, "does not keep up, or hangs"
            self._gap = True

    def event(self, name: str, active: bool) -> None:
        """Holds from the next packet on. None is lost: it waits for one that is not dropped."""
        began = self._changes.get(name, [False])[0]
        self._changes[name] = [active] if active or not began else [True, False]

    def close(self, timeout: float) -> bool:
        """Finish the output. False when it hangs; its thread dies with the process."""
        try:
            self._queue.put(None, timeout=timeout)
        except Full:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # -- the output's thread -----------------------------------------------------------------

    def _run(self) -> None:
        running: int | None = None  # generation that the output was started with
        wait, not_before = _FIRST_WAIT, 0.0
        while (item := self._queue.get()) is not None:
            packet, stream, changes = item  # of the encoder then, which may be gone by now
            try:
                for name, steps in changes.items():
                    for active in steps:
                        self._output.event(name, active)
                if running != stream.generation:
                    if not packet.key or time.monotonic() < not_before:
                        self._health.dropped += 1
                        continue
                    self._output.start(stream)
                    running = stream.generation
                self._output.write(packet)
            except Exception as error:  # noqa: BLE001 - it starts anew, whatever happened
                self._failed(error)
                running, not_before = None, time.monotonic() + wait
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            self._health.packets += 1
            if not self._health.up:
                self._health.up, self._health.last_error, wait = True, "", _FIRST_WAIT
                self._say("is written to")
        self._end()

    def _failed(self, error: Exception) -> None:
        known = isinstance(error, RedactError)
        said = str(error) if known else f"{type(error).__name__}: {error}"
        if said != self._health.last_error:
            self._say(said)
        self._health.up, self._health.last_error = False, said
        self._health.failures += 1
        try:
            self._output.abandon()
        except Exception as more:  # noqa: BLE001 - there is nothing left that could be tidied
            self._say(f"{type(more).__name__} while it was given up")

    def _end(self) -> None:
        try:
            self._output.finish()
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)
        self._health.up = False
