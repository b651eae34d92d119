"""What a camera's hiding thread does with each frame: redact, encode, hand on, count."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from redact.build import make_redactor
from redact.config import Trust
from redact.errors import StageError
from redact.protocols import Detector
from redact.redactor import Redactor
from redact.relay.backlog import Arrived
from redact.relay.events import Events
from redact.relay.feed import Feed
from redact.relay.health import CameraHealth
from redact.relay.options import CameraConfig
from redact.sinks.live.encoder import LiveEncoder
from redact.sinks.live.sound import LiveSound
from redact.structures import (
    Decision,
    Detections,
    Frame,
    Label,
    RedactedFrame,
    StreamInfo,
)

OnEvent = Callable[[str, str, bool], None]  # camera, event, active


class Gate:
    """The shared detector, which can be shut for frames that came too late."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.labels = detector.labels
        self.trust = getattr(detector, "trust", Trust())  # what `make_redactor` goes by
        self.shut = False

    def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        if self.shut:
            raise StageError("overload: not looked at, so hidden whole")
        return self._detector.detect(frames)

    def keener(self, floor: float) -> Detector | None:
        """For closer looks, which come after a look: with the gate shut there is none."""
        keener = getattr(self._detector, "keener", None)
        return None if keener is None else keener(floor)


class Hiding:
    """For one thread. rate: nominal frames per second of the camera, for the encoder. sound: what
    the camera is heard to say, None when it has no sound or none is kept."""

    def __init__(
        self,
        camera: CameraConfig,
        health: CameraHealth,
        gate: Gate | None,
        feeds: Sequence[Feed],
        on_event: OnEvent,
    ) -> None:
        self.rate: Fraction | None = None
        self.sound: LiveSound | None = None
        self._camera = camera
        self._health = health
        self._gate = gate
        self._feeds = feeds
        self._on_event = on_event
        self._events = Events()
        self._redactor: Redactor | None = None
        self._encoder: LiveEncoder | None = None
        self._encoded: tuple[object, ...] | None = None  # what the encoder was made for
        self._generation = 0
        self._arrived: dict[int, float] = {}
        self._last_pts: int | None = None

    def take(self, item: Arrived, *, may_wait: bool) -> None:
        """One frame, or the end of a session. may_wait: no frame is too late."""
        frame, options = item.frame, self._camera.options
        if frame is None:
            self._leave()
            return
        late = time.monotonic() - item.at > options.budget and not may_wait
        if late and options.overload == "drop":
            self._health.counts["dropped"] += 1
            return
        if late:
            self._health.counts["hidden_late"] += 1
            frame = replace(frame, corrupt=True)
        if self._gate is not None:
            self._gate.shut = late
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
            frame_rate=self.rate,
            colour=frame.colour,
            name=self._camera.name,
            live=True,
        )
        self._redactor = make_redactor(info, self._camera.config, self._gate, on_failure="hide")
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
            if self.sound is not None:  # it waits for the pictures of its time
                packets += self.sound.until(frame.pts)
            for packet in packets:
                for feed in self._feeds:
                    feed.packet(packet)
            self._health.latency.append(now - self._arrived.pop(frame.pts, now))
            self._health.last_out = now
            self._health.departures.append(now)
            self._health.counts["out"] += 1

    def _encoder_for(self, info: StreamInfo, frame: RedactedFrame) -> LiveEncoder:
        sound = self.sound.stream if self.sound is not None else None
        made_for = info.width, info.height, info.colour, sound
        if self._encoder is not None and self._encoded == made_for:
            return self._encoder
        self.end()  # what the encoder before still holds
        self._generation += 1
        options = self._camera.options
        self._encoder = LiveEncoder(
            info,
            frame,
            self._camera.config.output,
            self._camera.name,
            generation=self._generation,
            key_seconds=options.key_seconds,
            sound=sound,
        )
        self._encoded = made_for
        for feed in self._feeds:
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
            self._on_event(self._camera.name, name, active)
            for feed in self._feeds:
                feed.event(name, active)

    def give_up(self) -> None:
        """After a failure: what is held back is dropped, never shown."""
        self._redactor = self._encoder = self._encoded = None
        self._arrived.clear()

    def end(self) -> None:
        if self._encoder is not None:
            for packet in self._encoder.flush():
                for feed in self._feeds:
                    feed.packet(packet)
