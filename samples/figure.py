"""Draws one walking person as a small picture with transparency. Nobody real is shown.

Figures are built in their own units: height 1, sole at y = 1, crown at y = 0, x = 0 in the
middle, and rasterised on a canvas of 384 pixels' height before they are scaled to the scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]  # blue, green, red
Point = tuple[float, float]
Picture = npt.NDArray[np.uint8]

UNIT = 384  # canvas pixels per figure height
MARGIN = 24  # canvas pixels around
WIDE = 320  # canvas width


@dataclass(frozen=True)
class Look:
    """Clothes and hair. weave: plain, stripes, check, denim. tall: metres."""

    skin: Colour
    hair: Colour
    top: Colour
    trim: Colour
    legs: Colour
    shoes: Colour = (40, 40, 46)
    weave: str = "plain"
    tall: float = 1.72
    long_hair: bool = False
    bag: Colour | None = None
    cap: Colour | None = None
    child: bool = False


class _Canvas:
    def __init__(self) -> None:
        shape = (UNIT + 2 * MARGIN, WIDE)
        self.colour = np.zeros((*shape, 3), np.uint8)
        self.alpha = np.zeros(shape, np.uint8)

    def _at(self, p: Point) -> tuple[int, int]:
        return round(16 * (WIDE / 2 + p[0] * UNIT)), round(16 * (MARGIN + p[1] * UNIT))

    def shape(self, points: list[Point], colour: Colour) -> None:
        ring = np.array([self._at(p) for p in points], np.int32)
        cv2.fillPoly(self.colour, [ring], colour, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [ring], 255, cv2.LINE_AA, 4)

    def oval(self, centre: Point, radii: Point, colour: Colour, turn: float = 0.0) -> None:
        size = (round(16 * radii[0] * UNIT), round(16 * radii[1] * UNIT))
        for plane, value in ((self.colour, colour), (self.alpha, 255)):
            cv2.ellipse(plane, self._at(centre), size, turn, 0, 360, value, -1, cv2.LINE_AA, 4)

    def limb(self, a: Point, b: Point, wide: Point, colour: Colour) -> None:
        """A tapered limb with a lit and a shaded side."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = max(1e-6, (dx * dx + dy * dy) ** 0.5)
        nx, ny = -dy / length, dx / length
        for shade, part in ((0.78, 1.0), (1.0, 0.62)):
            r, s = wide[0] * part, wide[1] * part
            shift = (1 - part) * wide[0] * 0.5
            (x1, y1), (x2, y2) = (a[0] - shift, a[1]), (b[0] - shift, b[1])
            tone = shaded(colour, shade)
            self.shape(
                [
                    (x1 + nx * r, y1 + ny * r),
                    (x2 + nx * s, y2 + ny * s),
                    (x2 - nx * s, y2 - ny * s),
                    (x1 - nx * r, y1 - ny * r),
                ],
                tone,
            )
            self.oval((x1, y1), (r, r), tone)
            self.oval((x2, y2), (s, s), tone)


def shaded(colour: Colour, by: float) -> Colour:
    b, g, r = (int(min(255, max(0, c * by))) for c in colour)
    return b, g, r


def draw(look: Look, facing: str, phase: float, stride: float) -> tuple[Picture, Picture]:
    """The figure: (h, w, 3) BGR and (h, w) alpha.

    facing: left, right, front (towards the camera) or back. phase: of the gait, radians.
    stride: 0 standing .. 1 walking.
    """
    canvas = _Canvas()
    if facing in ("left", "right"):
        _side(canvas, look, phase, stride)
    else:
        _facing(canvas, look, phase, stride, facing == "front")
    colour, alpha = canvas.colour, canvas.alpha
    if facing == "left":
        colour, alpha = colour[:, ::-1], alpha[:, ::-1]
    return np.ascontiguousarray(colour), np.ascontiguousarray(alpha)


def _leg(c: _Canvas, hip: Point, swing: float, lift: float, look: Look, shade: float) -> None:
    knee = (hip[0] + 0.235 * sin(swing), hip[1] + 0.235 * cos(swing))
    low = swing - lift
    ankle = (knee[0] + 0.225 * sin(low), min(0.965, knee[1] + 0.225 * cos(low)))
    trousers, shoe = shaded(look.legs, shade), shaded(look.shoes, shade)
    c.limb(ankle, (ankle[0] + 0.055, ankle[1] + 0.015), (0.02, 0.016), shoe)
    c.limb(hip, knee, (0.052, 0.04), trousers)
    c.limb(knee, ankle, (0.04, 0.026), trousers)


