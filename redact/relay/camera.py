"""One camera: a thread that reads, a thread that hides and encodes, a feed per output.

Frames wait between the two for at most `budget` seconds; one that waited longer is dropped
before analysis, or hidden whole. Nothing but the redactor's output reaches the encoder.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from redact.errors import RedactError, SourceError, SourceLostError
from redact.protocols import Detector
from redact.reading import open_camera
from redact.relay.backlog import Backlog
from redact.relay.feed import DEPTH, Feed
from redact.relay.health import CameraHealth, OutputHealth
from redact.relay.hiding import Gate, Hiding
from redact.relay.options import CameraConfig
from redact.relay.outputs import Servers, make_output
from redact.sinks.live.sound import LiveSound
from redact.sources.live_clock import LiveClock

_FIRST_WAIT = 1.0  # seconds before the first try to come back
_STEADY = 30.0  # seconds after which a connection counts as good
_CLOSE = 10.0  # seconds that an output may take to finish
Tell = Callable[[str, str], None]  # camera, what is said
OnEvent = Callable[[str, str, bool], None]  # camera, event, active


class Camera:
    """Runs from start() until stop() or, for a file, its end; then join()."""

    def __init__(
        self,
        camera: CameraConfig,
        detector: Detector | None,
        tell: Tell,
        on_event: OnEvent = lambda _camera, _name, _active: None,
        servers: Servers = MappingProxyType({}),
    ) -> None:
        self._camera = camera
        self._options = camera.options
        self._tell = tell
        self._stop = threading.Event()
        self._sound: LiveSound | None = None
        budget, stall = self._options.budget, self._options.stall
        self.health = CameraHealth(camera.name, budget, stall, camera.config.look_back)
        self._feeds = [self._feed(i, servers) for i in range(len(self._options.outputs))]
        self._file = "://" not in camera.url and not camera.url.startswith("v4l2:")
        self._backlog = Backlog(waits=self._file and not self._options.realtime)
        gate = Gate(detector) if detector is not None else None
        self._work = Hiding(camera, self.health, gate, self._feeds, on_event)
        self._threads = [
            threading.Thread(target=work, name=f"redact-{camera.name}-{what}", daemon=True)
            for what, work in (("read", self._read), ("hide", self._hide))
        ]

    def _feed(self, index: int, servers: Servers) -> Feed:
        options = self._options.outputs[index]
        kind = str(type(options).__struct_config__.tag)
        name = f"{index}-{kind}"
        health = self.health.outputs[name] = OutputHealth(kind)
        said = self._camera.name
        return Feed(
            make_output(options, self._camera, servers),
            health,
            f"{said}-{name}",
            lambda text: self._tell(said, f"output {name}: {text}"),
            DEPTH if self._options.audio == "drop" else 4 * DEPTH,
        )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask for a graceful end: what was read is hidden, encoded and published."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when it did not come in time."""
        for thread in self._threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)

    # -- the reading thread ----------------------------------------------------------------

    def _read(self) -> None:
        clock, wait = LiveClock(), _FIRST_WAIT
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._session(clock)
                if self._file:
                    break
            except SourceError as error:
                self._lost(error)
            except Exception as error:  # noqa: BLE001 - a camera comes back, whatever happened
                self._lost(SourceLostError(f"{type(error).__name__} while reading"))
            self.health.counts["jumps"] = clock.jumps
            self._backlog.put(None, self._stop)
            if time.monotonic() - began > _STEADY:
                wait = _FIRST_WAIT
            self._stop.wait(min(wait, self._options.retry))
            wait = min(2 * wait, self._options.retry)
        self.health.connected = False
        self.health.ended = self._file and not self._stop.is_set()
        self._backlog.put(None, self._stop)
        self._backlog.close()

    def _session(self, clock: LiveClock) -> None:
        options, health = self._options, self.health
        with open_camera(
            self._camera.url,
            self._camera.name,
            clock,
            locked=options.sandbox,
            timeout=options.stall,
            transport=options.transport,
            realtime=options.realtime,
            on_sound=self._hear if options.audio == "keep" else None,
        ) as source:
            self._work.rate = source.rate
            if source.sound is not None and self._sound is None:
                self._sound = LiveSound(self._camera.name, *source.sound)
            self._work.sound = self._sound if source.sound is not None else None
            for frame in source:
                if self._work.sound is not None:
                    self._sounds(self._work.sound.fill, frame.pts)
                if not health.connected:
                    health.connected, health.last_error = True, ""
                    health.counts["connects"] += 1
                    self._tell(self._camera.name, f"reads {frame.width}x{frame.height}")
                health.last_in = time.monotonic()
                health.arrivals.append(health.last_in)
                health.counts["in"] += 1
                health.counts["corrupt"] += frame.corrupt
                health.counts["overflowed"] += self._backlog.put(frame, self._stop)
                health.queue = len(self._backlog)
                if self._stop.is_set():
                    return

    def _hear(self, sound: Any, pts: int) -> None:
        if self._sound is not None:
            self._sounds(self._sound.take, sound, pts)

    def _sounds(self, work: Callable[..., None], *words: Any) -> None:
        """Pictures go on, whatever becomes of the sound."""
        try:
            work(*words)
        except RedactError as error:
            self.health.counts["sound_failures"] += 1
            self.health.last_error = str(error)

    def _lost(self, error: RedactError) -> None:
        if self._stop.is_set():
            return
        self.health.connected = False
        if str(error) != self.health.last_error:
            self._tell(self._camera.name, str(error))
        self.health.last_error = str(error)
        self.health.counts["lost"] += 1

    # -- the hiding thread -------------------------------------------------------------------

    def _hide(self) -> None:
        work = self._work
        while (item := self._backlog.get()) is not None:
            try:
                work.take(item, may_wait=self._backlog.waits)
            except Exception as error:  # noqa: BLE001 - nothing passes; the next frame starts anew
                known = isinstance(error, RedactError)
                said = str(error) if known else f"{type(error).__name__}: {error}"
                self.health.counts["failures"] += 1
                if said != self.health.last_error:
                    self._tell(self._camera.name, said)
                self.health.last_error = said
                work.give_up()
            del item
        try:
            work.end()
        except Exception as error:  # noqa: BLE001 - the outputs still have to be finished
            self._tell(self._camera.name, f"{type(error).__name__} at the end")
        for feed in self._feeds:
            if not feed.close(_CLOSE):
                self._tell(self._camera.name, "an output hangs and was left behind")
