"""One camera: a thread that reads, a thread that hides and encodes, a feed per output.

Frames wait between the two for at most `budget` seconds; one that waited longer is dropped
before analysis, or hidden whole. Nothing but the redactor's output reaches the encoder.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from redact.build import make_redactor
from redact.errors import RedactError, SourceError, SourceLostError, StageError
from redact.protocols import Detector
from redact.redactor import Redactor
from redact.relay.backlog import Arrived, Backlog
from redact.relay.events import Events
from redact.relay.feed import Feed
from redact.relay.health import CameraHealth, OutputHealth
from redact.relay.options import CameraConfig
from redact.relay.outputs import make_output
from redact.structures import Decision, Detections, Frame, Label, RedactedFrame, StreamInfo

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
    ) -> None:
        self._camera = camera
        self._options = camera.options
        self._tell = tell
        self._on_event = on_event
        self._gate = _Gate(detector) if detector is not None else None
        self._stop = threading.Event()
        self._rate: object = None
        budget, stall = self._options.budget, self._options.stall
        self.health = CameraHealth(camera.name, budget, stall, camera.config.look_back)
        self._feeds = [self._feed(i) for i in range(len(self._options.outputs))]
        self._file = "://" not in camera.url and not camera.url.startswith("v4l2:")
        self._backlog = Backlog(waits=self._file and not self._options.realtime)
        self._threads = [
            threading.Thread(target=work, name=f"redact-{camera.name}-{what}", daemon=True)
            for what, work in (("read", self._read), ("hide", self._hide))
        ]

    def _feed(self, index: int) -> Feed:
        options = self._options.outputs[index]
        kind = str(type(options).__struct_config__.tag)
        name = f"{index}-{kind}"
        health = self.health.outputs[name] = OutputHealth(kind)
        said = self._camera.name
        return Feed(
            make_output(options, self._camera),
            health,
            f"{said}-{name}",
            lambda text: self._tell(said, f"output {name}: {text}"),
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
        from redact.sources.live_clock import LiveClock

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

    def _session(self, clock: object) -> None:
        from redact.sources.live import LiveSource
        from redact.sources.live_clock import LiveClock

        assert isinstance(clock, LiveClock)
        options, health = self._options, self.health
        with LiveSource(
            self._camera.url,
            self._camera.name,
            clock,
            timeout=options.stall,
            transport=options.transport,
            realtime=options.realtime,
        ) as source:
            self._rate = source.rate
            for frame in source:
                if not health.connected:
                    health.connected, health.last_error = True, ""
                    health.counts["connects"] += 1
                    self._tell(self._camera.name, f"reads {frame.width}x{frame.height}")
                health.last_in = time.monotonic()
                health.arrivals.append(health.last_in)
                health.counts["in"] += 1
                health.counts["corrupt"] += frame.corrupt
                health.counts["dropped"] += self._backlog.put(frame, self._stop)
                health.queue = len(self._backlog)
                if self._stop.is_set():
                    return

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
        work = _Work(self)
        while (item := self._backlog.get()) is not None:
            try:
                work.take(item)
            except Exception as error:  # noqa: BLE001 - nothing passes; the next frame starts anew
                said = f"{type(error).__name__}: {error}" if _foreign(error) else str(error)
                self.health.counts["failures"] += 1
                self.health.last_error = said
                self._tell(self._camera.name, said)
                work.give_up()
            del item
        work.end()
        for feed in self._feeds:
            if not feed.close(_CLOSE):
                self._tell(self._camera.name, "an output hangs and was left behind")


def _foreign(error: Exception) -> bool:
    return not isinstance(error, RedactError)


class _Gate:
    """The shared detector, which can be shut for frames that came too late."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.labels = detector.labels
        self.shut = False

    def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        if self.shut:
            raise StageError("overload: not looked at, so hidden whole")
        return self._detector.detect(frames)


