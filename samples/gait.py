"""How a body moves: the angles of a walk, of standing, and of small gestures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from body import Floats

STRIDE = 0.80  # metres of two steps, per metre of height, at an easy pace

# Degrees over one stride that begins as the heel strikes (Winter's curves, rounded).
_TIMES = np.array([0, 0.07, 0.15, 0.3, 0.4, 0.5, 0.6, 0.72, 0.85, 0.97, 1.0])
_HIP = np.array([24, 23, 20, 8, -3, -11, -9, 12, 25, 25, 24])
_KNEE = np.array([3, 12, 17, 9, 5, 8, 34, 60, 33, 2, 3])
_ANKLE = np.array([0, -6, 0, 7, 10, 4, -18, -4, 1, 1, 0])


@dataclass(frozen=True)
class Pose:
    """phase: strides walked. walk: 0 stands, 1 walks. look: degrees that the head is turned to
    the left and raised. arms: degrees that the (left, right) forearm is lifted."""

    phase: float
    walk: float
    look: tuple[float, float] = (0.0, 0.0)
    arms: tuple[float, float] = (0.0, 0.0)
    sway: float = 0.0


def about(axis: str, degrees: float) -> Floats:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rows = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(rows[axis], np.float64)


def _curve(values: Floats, phase: float) -> float:
    return float(np.interp(phase % 1, _TIMES, values))


def turns(pose: Pose, drop: float) -> dict[str, Floats]:
    """Turns of joints. drop: degrees by which the resting arm must fall to hang."""
    walk, out = pose.walk, {}
    swing = float(np.cos(2 * np.pi * pose.phase))
    for side, sign, shift in (("l", 1, 0.0), ("r", -1, 0.5)):
        phase = pose.phase + shift
        hip, knee = walk * _curve(_HIP, phase), walk * _curve(_KNEE, phase) + 2 * (1 - walk)
        out[f"thigh_{side}"] = about("x", -hip) @ about("z", -sign * 3.0)
        out[f"calf_{side}"] = about("x", knee)
        out[f"foot_{side}"] = about("x", -walk * _curve(_ANKLE, phase))
        lift = pose.arms[0 if sign > 0 else 1]
        back = walk * sign * swing
        out[f"upperarm_{side}"] = about("x", 22 * back - 0.35 * lift) @ about("z", -sign * drop)
        bend = -32 + walk * (12 - 8 * back) + lift
        out[f"lowerarm_{side}"] = (
            about("z", sign * drop) @ about("x", -bend) @ about("z", -sign * drop)
        )
    out["pelvis"] = about("y", -5 * walk * swing) @ about("z", pose.sway)
    out["spine_02"] = about("y", 9 * walk * swing) @ about("z", -pose.sway)
    out["neck_01"] = about("y", -4 * walk * swing + 0.4 * pose.look[0]) @ about(
        "x", -0.4 * pose.look[1]
    )
    out["head"] = about("y", 0.6 * pose.look[0]) @ about("x", -0.6 * pose.look[1])
    return out
