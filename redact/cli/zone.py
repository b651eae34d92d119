"""`redact zone`: import and check the outline of a property."""

from __future__ import annotations

import json
from pathlib import Path

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH
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
@click.option("--json", "as_json", is_flag=True, help="For machines, on stdout.")
@debug_option
def check(file: Path, as_json: bool) -> int:
    """Say whether an outline is sound, and what it covers."""
    from redact.config import load_zone

    found = load_zone(file)
    corners = [len(ring) for ring in found.polygons]
    edges = found.frame_edges
    plain = {
        "polygons": len(found.polygons),
        "holes": len(found.holes),
        "corners": sum(corners),
        "area": round(found.area, 4),
        "frame_edges": edges,
        "digest": found.digest,
    }
    if as_json:
        click.echo(json.dumps(plain, indent=2))
        return 0
    holes = f", {len(found.holes)} holes" if found.holes else ""
    click.echo(f"{one_line(file)}: sound; {len(corners)} polygons, {sum(corners)} corners{holes}")
    click.echo(f"covers {100 * found.area:.1f} % of the picture")
    if edges:
        click.echo(
            f"reaches the {', '.join(edges)} of the picture; people cut off there may stand on it"
        )
    return 0