class _Work:
    """What the hiding thread keeps from frame to frame."""

    def __init__(self, camera: Camera) -> None:
        from redact.sinks.live.encoder import LiveEncoder

        self._encoder_class = LiveEncoder
        self._camera = camera
        self._health = camera.health
        self._events = Events()
        self._redactor: Redactor | None = None
        self._encoder: LiveEncoder | None = None
        self._encoded: object = None  # what the encoder was made for
        self._generation = 0
        self._arrived: dict[int, float] = {}
        self._last_pts: int | None = None

    def take(self, item: Arrived) -> None:
        frame, camera = item.frame, self._camera
        if frame is None:
            self._leave()
            return
        late = time.monotonic() - item.at > camera._options.budget and not camera._backlog.waits
        if late and camera._options.overload == "drop":
            self._health.counts["dropped"] += 1
            return
        if late:
            self._health.counts["hidden_late"] += 1
            frame = replace(frame, corrupt=True)
        if camera._gate is not None:
            camera._gate.shut = late
        redactor = self._redactor_for(frame)
        self._arrived[frame.pts] = item.at
        self._pass_on(redactor, redactor.push(frame))

    def _redactor_for(self, frame: Frame) -> Redactor:
        """The redactor of this size and these colours; a change ends the one before."""
        old = self._redactor
        if old is not None:
            same = (old.info.width, old.info.height) == (frame.width, frame.height)
            if same and old.info.colour == frame.colour:
                return old
            self._leave()
        info = StreamInfo(
            frame.width,
            frame.height,
            time_base=frame.time_base,
            frame_rate=self._camera._rate,  # type: ignore[arg-type]
            colour=frame.colour,
            name=self._camera._camera.name,
            live=True,
        )
        gate, config = self._camera._gate, self._camera._camera.config
        self._redactor = make_redactor(info, config, gate, on_failure="hide")
        return self._redactor

    def _leave(self) -> None:
        """The session ended: let go of what is held back."""
        redactor, self._redactor = self._redactor, None
        if redactor is not None:
            self._pass_on(redactor, redactor.flush())
        self._arrived.clear()

    def _pass_on(self, redactor: Redactor, finished: list[RedactedFrame]) -> None:
        for frame, decision in zip(finished, redactor.last_decisions, strict=True):
            self._count(frame, decision)
            encoder = self._encoder_for(redactor.info, frame)
            packets = encoder.encode(frame)
            self._last_pts = frame.pts
            now = time.monotonic()
            for packet in packets:
                for feed in self._camera._feeds:
                    feed.packet(packet)
            self._health.latency.append(now - self._arrived.pop(frame.pts, now))
            self._health.last_out = now
            self._health.departures.append(now)
            self._health.counts["out"] += 1

    def _encoder_for(self, info: StreamInfo, frame: RedactedFrame) -> LiveEncoder:
        made_for = info.width, info.height, info.colour
        if self._encoder is not None and self._encoded == made_for:
            return self._encoder
        self._generation += 1
        options = self._camera._options
        self._encoder = self._encoder_class(
            info,
            frame,
            self._camera._camera.config.output,
            self._camera._camera.name,
            generation=self._generation,
            key_seconds=options.key_seconds,
        )
        self._encoded = made_for
        for feed in self._camera._feeds:
            feed.start(self._encoder.stream)
        return self._encoder

    def _count(self, frame: RedactedFrame, decision: Decision) -> None:
        health, counts = self._health, self._health.counts
        step = (frame.pts - self._last_pts) / 90_000 if self._last_pts is not None else 0.0
        people = decision.tracks.label == Label.PERSON
        counts["people_hidden"] += int((people & decision.hide).sum())
        counts["people_shown"] += int((people & ~decision.hide).sum())
        counts["hidden_whole"] += decision.whole_frame
        counts["outside_hidden_whole"] += decision.whole_outside
        if decision.whole_frame:
            health.hidden_whole_seconds += min(max(step, 0.0), 1.0)
        for name, active in self._events.see(decision, float(frame.time)):
            setattr(health, name, active)
            self._camera._on_event(self._camera._camera.name, name, active)
            for feed in self._camera._feeds:
                feed.event(name, active)

    def give_up(self) -> None:
        """After a failure: what is held back is dropped, never shown."""
        self._redactor = self._encoder = self._encoded = None
        self._arrived.clear()

    def end(self) -> None:
        if self._encoder is not None:
            for packet in self._encoder.flush():
                for feed in self._camera._feeds:
                    feed.packet(packet)
