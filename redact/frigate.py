"""Zones out of a Frigate configuration.

Frigate keeps a zone as `"x,y,x,y,..."` or as a list of `"x,y"`, in shares of the frame or, in
older files, in pixels of its detect stream. It has no holes. Where Frigate only asks whether
the bottom centre of a box lies in the zone, redact shows a person on consistent evidence alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from redact.errors import ConfigError
from redact.geometry import Zone

DIFFERENCE = (
    "Frigate asks only whether the bottom centre of a box lies in the zone, and shows all else; "
    "redact hides everyone, and shows a person only while they stand on the zone beyond doubt"
)
_LEAST_PIXELS = 2.0  # no picture is this small, and no share this large


def import_zones(
    path: str | Path,
    camera: str | None,
    zones: Sequence[str],
    size: tuple[int, int] | None = None,
) -> Zone:
    """The union of the named zones of one camera.

    camera: may be None where the file has one only. size: width and height that pixel
    coordinates count in; by default `detect` of the camera, or of the whole file. Raises
    ConfigError, which lists the names that exist where one does not.
    """
    where = str(path)
    table = _load(Path(path))
    name, section = _camera(table, camera, where)
    known = _mapping(section.get("zones"), f"{where}: cameras.{name}.zones")
    if not zones:
        raise ConfigError(f"{where}: no zone is named; camera {name!r} has {_names(known)}")
    polygons = []
    for zone in dict.fromkeys(zones):
        at = f"{where}: cameras.{name}.zones.{zone}"
        if zone not in known:
            raise ConfigError(f"{at}: no such zone; camera {name!r} has {_names(known)}")
        fields = _mapping(known[zone], at)
        if fields.get("enabled", True) is not True:
            raise ConfigError(f"{at}: is not enabled in Frigate; enable it there, or draw it anew")
        points = _points(fields.get("coordinates"), at)
        polygons.append(_shares(points, size or _detect_size(table, section, where), at))
    return Zone.of(polygons, where=where)


def _load(path: Path) -> Mapping[str, Any]:
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the Frigate configuration: {error.strerror or error}"
        ) from error
    except yaml.constructor.ConstructorError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(
            f"{path}: {line}{error.problem}; replace what `!include`, `!secret` and the like stand "
            "for by hand, or copy the camera's part into a file of its own"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"{path}: not a YAML file: {text}") from error
    return _mapping(table, f"{path}: the file")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected `name: ...` lines; is it a Frigate configuration?")
    return {str(name): inner for name, inner in value.items()}  # `1:` is a name as well


def _names(known: Mapping[str, Any]) -> str:
    return ", ".join(known) or "none"


def _camera(
    table: Mapping[str, Any], camera: str | None, where: str
) -> tuple[str, Mapping[str, Any]]:
    cameras = _mapping(table.get("cameras"), f"{where}: cameras")
    if camera is None:
        if len(cameras) != 1:
            raise ConfigError(f"{where}: no camera is named; the file has {_names(cameras)}")
        camera = next(iter(cameras))
    if camera not in cameras:
        raise ConfigError(f"{where}: no camera {camera!r}; the file has {_names(cameras)}")
    return camera, _mapping(cameras[camera], f"{where}: cameras.{camera}")


def _points(coordinates: Any, where: str) -> list[tuple[float, float]]:
    """Pairs of numbers from any of the forms that Frigate has taken."""
    if coordinates is None or coordinates in ("", []):
        raise ConfigError(f"{where}: has no coordinates; draw the zone in Frigate first")
    parts = coordinates if isinstance(coordinates, list) else [coordinates]
    flat: list[float] = []
    for part in parts:
        values = part if isinstance(part, list) else str(part).split(",")
        flat += [_number(value, where) for value in values if str(value).strip()]
    if len(flat) % 2:
        raise ConfigError(f"{where}: {len(flat)} coordinates do not make x,y pairs")
    return list(zip(flat[::2], flat[1::2], strict=True))


def _number(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{where}: coordinate {value!r} is not a number") from None
    if not math.isfinite(number):
        raise ConfigError(f"{where}: coordinate {value!r} is not a finite number")
    return number


def _shares(
    points: list[tuple[float, float]], size: tuple[int, int] | None, where: str
) -> list[tuple[float, float]]:
    """Shares of the frame; pixels are told by a coordinate above 1."""
    largest = max(max(point) for point in points)
    if largest <= 1:
        return points
    if largest < _LEAST_PIXELS:
        raise ConfigError(
            f"{where}: {largest:g} is too large for a share of the frame and too small for pixels; "
            "correct the coordinates"
        )
    if size is None:
        raise ConfigError(
            f"{where}: is in pixels, and the file does not say of which picture; "
            "give the width and height of Frigate's detect stream with --size 1280x720"
        )
    width, height = size
    for x, y in points:
        if x > width or y > height:
            raise ConfigError(
                f"{where}: point {x:g},{y:g} lies beyond the detect stream's {width}x{height}; "
                "give the size that the zone was drawn in with --size"
            )
    return [(x / width, y / height) for x, y in points]


def _detect_size(
    table: Mapping[str, Any], camera: Mapping[str, Any], where: str
) -> tuple[int, int] | None:
    """`detect: width/height` of the camera, else of the whole file."""
    own = _mapping(camera.get("detect"), f"{where}: detect")
    default = _mapping(table.get("detect"), f"{where}: detect")
    width = own.get("width", default.get("width"))
    height = own.get("height", default.get("height"))
    if width is None or height is None:
        return None
    if not all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in (width, height)):
        raise ConfigError(f"{where}: detect: width {width!r} and height {height!r} are no size")
    return width, height
