"""From light to pictures: lays the layers over the empty place, then lens, sensor and codec."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from camera import CAMERA, HEIGHT, RATE, WIDTH, spread

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.uint8]
Layer = tuple[tuple[int, int, int, int], Floats]

SEED = 7
SHADE = np.array([0.33, 0.4, 0.5], np.float32)  # of the light, in the shadow
BEAM = 2.2  # of a head lamp, beside the infra-red


class Darkroom:
    """light: (h, w, 3), linear, of the empty place. far: its depth. leaf: where leaves are.
    lit: where the sun shines on the ground."""

    def __init__(self, light: Floats, far: Floats, leaf: Bools, lit: Bools, night: bool) -> None:
        self.empty, self.night = light[..., :3].astype(np.float32), night
        self.sunny = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), 0.7)
        moving = (leaf & (far > 15)).astype(np.float32)
        self.sway = cv2.GaussianBlur(moving, (0, 0), 4)
        self.columns, self.lines = np.meshgrid(
            *(np.arange(n, dtype=np.float32) for n in (WIDTH, HEIGHT))
        )
        away = np.hypot(self.columns / WIDTH - 0.5, self.lines / HEIGHT - 0.5)
        self.fade = (1 - 0.28 * (away / 0.707) ** 2.5)[..., None]
        if night:
            way = spread()
            deep = way @ CAMERA.axes[2]
            self.ground = way * (np.minimum(far, 60) / deep)[..., None] + (0, 0, CAMERA.high)
            grey = self.empty.mean(axis=2)
            detail = np.clip(grey / (cv2.GaussianBlur(grey, (0, 0), 12) + 1e-4), 0.25, 2.5)
            self.albedo = 0.09 * detail * (far < 1e5)

    def picture(
        self, frame: int, layers: list[Layer], dark: Picture, lamps: float | None
    ) -> Picture:
        """lamps: where along the street the head lamps are, None when there are none."""
        light = self._wind(frame)
        if self.night and lamps is not None:
            light = light + self._beams(lamps)
        soft = cv2.GaussianBlur(dark.astype(np.float32), (0, 0), 1.3) * self.sunny
        light = light * (1 - soft[..., None] * (1 - SHADE))
        for (left, top, right, bottom), layer in layers:
            part = light[top:bottom, left:right]
            part[:] = part * (1 - layer[..., 3:]) + _calm(
                layer[..., :3], 0.2 if self.night else 0.12
            )
        rng = np.random.default_rng((SEED, frame))
        return self._night(light, rng) if self.night else self._day(light, rng)

    def _wind(self, frame: int) -> Floats:
        time = frame / RATE
        x, y = self.columns, self.lines
        dx = np.sin(1.9 * time + x / 31) + 0.6 * np.sin(4.3 * time + y / 17 + x / 23)
        dy = 0.5 * np.sin(2.7 * time + x / 19 - y / 29)
        gust = 0.9 + 0.5 * np.sin(0.8 * time)
        return cv2.remap(
            self.empty,
            x + (gust * dx * self.sway).astype(np.float32),
            y + (gust * dy * self.sway).astype(np.float32),
            cv2.INTER_LINEAR,
        )

    def _beams(self, x: float) -> Floats:
        """Light of two head lamps on what lies before them; it casts no shadows."""
        total = np.zeros((HEIGHT, WIDTH))
        for y in (14.08, 15.12):
            ahead = self.ground - (x - 2.2, y, 0.55)
            far = np.linalg.norm(ahead, axis=2)
            along = (ahead @ np.array([-0.993, 0, -0.115])) / np.maximum(far, 1e-6)
            cone = np.clip((along - 0.86) / 0.11, 0, 1) ** 1.5
            slope = np.where(self.ground[..., 2] < 0.05, 0.62 / np.maximum(far, 0.5) + 0.03, 0.16)
            total += BEAM * cone * slope * self.albedo * 9 / (far**2 + 4)
        return np.repeat(total[..., None], 3, axis=2).astype(np.float32)

    def _day(self, light: Floats, rng: np.random.Generator) -> Picture:
        x = cv2.GaussianBlur(light * self.fade * 1.25, (0, 0), 0.55)
        x = x * (1 + x / 5.5) / (1 + 0.62 * x)
        out = 255 * np.clip(x, 0, 1) ** (1 / 2.2)
        grain = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH, 1), np.float32), (0, 0), 0.7)
        return _eight_bits(out + 3.2 * grain[..., None])

    def _night(self, light: Floats, rng: np.random.Generator) -> Picture:
        grey = np.maximum(light @ np.array([0.4, 0.35, 0.25], np.float32), 0) * self.fade[..., 0]
        bright = np.clip(grey - 0.9, 0, 30)
        for sigma, share in ((3, 0.6), (12, 0.5), (45, 0.45)):
            grey = grey + share * cv2.GaussianBlur(bright, (0, 0), sigma)
        grey = cv2.GaussianBlur(grey, (0, 0), 0.8) * 2.1
        grey = grey * (1 + grey / 6) / (1 + 0.7 * grey)
        out = 10 + 245 * np.clip(grey, 0, 1) ** (1 / 2.1)
        noise = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH), np.float32), (0, 0), 0.9)
        out = out + noise * (9.0 - 4.0 * np.clip(out / 160, 0, 1))
        return _eight_bits(np.repeat(out[..., None], 3, axis=2))


def _calm(light: Floats, range_: float) -> Floats:
    """Take the grain of few rays away."""
    roots = np.sqrt(np.maximum(light, 0))
    return np.square(cv2.bilateralFilter(roots, 5, range_, 1.6))


def _eight_bits(values: Floats) -> Picture:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


class Film:
    """One clip in H.264."""

    def __init__(self, path: Path, width: int, height: int, crf: int) -> None:
        self.size, self.out = (width, height), av.open(str(path), "w")
        options = {"crf": str(crf), "preset": "slower", "threads": "1", "tune": "film"}
        self.stream = self.out.add_stream("libx264", rate=RATE, options=options)
        self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "yuv420p"
        self.stream.time_base = Fraction(1, RATE)

    def add(self, picture: Picture) -> None:
        """picture: RGB of any size."""
        if picture.shape[1::-1] != self.size:
            picture = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self.out.mux(self.stream.encode(frame))

    def close(self) -> None:
        self.out.mux(self.stream.encode(None))
        self.out.close()
