"""Small words for Blender: materials, meshes, boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float]


def linear(colour: npt.NDArray[np.float64] | Colour) -> npt.NDArray[np.float64]:
    c = np.asarray(colour, np.float64)
    return np.where(c < 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def material(
    name: str,
    colour: Colour = (0.5, 0.5, 0.5),
    rough: float = 0.9,
    second: Colour | None = None,
    size: float = 4.0,
    bricks: tuple[float, float] | None = None,
    glow: float = 0.0,
) -> Any:
    """second: another colour, mixed in by noise of so many spots a metre, or the mortar between
    bricks of (width, height) metres."""
    found = bpy.data.materials.get(name)
    if found:
        return found
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    shader = nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = rough
    shader.inputs["Specular IOR Level"].default_value = 0.25
    main = (*linear(colour), 1)
    shader.inputs["Base Color"].default_value = main
    if glow:
        shader.inputs["Emission Color"].default_value = main
        shader.inputs["Emission Strength"].default_value = glow
    if second is not None:
        links.new(
            _mixed(nodes, links, main, (*linear(second), 1), size, bricks),
            shader.inputs["Base Color"],
        )
        if not bricks:
            _bumps(nodes, links, shader, size * 6, 0.4)
    return made


def _mixed(
    nodes: Any, links: Any, one: Any, two: Any, size: float, bricks: tuple[float, float] | None
) -> Any:
    place = nodes.new("ShaderNodeNewGeometry").outputs["Position"]
    noise = nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = size, 8
    links.new(place, noise.inputs["Vector"])
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    links.new(noise.outputs["Fac"], mix.inputs["Factor"])
    if bricks is None:
        mix.inputs["A"].default_value, mix.inputs["B"].default_value = one, two
        return mix.outputs["Result"]
    wall = nodes.new("ShaderNodeTexBrick")
    links.new(_flat(nodes, links, place), wall.inputs["Vector"])
    for name, value in (
        ("Scale", 1.0),
        ("Brick Width", bricks[0]),
        ("Row Height", bricks[1]),
        ("Mortar Size", 0.006),
        ("Bias", 0.0),
    ):
        wall.inputs[name].default_value = value
    dim = tuple(0.72 * c for c in one[:3])
    wall.inputs["Color1"].default_value, wall.inputs["Color2"].default_value = one, (*dim, 1)
    wall.inputs["Mortar"].default_value = two
    mix.blend_type = "MULTIPLY"
    links.new(wall.outputs["Color"], mix.inputs["A"])
    mix.inputs["B"].default_value = (0.55, 0.55, 0.55, 1)
    return mix.outputs["Result"]


def _flat(nodes: Any, links: Any, place: Any) -> Any:
    """Ground: (x, y); walls: (x + y, z)."""
    apart, normal = nodes.new("ShaderNodeSeparateXYZ"), nodes.new("ShaderNodeSeparateXYZ")
    links.new(place, apart.inputs[0])
    links.new(nodes.new("ShaderNodeNewGeometry").outputs["Normal"], normal.inputs[0])
    total = nodes.new("ShaderNodeMath")
    links.new(apart.outputs["X"], total.inputs[0])
    links.new(apart.outputs["Y"], total.inputs[1])
    up = nodes.new("ShaderNodeMath")
    up.operation, up.inputs[1].default_value = "GREATER_THAN", 0.5
    links.new(normal.outputs["Z"], up.inputs[0])
    ground, wall = nodes.new("ShaderNodeCombineXYZ"), nodes.new("ShaderNodeCombineXYZ")
    links.new(apart.outputs["X"], ground.inputs["X"])
    links.new(apart.outputs["Y"], ground.inputs["Y"])
    links.new(total.outputs[0], wall.inputs["X"])
    links.new(apart.outputs["Z"], wall.inputs["Y"])
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = "VECTOR"
    links.new(up.outputs[0], mix.inputs["Factor"])
    links.new(wall.outputs[0], mix.inputs["A"])
    links.new(ground.outputs[0], mix.inputs["B"])
    return mix.outputs["Result"]


def _bumps(nodes: Any, links: Any, shader: Any, size: float, strength: float) -> None:
    place = nodes.new("ShaderNodeNewGeometry").outputs["Position"]
    noise, bump = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeBump")
    noise.inputs["Scale"].default_value = size
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = strength, 0.02
    links.new(place, noise.inputs["Vector"])
    links.new(noise.outputs["Fac"], bump.inputs["Height"])
    links.new(bump.outputs["Normal"], shader.inputs["Normal"])


def brighten(*names: str) -> None:
    """Green leaves are bright in the near infra-red."""
    for name in names:
        for node in bpy.data.materials[name].node_tree.nodes:
            if node.type == "MIX":
                for key in ("A", "B"):
                    node.inputs[key].default_value = [
                        min(1.0, 2.6 * c + 0.02) for c in node.inputs[key].default_value
                    ]


def painted(kind: str, rough: float) -> Any:
    """A material that takes its colour from the vertices."""
    found = bpy.data.materials.get(kind)
    if found:
        return found
    made = bpy.data.materials.new(kind)
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    shader, colour = nodes["Principled BSDF"], nodes.new("ShaderNodeVertexColor")
    colour.layer_name = "colour"
    links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = rough
    shader.inputs["Specular IOR Level"].default_value = 0.3
    return made


def mesh(
    name: str, points: npt.NDArray[Any], faces: Sequence[Any], skin: Any, smooth: bool = False
) -> Any:
    data = bpy.data.meshes.new(name)
    data.from_pydata(np.asarray(points).tolist(), [], [list(map(int, f)) for f in faces])
    if smooth:
        data.shade_smooth()
    data.materials.append(skin)
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def paint(thing: Any, colours: npt.NDArray[np.float64]) -> None:
    layer = thing.data.color_attributes.new("colour", "FLOAT_COLOR", "POINT")
    rgba = np.c_[linear(colours), np.ones(len(colours))]
    layer.data.foreach_set("color", rgba.ravel().astype(np.float32))


def box(name: str, low: Sequence[float], high: Sequence[float], skin: Any) -> Any:
    (a, b, c), (d, e, f) = low, high
    points = [(x, y, z) for z in (c, f) for x, y in ((a, b), (d, b), (d, e), (a, e))]
    faces = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    return mesh(name, np.array(points), faces, skin)


def lamp(name: str, kind: str, energy: float, at: Sequence[float], turn: Sequence[float]) -> Any:
    light = bpy.data.lights.new(name, kind)
    light.energy = energy
    thing = bpy.data.objects.new(name, light)
    thing.location, thing.rotation_euler = at, turn
    bpy.context.scene.collection.objects.link(thing)
    return thing
