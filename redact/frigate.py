"""Zones out of a Frigate configuration.

Frigate keeps a zone as `"x,y,x,y,..."` or as a list of `"x,y"`, in shares of the frame or, in
older files, in pixels of its detect stream. It has no holes. Where Frigate only asks whether
the bottom centre of a box lies in the zone, redact shows a person on consistent evidence alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from redact.errors import ConfigError
from redact.geometry import MAX_POINTS, Zone

DIFFERENCE = (
    "Frigate asks only whether the bottom centre of a box lies in the zone, and shows all else; "
    "redact hides everyone, and shows a person only while they stand on the zone beyond doubt"
)
_LEAST_PIXELS = 2.0  # no picture is this small, and no share this large
_MAX_BYTES = 1 << 18  # a file of thirty cameras has a tenth of this
_MAX_ALIASES = 1000  # `*name`
_MAX_MERGED = 10_000  # lines of one mapping, with what `<<: *name` brings


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


class _Loader(yaml.SafeLoader):
    """Plain values alone, and none that a few lines blow up to fill the memory."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > _MAX_ALIASES:
                raise yaml.YAMLError(f"more than {_MAX_ALIASES} aliases (`*name`)")
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > _MAX_MERGED:
            raise yaml.YAMLError(f"one mapping (with `<<` merges) has over {_MAX_MERGED} lines")


def _load(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError(
                f"{path}: is larger than {_MAX_BYTES >> 10} KiB; copy the camera's part into a "
                "file of its own"
            )
        table = yaml.load(content.decode("utf-8-sig"), _Loader)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the Frigate configuration: {error.strerror or error}"
        ) from error
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(_cannot_construct(path, error)) from error
    except ConfigError:
        raise
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"{path}: not a YAML file: {text}") from error
    return _mapping(table, f"{path}: the file")


def _cannot_construct(path: Path, error: yaml.constructor.ConstructorError) -> str:
    line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
    if "constructor for the tag" not in str(error.problem):
        return f"{path}: {line}not a YAML file: {error.problem}"
    return (
        f"{path}: {line}{error.problem}; replace what `!include`, `!secret` and the like stand "
        "for by hand, or copy the camera's part into a file of its own"
    )


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
        values = part if isinstance(part, list) else part.split(",") if _is_text(part) else [part]
        flat += [_number(v, where) for v in values if not (_is_text(v) and not v.strip())]
        if len(flat) > 2 * MAX_POINTS:
            raise ConfigError(f"{where}: more than {MAX_POINTS} points; draw a simpler zone")
    if len(flat) % 2:
        raise ConfigError(f"{where}: {len(flat)} coordinates do not make x,y pairs")
    points = list(zip(flat[::2], flat[1::2], strict=True))
    return [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]  # double clicks


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{where}: a coordinate of type {type(value).__name__} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
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
    shares = [v for point in points for v in point if 0 < v < 1]
    if shares:
        raise ConfigError(
            f"{where}: mixes shares of the frame ({shares[0]:g}) and pixels ({largest:g}); "
            "correct the coordinates"
        )
    if size is None:
        raise ConfigError(
            f"{where}: is in pixels, and the file does not say of which picture; add "
            "`detect: {width: ..., height: ...}` to the camera, or pass --size 1280x720"
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
