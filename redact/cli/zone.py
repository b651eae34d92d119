"""`redact zone`: import and check the outline of a property."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH, editing_options
from redact.errors import ConfigError


class Size(click.ParamType[tuple[int, int]]):
    """`1280x720`."""

    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, _, height = str(value).partition("x")
        if not (width.isascii() and height.isascii() and width.isdigit() and height.isdigit()):
            self.fail(f"{value!r} is no size such as 1280x720", param, ctx)
        if not (int(width) and int(height)):
            self.fail(f"{value!r} has no area", param, ctx)
        return int(width), int(height)


@click.group()
def zone() -> None:
    """Make and check the outline of a property."""


@zone.command("import")
@click.argument("frigate", metavar="FRIGATE.yml", type=PATH)
@click.option("--camera", metavar="NAME", help="May be left out where there is one only.")
@click.option(
    "--zone", "zones", multiple=True, metavar="NAME", help="May be repeated; they are joined."
)
@click.option("--size", type=Size(), help="Of Frigate's detect stream, for zones in pixels.")
@click.option(
    "-o", "--output", type=PATH, metavar="FILE", help="The zone.json to write; default: stdout."
)
@click.option("--overwrite", is_flag=True, help="Replace FILE.")
@debug_option
def import_(
    frigate: Path,
    camera: str | None,
    zones: tuple[str, ...],
    size: tuple[int, int] | None,
    output: Path | None,
    overwrite: bool,
) -> int:
    """Take zones of a camera out of a Frigate configuration."""
    from redact.frigate import DIFFERENCE, import_zones

    text = json.dumps(import_zones(frigate, camera, zones, size).to_dict(), indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, overwrite)
    click.echo(f"redact: note: {DIFFERENCE}", err=True)
    return 0


def _write(path: Path, text: str, overwrite: bool) -> None:
    """Whole or not at all. Raises ConfigError, SinkError."""
    from redact.sinks.partial import Partial

    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: exists already; pass --overwrite to replace it")
    partial = Partial(path)
    try:
        partial.path.write_text(text, encoding="ascii")
        partial.publish()
    finally:
        partial.discard()


@zone.command()
@click.argument("file", metavar="ZONE.json", type=PATH)
@click.option("--frame", type=Size(), help="Show the corners in pixels of a picture of this size.")
@click.option("--json", "as_json", is_flag=True, help="For machines, on stdout.")
@debug_option
def check(file: Path, frame: tuple[int, int] | None, as_json: bool) -> int:
    """Say whether an outline is sound, what it covers, and what is seldom meant."""
    from redact.config import load_zone
    from redact.geometry import doubts

    found = load_zone(file)
    plain = {
        "polygons": len(found.polygons),
        "holes": len(found.holes),
        "corners": sum(len(ring) for ring in found.polygons),
        "area": round(found.area, 4),
        "frame_edges": found.frame_edges,
        "warnings": doubts(found),
        "digest": found.digest,
    }
    if as_json:
        click.echo(json.dumps(plain, indent=2))
        return 0
    holes = f", {plain['holes']} holes" if found.holes else ""
    counts = f"{plain['polygons']} polygons, {plain['corners']} corners{holes}"
    click.echo(f"{one_line(file)}: sound; {counts}")
    for name, rings in (("polygons", found.polygons), ("holes", found.holes)):
        for i, ring in enumerate(rings):
            click.echo(f"{name}[{i}]: {_corners(ring.tolist(), frame)}")
    click.echo(f"covers {100 * found.area:.1f} % of the picture")
    if edges := found.frame_edges:
        click.echo(
            f"reaches the {', '.join(edges)} of the picture; people cut off there may stand on it"
        )
    for doubt in doubts(found):
        click.echo(f"redact: warning: {one_line(file)}: {doubt}", err=True)
    return 0


def _corners(ring: list[list[float]], frame: tuple[int, int] | None) -> str:
    width, height = frame or (1, 1)
    digits = 0 if frame else 4
    return " ".join(f"{round(x * width, digits):g},{round(y * height, digits):g}" for x, y in ring)


@zone.command(epilog="The page is served to this computer alone; its address works once.")
@click.argument("what", metavar="CLIP|RTSP|SNAPSHOT")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default="zone.json",
    show_default=True,
    metavar="FILE",
    help="The outline to make, or to change where it exists.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="How much of it is looked at, from its start; held in memory.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@editing_options
@debug_option
def edit(what: str, output: Path, seconds: float, no_browser: bool, **options: Any) -> int:
    """Draw the property in a browser, and see who would be hidden."""
    from redact.cli.page import announcing, edit_zone

    return edit_zone(what, output, seconds, announcing(not no_browser), options)
