"""Renders the place once, empty, and in each frame only who and what moves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import cars
import numpy as np
import numpy.typing as npt
import place
from body import Floats, skin
from camera import CAMERA, HEIGHT, PITCH, RATE, WIDTH, project, spread
from cast import ACTORS, Actor
from gait import turns
from labels import splat
from stage import brighten, lamp, mesh, paint, painted
from wardrobe import Piece, Tailor

SUN = np.array([-0.40, -0.50, 0.95])  # towards it
ROUGH = {"skin": 0.5, "eye": 0.1, "cloth": 0.95, "hair": 0.6, "leather": 0.45}
DROP = 34.0  # degrees from the resting arm to a hanging one

Rectangle = tuple[int, int, int, int]


@dataclass
class Mover:
    """points: (n, 3) in the world and faces of them, in this frame."""

    track: int
    points: Floats
    faces: Floats


class Player:
    """One actor's dressed body, as meshes of Blender."""

    def __init__(self, actor: Actor, night: bool) -> None:
        self.actor, tailor = actor, Tailor(actor.dress)
        self.bones, self.pieces = tailor.bones, tailor.dress()
        self.things = [self._thing(p, night) for p in self.pieces]
        counts = np.cumsum([0, *(len(p.points) for p in self.pieces)])
        self.faces = np.concatenate(
            [p.faces + n for p, n in zip(self.pieces, counts[:-1], strict=True)]
        )

    def _thing(self, piece: Piece, night: bool) -> Any:
        thing = mesh(
            f"actor {self.actor.track} {piece.kind}",
            piece.points,
            piece.faces,
            painted(piece.kind, ROUGH[piece.kind]),
            smooth=True,
        )
        paint(thing, infrared(piece.kind, piece.colour) if night else piece.colour)
        return thing

    def pose(self, time: float) -> Mover | None:
        here = self.actor.here(time)
        for thing in self.things:
            thing.hide_render = not here
        if not here:
            return None
        parts = self.placed(time)
        for thing, points in zip(self.things, parts, strict=True):
            thing.data.vertices.foreach_set("co", points.ravel().astype(np.float32))
            thing.data.update()
        return Mover(self.actor.track, np.concatenate(parts), self.faces)

    def placed(self, time: float) -> list[Floats]:
        moves = self.bones.bend(turns(self.actor.pose(time), DROP))
        parts = [skin(p.points, p.weights, moves) for p in self.pieces]
        low = min(part[:, 1].min() for part in parts)
        heading = np.radians(self.actor.heading(time))
        ahead = np.array([np.sin(heading), np.cos(heading), 0])
        left = np.array([-np.cos(heading), np.sin(heading), 0])
        axes = np.stack([left, [0, 0, 1], ahead])
        foot = np.array([*self.actor.smooth(time), 0.0])
        return [(part - (0, low, 0)) @ axes + foot for part in parts]


def infrared(kind: str, colour: Floats) -> Floats:
    """Dyes are pale in the near infra-red, and so is skin."""
    grey = colour.mean(axis=1, keepdims=True)
    pale = {"skin": 0.45, "cloth": 0.5, "hair": 0.25, "eye": 0.0, "leather": 0.1}[kind]
    return np.repeat(grey * (1 - pale) + 0.72 * pale, 3, axis=1)


class Car:
    """The car that drives by, to the left, between 4 and 9 s."""

    def __init__(self, lit: bool) -> None:
        self.root = cars.car("driver", (0.5, 0.08, 0.08), (0, 14.6), -1, lit)
        self.parts = list(self.root.children)
        if lit:
            beam = lamp("beam", "SPOT", 1800, (2.2, 0, 0.62), (np.radians(82), 0, np.radians(-90)))
            beam.data.spot_size, beam.data.spot_blend = np.radians(70), 0.6
            beam.parent = self.root
            self.parts.append(beam)

    @staticmethod
    def x(time: float) -> float:
        return 16.5 - 6.5 * (time - 3.6)

    def pose(self, time: float) -> Mover | None:
        here = -19 < self.x(time) < 16.5
        for part in self.parts:
            part.hide_render = not here
        if not here:
            return None
        self.root.location.x = self.x(time)
        points, faces, n = [], [], 0
        for part in self.parts:
            if part.type == "MESH":
                at = np.array([v.co for v in part.data.vertices]) * (-1, 1, 1)
                points.append(at + np.array(self.root.location))
                faces += [[n + i for i in _four(f.vertices)] for f in part.data.polygons]
                n += len(at)
        return Mover(0, np.concatenate(points), np.array(faces))


