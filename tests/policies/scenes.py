"""Windows of tracks for the tests of the policy: who is where in which frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redact.geometry import Zone
from redact.policies import PropertyPolicy
from redact.structures import Decision, Label, Reason, StreamInfo, Tracks

INFO = StreamInfo(400, 300)
LAWN = Zone.of([[[0.2, 0.5], [0.8, 0.5], [0.8, 0.9], [0.2, 0.9]]])  # x 80..320, y 150..270
TO_EDGES = Zone.of([[[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]])

ON = (180.0, 120.0, 220.0, 220.0)  # foot on the lawn
BEYOND = (180.0, 20.0, 220.0, 120.0)  # foot above it
FAR = (20.0, 20.0, 40.0, 80.0)

Box = tuple[float, float, float, float]


def row(
    box: Box,
    track_id: int = 1,
    *,
    label: Label = Label.PERSON,
    score: float = 0.9,
    coasting: bool = False,
    velocity: tuple[float, float] = (0.0, 0.0),
) -> Tracks:
    return Tracks(
        np.array([box], np.float32),
        np.array([score], np.float32),
        np.array([label], np.uint8),
        np.array([track_id], np.int64),
        np.array([coasting]),
        np.array([velocity], np.float32),
    )


def frame(*rows: Tracks) -> Tracks:
    return Tracks.concatenate(rows)


def always(*rows: Tracks, frames: int = 11) -> list[Tracks]:
    return [frame(*rows)] * frames


def times_of(window: Sequence[Tracks], rate: float = 10) -> list[float]:
    return [k / rate for k in range(len(window))]


def decide(
    window: Sequence[Tracks],
    at: int | None = None,
    policy: PropertyPolicy | None = None,
    zone: Zone = LAWN,
    rate: float = 10,
) -> Decision:
    """The decision on frame `at`, by default the middle one."""
    policy = policy or PropertyPolicy(zone)
    at = len(window) // 2 if at is None else at
    return policy.decide(INFO, window, times_of(window, rate), at)


def reason_of(decision: Decision, track_id: int = 1) -> Reason:
    rows = np.flatnonzero(decision.tracks.track_id == track_id)
    assert len(rows) == 1, f"{len(rows)} rows of track {track_id}"
    return Reason(int(decision.reason[rows[0]]))


def hidden(decision: Decision, track_id: int = 1) -> bool:
    return reason_of(decision, track_id).hides
