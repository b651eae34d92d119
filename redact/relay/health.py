"""What is known of a running camera: numbers alone, never pixels or addresses."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

_RECENT = 1000  # frames over which latency is told


@dataclass(slots=True)
class OutputHealth:
    """One output. up: it takes packets."""

    kind: str
    up: bool = False
    packets: int = 0
    dropped: int = 0
    failures: int = 0
    last_error: str = ""


@dataclass(slots=True)
class CameraHealth:
    """One camera. Each number is written by one thread only.

    latency: seconds from decoding to the encoded packet, of recent frames, the look-back
    included. counts: frames in, out, dropped (too late), overflowed (dropped for memory),
    hidden_whole, corrupt, hidden people, ...
    """

    name: str
    budget: float
    stall: float
    look_back: int
    connected: bool = False
    ended: bool = False
    last_in: float | None = None
    last_out: float | None = None
    last_error: str = ""
    queue: int = 0
    hidden_whole_seconds: float = 0.0
    person: bool = False
    outside: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    latency: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    departures: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    outputs: dict[str, OutputHealth] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Frames come, and go out. A file that ended is no fault."""
        if self.ended:
            return True
        slack = self.stall + self.budget + 30.0
        fresh = self.last_out is not None and time.monotonic() - self.last_out < slack
        return self.connected and fresh and all(o.up for o in self.outputs.values())

    def latency_at(self, share: float) -> float | None:
        """Seconds below which this share of recent frames lay."""
        values = sorted(self.latency)
        return values[min(len(values) - 1, int(share * len(values)))] if values else None

    def rate(self, times: deque[float]) -> float:
        """Frames per second, lately."""
        recent = [t for t in times if time.monotonic() - t < 10]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-6)

    def to_dict(self) -> dict[str, Any]:
        """For /healthz."""
        p50, p99 = self.latency_at(0.5), self.latency_at(0.99)
        return {
            "healthy": self.healthy,
            "connected": self.connected,
            "ended": self.ended,
            "fps_in": round(self.rate(self.arrivals), 2),
            "fps_out": round(self.rate(self.departures), 2),
            "latency_p50": None if p50 is None else round(p50, 3),
            "latency_p99": None if p99 is None else round(p99, 3),
            "look_back_frames": self.look_back,
            "budget": self.budget,
            "queue": self.queue,
            "hidden_whole_seconds": round(self.hidden_whole_seconds, 2),
            "last_error": self.last_error,
            **{f"frames_{k}": v for k, v in sorted(self.counts.items())},
            "outputs": {
                name: {
                    "kind": o.kind,
                    "up": o.up,
                    "packets": o.packets,
                    "dropped": o.dropped,
                    "failures": o.failures,
                    "last_error": o.last_error,
                }
                for name, o in self.outputs.items()
            },
        }