def _four(corners: Any) -> list[int]:
    c = list(corners)
    return (
        [*c, c[-1]][:4]
        if len(c) <= 4
        else [c[0], c[len(c) // 4], c[len(c) // 2], c[3 * len(c) // 4]]
    )


class Studio:
    """night: infra-red from beside the lens instead of the sun."""

    def __init__(self, night: bool, threads: int) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.night, self.scene = night, bpy.context.scene
        self._settings(threads)
        self._light()
        place.build()
        if night:
            brighten("leaf", "grass")
        cars.car("parked", (0.62, 0.64, 0.66), (7.3, 11.5), -1)
        cars.car("far car", (0.1, 0.16, 0.3), (-7.0, 15.9), -1)
        self.static = [o for o in self.scene.objects if o.type == "MESH"]
        self.players = [Player(a, night) for a in ACTORS]
        self.car = Car(night)

    def _settings(self, threads: int) -> None:
        s = self.scene
        s.render.engine, s.cycles.device = "CYCLES", "CPU"
        s.cycles.max_bounces = 0 if self.night else 2
        s.cycles.use_adaptive_sampling, s.cycles.use_light_tree = False, self.night
        s.cycles.sample_clamp_indirect = 3.0
        s.render.threads_mode, s.render.threads = "FIXED", threads
        s.render.resolution_x, s.render.resolution_y, s.render.resolution_percentage = (
            WIDTH,
            HEIGHT,
            100,
        )
        s.render.use_persistent_data = True
        s.render.image_settings.file_format = "OPEN_EXR"
        s.render.image_settings.color_mode = "RGBA"
        s.render.image_settings.color_depth = "16"
        eye = bpy.data.objects.new("eye", bpy.data.cameras.new("eye"))
        s.collection.objects.link(eye)
        eye.data.sensor_width, eye.data.lens = 36, 36 * CAMERA.focal / WIDTH
        eye.location = (0, 0, CAMERA.high)
        eye.rotation_euler = (np.radians(90 - PITCH), 0, 0)
        s.camera = eye

    def _light(self) -> None:
        world = bpy.data.worlds.new("sky")
        world.use_nodes = True
        self.scene.world, back = world, world.node_tree.nodes["Background"]
        if self.night:
            back.inputs["Color"].default_value, back.inputs["Strength"].default_value = (
                (1, 1, 1, 1),
                0.004,
            )
            ir = lamp(
                "ir", "SPOT", 520, (0.06, 0.05, CAMERA.high + 0.05), (np.radians(90 - PITCH), 0, 0)
            )
            ir.data.spot_size, ir.data.spot_blend, ir.data.shadow_soft_size = (
                np.radians(105),
                1.0,
                0.03,
            )
            street = lamp("street lamp", "POINT", 160, (-3.0, 15.9, 5.3), (0, 0, 0))
            street.data.shadow_soft_size = 0.2
            return
        back.inputs["Color"].default_value, back.inputs["Strength"].default_value = (
            (0.52, 0.7, 1.0, 1),
            0.85,
        )
        sun = lamp("sun", "SUN", 4.2, (0, 0, 9), (0, 0, 0))
        sun.data.angle, sun.data.color = 0.012, (1.0, 0.94, 0.85)
        from mathutils import Vector

        sun.rotation_euler = Vector(SUN).to_track_quat("Z", "Y").to_euler()

    # -- renders ------------------------------------------------------------------------------

    def _shoot(self, part: Rectangle, samples: int, to: Path) -> Floats:
        """part: (left, top, right, bottom). (h, w, 4) float32 RGBA, linear."""
        r = self.scene.render
        r.use_border = r.use_crop_to_border = True
        r.border_min_x, r.border_max_x = (part[0] + 0.25) / WIDTH, (part[2] + 0.25) / WIDTH
        r.border_min_y = (HEIGHT - part[3] + 0.25) / HEIGHT
        r.border_max_y = (HEIGHT - part[1] + 0.25) / HEIGHT
        self.scene.cycles.samples = samples
        self.scene.cycles.use_denoising = samples > 20
        r.filepath = str(to)
        bpy.ops.render.render(write_still=True)
        loaded = bpy.data.images.load(str(to))
        flat = np.empty(len(loaded.pixels), np.float32)
        loaded.pixels.foreach_get(flat)
        bpy.data.images.remove(loaded)
        to.unlink()
        return flat.reshape(part[3] - part[1], part[2] - part[0], 4)[::-1]

    def empty(self, samples: int, scratch: Path) -> Floats:
        for player in self.players:
            player.pose(-100)
        self.car.pose(-100)
        self.scene.render.film_transparent = False
        return self._shoot((0, 0, WIDTH, HEIGHT), samples, scratch)

    def movers(self, frame: int) -> list[Mover]:
        time = frame / RATE
        found = [player.pose(time) for player in self.players]
        return [m for m in [*found, self.car.pose(time)] if m is not None]

    def moving(
        self, movers: list[Mover], samples: int, scratch: Path
    ) -> list[tuple[Rectangle, Floats]]:
        """Pictures of what moves, over nothing."""
        self.scene.render.film_transparent = True
        for thing in self.static:
            thing.is_holdout = True
        areas = _merged([a for a in (_reach(m) for m in movers) if a is not None])
        return [(a, self._shoot(a, samples, scratch)) for a in areas]

    def shadows(self, movers: list[Mover]) -> npt.NDArray[np.bool_]:
        """(h, w): where the sun does not reach the ground because of what moves."""
        dark = np.zeros((HEIGHT, WIDTH), bool)
        for mover in [] if self.night else movers:
            low = np.where(mover.points[:, 1:2] > place.KERB, -0.11, 0.0)
            fallen = mover.points - SUN * ((mover.points[:, 2:] - low) / SUN[2])
            spot = splat(mover.track, fallen, mover.faces, 0)
            seen = (spot.x >= 0) & (spot.x < WIDTH) & (spot.y >= 0) & (spot.y < HEIGHT)
            dark[spot.y[seen], spot.x[seen]] = True
        return dark

    def survey(self) -> dict[str, npt.NDArray[Any]]:
        """Of the empty place, (h, w) each: `far`, metres along the axis; `leaf`, whether leaves
        are there; `lit`, whether it is ground in the sun."""
        self.movers(-100 * RATE)
        for thing in self.scene.objects:
            thing.hide_viewport = thing.hide_render
        graph, rays = bpy.context.evaluated_depsgraph_get(), spread()
        far = np.full((HEIGHT, WIDTH), 1e6)
        leaf, lit = np.zeros((2, HEIGHT, WIDTH), bool)
        eye, ahead, sun = (0, 0, CAMERA.high), CAMERA.axes[2], SUN / np.linalg.norm(SUN)
        for spot in np.ndindex(HEIGHT, WIDTH):
            hit, at, up, _, thing, _ = self.scene.ray_cast(graph, eye, rays[spot])
            if hit:
                far[spot] = ahead[1] * at[1] + ahead[2] * (at[2] - CAMERA.high)
                leaf[spot] = bool(thing.get("leaves"))
                if at[2] < 0.1 and up[2] > 0.9:
                    lit[spot] = not self.scene.ray_cast(graph, at + 0.002 * up, sun)[0]
        for thing in self.scene.objects:
            thing.hide_viewport = False
        return {"far": far, "leaf": leaf, "lit": lit}


def _reach(mover: Mover) -> Rectangle | None:
    """The part of the picture that a mover can cover."""
    x, y, _ = project(mover.points)
    left, top = max(0, int(x.min()) - 3), max(0, int(y.min()) - 3)
    right, bottom = min(WIDTH, int(x.max()) + 4), min(HEIGHT, int(y.max()) + 4)
    return (left, top, right, bottom) if right > left + 1 and bottom > top + 1 else None


def _merged(areas: list[Rectangle]) -> list[Rectangle]:
    """Join rectangles that overlap, or that cost less as one: each costs as much as its rays."""
    areas = list(areas)
    while True:
        for i, a in enumerate(areas):
            for j in range(i + 1, len(areas)):
                b = areas[j]
                both = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
                over = a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
                if over or _size(both) < _size(a) + _size(b) + 12000:
                    areas[i] = both
                    del areas[j]
                    break
            else:
                continue
            break
        else:
            return areas


def _size(a: Rectangle) -> int:
    return (a[2] - a[0]) * (a[3] - a[1])
