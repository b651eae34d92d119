"""Clothes, hair and shoes: cut from the surfaces of the base mesh and moved away from the skin."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from body import PARTS, Floats, Ints, Shape, Skeleton, base, skeleton, texture

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """Colours are sRGB in 0..1. sleeves: "long" or "short". below: "trousers" or "skirt".
    hem: metres by which the top hangs below the waist."""

    shape: Shape
    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    shoes: Colour = (0.12, 0.11, 0.11)
    sleeves: str = "long"
    below: str = "trousers"
    long_hair: bool = False
    thick: float = 0.007
    hem: float = 0.10
    cap: Colour | None = None
    bag: Colour | None = None


@dataclass(frozen=True)
class Piece:
    """kind: of the material. points at rest, faces of them, weights of bones, colour sRGB."""

    kind: str
    points: Floats
    faces: Ints
    weights: npt.NDArray[np.float32]
    colour: Floats


@dataclass
class Tailor:
    """Measures one body and cuts pieces for it."""

    look: Look
    points: Floats = field(init=False)
    bones: Skeleton = field(init=False)

    def __post_init__(self) -> None:
        self.points = self.look.shape.points()
        self.bones = skeleton(self.points)
        self.scale = self.look.shape.tall / 1.75
        self.rng = np.random.default_rng(round(self.look.shape.tall * 1000))

    def joint(self, name: str) -> Floats:
        return self.bones.joints[self.bones.bones.index(name)]

    def share(self, *names: str) -> npt.NDArray[np.float32]:
        """(n,): how much a vertex belongs to bones whose names begin so."""
        chosen = [i for i, b in enumerate(self.bones.bones) if b.startswith(names)]
        total: npt.NDArray[np.float32] = self.bones.weights[:, chosen].sum(axis=1)
        return total

    def cut(
        self,
        kind: str,
        faces: Ints,
        grow: Floats | float,
        colour: Floats | Colour,
        smooth: int = 0,
        folds: float = 0.0,
    ) -> Piece:
        """The faces as a piece of their own, `grow` metres away from where they lie."""
        used, inverse = np.unique(faces, return_inverse=True)
        faces, points = inverse.reshape(faces.shape), self.points[used]
        for _ in range(smooth):
            points = _relaxed(points, faces)
        away = np.broadcast_to(np.asarray(grow, float), len(self.points))[used]
        if folds:
            away = away + folds * self.scale * _ripples(points / self.scale)
        points = points + normals(points, faces) * away[:, None]
        colours = np.broadcast_to(np.asarray(colour, float), (len(self.points), 3))[used]
        return Piece(kind, points, faces, self.bones.weights[used], colours)

    def rigid(self, kind: str, bone: str, points: Floats, faces: Ints, colour: Colour) -> Piece:
        weights = np.zeros((len(points), len(self.bones.bones)), np.float32)
        weights[:, self.bones.bones.index(bone)] = 1
        return Piece(kind, points, faces, weights, np.tile(np.array(colour), (len(points), 1)))

    def dress(self) -> list[Piece]:
        pieces = [self._skin(), self._eyes(), self._top(), self._shoes(), self._hair()]
        pieces.append(self._skirt() if self.look.below == "skirt" else self._trousers())
        if self.look.cap:
            pieces += self._cap(self.look.cap)
        if self.look.bag:
            pieces.append(self._bag(self.look.bag))
        return pieces

    # -- parts of the body --------------------------------------------------------------------

    @property
    def eye(self) -> Floats:
        """The middle between the eyes."""
        return self.points[slice(*PARTS["eyes"])].mean(axis=0)

    def _skin(self) -> Piece:
        bare = self.share("head", "neck", "hand", "thumb", "index", "middle", "ring", "pinky")
        bare = bare + self.share("spine_03") * (self.points[:, 1] > self.joint("neck_01")[1] - 0.01)
        if self.look.sleeves == "short":
            bare = bare + self.share("lowerarm", "upperarm")
        else:
            bare = bare + self.share("lowerarm") * 0.5
        if self.look.below == "skirt":
            bare = bare + self.share("calf", "thigh", "foot")
        faces = base().faces_of("skin")
        return self.cut("skin", faces[bare[faces].max(axis=1) > 0.3], 0.0, self._complexion())

    def _complexion(self) -> Floats:
        colour = np.tile(np.array(self.look.skin), (len(self.points), 1))
        lips = texture("mpfb_lips")[:, None]
        colour = colour * (1 - lips) + lips * np.array(self.look.skin) * (0.78, 0.5, 0.52)
        s, at = self.scale, (self.points - self.eye) / self.scale
        x, y = np.abs(at[:, 0]), at[:, 1]
        arch = 0.021 + 0.006 * np.sin(np.clip((x - 0.012) / 0.045, 0, 1) * np.pi)
        brow = (x > 0.012) & (x < 0.056) & (np.abs(y - arch) < 0.0048) & (at[:, 2] > -0.05)
        colour[brow] = 0.35 * colour[brow] + 0.65 * np.array(self.look.hair)
        rim = np.linalg.norm(self.points[:, None] - self._balls()[None], axis=2).min(axis=1) / s
        colour[(rim < 0.0172) & (at[:, 2] > -0.03)] *= 0.62
        cheek = np.exp(-(((x - 0.042) / 0.018) ** 2 + ((y + 0.045) / 0.02) ** 2))[:, None]
        return np.clip(colour * (1 + cheek * (0.05, -0.06, -0.05)), 0, 1)

    def _balls(self) -> Floats:
        first, end = PARTS["eyes"]
        middle = (first + end) // 2
        halves = (self.points[first:middle], self.points[middle:end])
        return np.array([h.min(axis=0) + np.ptp(h, axis=0) / 2 for h in halves])

    def _eyes(self) -> Piece:
        colour = np.ones((len(self.points), 3)) * 0.86
        for ball in self._balls():
            ahead = self.points - ball
            near = np.linalg.norm(ahead, axis=1)
            angle = np.degrees(np.arccos(np.clip(ahead[:, 2] / np.maximum(near, 1e-9), -1, 1)))
            here = near < 0.02 * self.scale
            colour[here & (angle < 36)] = (0.22, 0.14, 0.09)
            colour[here & (angle < 18)] = 0.02
        return self.cut("eye", base().faces_of("eyes"), 0.0, colour)

    # -- clothes ------------------------------------------------------------------------------

    def _top(self) -> Piece:
        faces, look = base().faces_of("tights"), self.look
        arm, y = self.share("upperarm", "lowerarm", "hand"), self.points[:, 1]
        low = y > self.joint("spine_01")[1] - look.hem * self.scale
        high = y < self.joint("neck_01")[1] + 0.035 * self.scale
        keep = (low & high) | (arm > 0.5)
        if look.sleeves == "short":
            keep &= self.share("lowerarm", "hand") < 0.45
        hang = np.clip((self.joint("spine_02")[1] - y) / 0.3, 0, 1) * (arm < 0.5)
        grow = (look.thick + 0.02 * hang + 0.004 * (arm > 0.5)) * self.scale
        chosen = faces[keep[faces].all(axis=1)]
        return self.cut("cloth", chosen, grow, look.top, smooth=3, folds=0.006)

    def _trousers(self) -> Piece:
        faces, y = base().faces_of("tights"), self.points[:, 1]
        arm = self.share("upperarm", "lowerarm", "hand")
        keep = (y < self.joint("spine_01")[1] + 0.03) & (arm < 0.3)
        keep &= y > self.joint("foot_l")[1] - 0.035 * self.scale
        loose = np.clip((self.joint("thigh_l")[1] - y) / 0.8, 0, 1)
        grow = (0.008 + 0.016 * loose) * self.scale
        chosen = faces[keep[faces].all(axis=1)]
        return self.cut("cloth", chosen, grow, self.look.bottom, smooth=3, folds=0.007)

    def _skirt(self) -> Piece:
        faces, y = base().faces_of("skirt"), self.points[:, 1]
        keep = y > self.joint("calf_l")[1] - 0.06 * self.scale
        chosen = faces[keep[faces].all(axis=1)]
        return self.cut("cloth", chosen, 0.012, self.look.bottom, folds=0.008)

    def _shoes(self) -> Piece:
        faces, y = base().faces_of("skin"), self.points[:, 1]
        keep = (self.share("foot", "ball") > 0.5) & (y < self.joint("foot_l")[1] + 0.045)
        chosen = faces[keep[faces].all(axis=1)]
        colour = np.tile(np.array(self.look.shoes), (len(self.points), 1))
        colour[y < 0.018 * self.scale] = np.clip(np.array(self.look.shoes) * 2.2 + 0.12, 0, 0.8)
        return self.cut("leather", chosen, 0.013 * self.scale, colour, smooth=14)

    # -- head ---------------------------------------------------------------------------------

    def _scalp(self, front: float, back: float) -> Ints:
        """Faces of the head above a line that climbs from the nape to the forehead."""
        at = (self.points - self.eye) / self.scale
        line = np.interp(
            at[:, 2], (-0.13, -0.075, -0.03, 0.02), (back, back + 0.03, front - 0.02, front)
        )
        ear = (np.abs(at[:, 0]) > 0.074) & (np.abs(at[:, 2] + 0.095) < 0.035) & (at[:, 1] < 0.03)
        keep = (at[:, 1] > line) & (self.share("head") > 0.6) & ~ear
        faces = base().faces_of("skin")
        return faces[keep[faces].all(axis=1)]

    def _hair(self) -> Piece:
        tint = np.array(self.look.hair) * self.rng.uniform(0.75, 1.2, (len(self.points), 1))
        if self.look.long_hair:
            faces = base().faces_of("hair")
            at = (self.points - self.eye) / self.scale
            face = (np.abs(at[:, 0]) < 0.078) & (at[:, 1] < 0.068) & (at[:, 2] > -0.085)
            keep = (self.points[:, 1] > self.joint("neck_01")[1] - 0.10 * self.scale) & ~face
            return self.cut("hair", faces[keep[faces].all(axis=1)], 0.0, tint, folds=0.004)
        scalp = self._scalp(0.058, -0.07)
        return self.cut("hair", scalp, 0.02 * self.scale, tint, smooth=2, folds=0.005)

    def _cap(self, colour: Colour) -> list[Piece]:
        grow = (0.03 if self.look.long_hair else 0.022) * self.scale
        crown = self.cut("cloth", self._scalp(0.058, 0.02), grow, colour, smooth=6)
        angles, reach = np.meshgrid(np.linspace(-1.15, 1.15, 15), np.linspace(0.75, 1.5, 5))
        x = 0.088 * np.sin(angles) * np.minimum(reach, 1.1)
        z = -0.075 + 0.115 * np.cos(angles) * reach
        y = 0.062 - 0.018 * (reach - 0.75) - 0.6 * x**2 / 0.088
        brim = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1) * self.scale + self.eye
        return [crown, self.rigid("cloth", "head", brim, grid(5, 15), colour)]

    def _bag(self, colour: Colour) -> Piece:
        theta, phi = np.meshgrid(np.linspace(-1.5, 1.5, 13), np.linspace(-np.pi, np.pi, 25))
        ball = [np.cos(theta) * np.sin(phi), np.sin(theta), np.cos(theta) * np.cos(phi)]
        soft = [np.sign(v) * np.abs(v) ** 0.4 for v in ball]
        sizes = np.array([0.15, 0.22, 0.085]) * self.scale
        middle = self.joint("spine_03") + np.array([0, 0.10, -0.20]) * self.scale
        points = np.stack([v.ravel() for v in soft], axis=1) * sizes + middle
        return self.rigid("cloth", "spine_03", points, grid(25, 13), colour)


def grid(rows: int, columns: int) -> Ints:
    """Faces of a grid of points, row by row."""
    i = np.arange(rows * columns).reshape(rows, columns)
    corners = (i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1])
    return np.stack([c.ravel() for c in corners], axis=1)


def normals(points: Floats, faces: Ints) -> Floats:
    a, b, c, d = (points[faces[:, i]] for i in range(4))
    flat, out = np.cross(c - a, d - b), np.zeros_like(points)
    for i in range(4):
        np.add.at(out, faces[:, i], flat)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def _relaxed(points: Floats, faces: Ints) -> Floats:
    """Each point half way to the mean of its neighbours."""
    total, count = np.zeros_like(points), np.zeros(len(points))
    for i in range(4):
        for j in (i - 1, (i + 1) % 4):
            np.add.at(total, faces[:, i], points[faces[:, j]])
            np.add.at(count, faces[:, i], 1)
    return 0.5 * points + 0.5 * total / np.maximum(count, 1)[:, None]


def _ripples(p: Floats) -> Floats:
    """A smooth wrinkled field in -1..1."""
    x, y, z = p.T
    a = np.sin(23 * y + 9 * x + 3 * np.sin(7 * z + 11 * x))
    b = np.sin(41 * y - 17 * x + 2 * np.sin(13 * z))
    return 0.6 * a + 0.4 * b