def _arm(c: _Canvas, shoulder: Point, swing: float, look: Look, shade: float) -> None:
    elbow = (shoulder[0] + 0.165 * sin(swing), shoulder[1] + 0.165 * cos(swing))
    low = swing + 0.35
    hand = (elbow[0] + 0.15 * sin(low), elbow[1] + 0.15 * cos(low))
    c.limb(elbow, hand, (0.024, 0.019), shaded(look.top, shade * 0.97))
    c.oval(hand, (0.02, 0.024), shaded(look.skin, shade))
    c.limb(shoulder, elbow, (0.034, 0.026), shaded(look.top, shade))


def _side(c: _Canvas, look: Look, phase: float, stride: float) -> None:
    swing = 0.5 * stride * sin(phase)
    bob = 0.008 * stride * cos(2 * phase)
    hip, shoulder = (0.0, 0.51 + bob), (0.0, 0.215 + bob)
    back_lift = 0.75 * stride * max(0.0, cos(phase)) + 0.05
    front_lift = 0.75 * stride * max(0.0, -cos(phase)) + 0.05
    _arm(c, shoulder, swing * 0.9, look, 0.66)
    _leg(c, hip, -swing, front_lift, look, 0.7)
    _leg(c, hip, swing, back_lift, look, 1.0)
    _torso(c, look, bob, 0.066)
    if look.bag is not None:
        c.shape([(-0.03, 0.2), (-0.13, 0.22), (-0.135, 0.42), (-0.04, 0.43)], look.bag)
        c.shape([(-0.1, 0.3), (-0.128, 0.31), (-0.13, 0.4), (-0.1, 0.4)], shaded(look.bag, 0.7))
    _arm(c, shoulder, -swing * 0.9, look, 0.9)
    _profile(c, look, bob)


def _facing(c: _Canvas, look: Look, phase: float, stride: float, front: bool) -> None:
    bob = 0.006 * stride * cos(2 * phase)
    for side in (-1, 1):
        lift = max(0.0, side * sin(phase)) * stride
        hip, knee = (side * 0.045, 0.51 + bob), (side * 0.055, 0.735 - 0.02 * lift)
        ankle = (side * 0.055, 0.955 - 0.055 * lift)
        trousers = shaded(look.legs, 1.0 - 0.2 * lift)
        c.oval((ankle[0] + side * 0.008, ankle[1] + 0.018), (0.028, 0.024), look.shoes)
        c.limb(knee, ankle, (0.041, 0.029), trousers)
        c.limb(hip, knee, (0.055, 0.042), trousers)
        reach = 0.03 * stride * sin(phase) * side
        elbow, hand = (side * 0.138, 0.365 + bob), (side * 0.142, 0.5 + bob + reach)
        c.oval((hand[0], hand[1] + 0.015), (0.02, 0.026), look.skin)
        c.limb(elbow, hand, (0.026, 0.02), shaded(look.top, 0.9))
        c.limb((side * 0.105, 0.22 + bob), elbow, (0.036, 0.028), shaded(look.top, 0.95))
    _torso(c, look, bob, 0.108)
    if look.bag is not None and not front:
        c.shape([(-0.075, 0.2), (0.075, 0.2), (0.08, 0.42), (-0.08, 0.42)], look.bag)
        c.shape([(-0.06, 0.31), (0.06, 0.31), (0.062, 0.4), (-0.062, 0.4)], shaded(look.bag, 0.7))
    _head(c, look, bob, front)


def _torso(c: _Canvas, look: Look, bob: float, half: float) -> None:
    top, waist = 0.185 + bob, 0.52 + bob
    right = [
        (half * 0.5, top - 0.008),
        (half * 0.9, top + 0.022),
        (half, top + 0.06),
        (half * 0.88, waist - 0.1),
        (half * 0.95, waist + 0.02),
    ]
    alone = _Canvas()
    alone.shape([*right, *((-x, y) for x, y in reversed(right))], look.top)
    left = round(WIDE / 2 - half * UNIT) - 2
    cut = np.s_[round(MARGIN + 0.15 * UNIT) : round(MARGIN + 0.57 * UNIT), left : WIDE - left]
    on = alone.alpha[cut] > 0
    ys, xs = np.mgrid[cut]
    light = 1.06 - 0.3 * ((xs - WIDE / 2) / (half * UNIT)).clip(-1, 1)
    light -= 0.06 * np.sin(ys / 17.0 + xs / 9.0)  # creases
    cloth = np.where(_weave(look.weave, xs, ys)[..., None], look.trim, look.top) * light[..., None]
    c.colour[cut][on] = cloth.clip(0, 255).astype(np.uint8)[on]
    c.alpha[cut] = np.maximum(c.alpha[cut], alone.alpha[cut])


def _weave(kind: str, xs: npt.NDArray[Any], ys: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where the trim shows, at canvas pixels."""
    if kind == "stripes":
        return np.asarray(ys % 34 < 13)
    if kind == "check":
        return np.asarray((ys % 40 < 12) ^ (xs % 30 < 9))
    if kind == "denim":
        return np.asarray((abs(xs - WIDE // 2) < 4) | (ys % 120 < 5))
    return np.asarray((ys > MARGIN + 0.45 * UNIT) & (ys < MARGIN + 0.465 * UNIT))


def _sizes(look: Look) -> tuple[float, float, float]:
    """Radii and centre height of a head; a child's is larger for its body."""
    return (0.062, 0.083, 0.087) if look.child else (0.046, 0.066, 0.072)


def _profile(c: _Canvas, look: Look, bob: float) -> None:
    rx, ry, y = _sizes(look)
    y += bob
    c.limb((-0.004, y + ry * 0.7), (-0.004, 0.2 + bob), (0.026, 0.03), shaded(look.skin, 0.85))
    if look.long_hair:
        fall = [(-rx * 1.2, y - 0.02), (0, y), (-0.01, y + 0.14), (-rx * 1.5, y + 0.13)]
        c.shape(fall, look.hair)
    c.oval((0.004, y), (rx, ry), look.skin, 8)
    c.shape([(rx * 0.9, y - 0.004), (rx * 1.35, y + 0.018), (rx * 0.9, y + 0.024)], look.skin)
    c.oval((-rx * 0.35, y - ry * 0.28), (rx * 0.85, ry * 0.78), look.hair, -12)
    c.oval((0, y - ry * 0.72), (rx * 0.85, ry * 0.34), look.hair, 12)
    c.oval((-rx * 0.12, y + 0.006), (0.009, 0.014), shaded(look.skin, 0.82))
    c.oval((rx * 0.62, y - 0.004), (0.006, 0.006), (30, 30, 34))
    c.oval((rx * 0.7, y + 0.036), (0.012, 0.004), (70, 70, 150))
    if look.cap is not None:
        c.oval((0, y - ry * 0.55), (rx * 1.05, ry * 0.55), look.cap)
        peak = [(0, y - 0.036), (rx * 1.9, y - 0.028), (rx * 1.8, y - 0.018), (0, y - 0.018)]
        c.shape(peak, look.cap)


def _head(c: _Canvas, look: Look, bob: float, front: bool) -> None:
    rx, ry, y = _sizes(look)
    y += bob
    c.limb((0, y + ry * 0.7), (0, 0.2 + bob), (0.028, 0.034), shaded(look.skin, 0.85))
    for side in (-1, 1):
        c.oval((side * rx, y), (0.009, 0.016), shaded(look.skin, 0.85))
    if look.long_hair:
        c.oval((0, y + 0.035), (rx * 1.3, ry * 1.35), look.hair)
    c.oval((0, y), (rx, ry), look.skin)
    hair = ry * (0.5 if front else 0.95)
    c.oval((0, y - ry + hair), (rx * 1.06, hair * 1.08), look.hair)
    if front:
        c.oval((0, y + 0.008), (rx * 0.86, ry * 0.76), look.skin)
        for side in (-1, 1):
            c.oval((side * rx * 0.42, y - 0.002), (0.0085, 0.006), (235, 238, 240))
            c.oval((side * rx * 0.42, y - 0.002), (0.0055, 0.006), (50, 40, 34))
            c.oval((side * rx * 0.42, y - 0.016), (0.013, 0.0035), look.hair)
        c.limb((0, y), (0.003, y + 0.02), (0.006, 0.009), shaded(look.skin, 0.9))
        c.oval((0, y + 0.04), (0.017, 0.0055), (80, 80, 160))
    if look.cap is not None:
        c.oval((0, y - ry * 0.6), (rx * 1.08, ry * 0.5), look.cap)


def gait(distance: float) -> float:
    """Phase in radians after walking a distance given in body heights (a step is 0.43)."""
    return distance / 0.43 * pi
