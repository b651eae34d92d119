"""`redact review`: look at what was made before it leaves the house."""

from __future__ import annotations

from pathlib import Path

import click

from redact.cli.door import debug_option
from redact.cli.options import PATH


@click.command(epilog="The page is served to this computer alone; its address works once.")
@click.argument("out", metavar="OUT", type=PATH)
@click.option(
    "--original",
    type=PATH,
    metavar="FILE|FOLDER",
    help="Show the originals beside the outputs: in memory only, on this page only.",
)
@click.option("--export", type=PATH, metavar="FOLDER", help="Where approved outputs are copied.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@debug_option
def review(out: Path, original: Path | None, export: Path | None, no_browser: bool) -> int:
    """Review outputs in a browser: hide more by hand, approve, export.

    OUT is what `redact run` wrote, a file or a folder with the reports beside the videos.
    """
    from redact.cli.page import announcing, need_web
    from redact.errors import ConfigError

    need_web()
    from redact.web.outputs import find_outputs
    from redact.web.review import Review
    from redact.web.serving import Door, serve

    folder, outputs = find_outputs(out)
    if original is not None and not original.exists():
        raise ConfigError(f"{original}: no such file or folder; name the originals")
    door = Door()
    page = Review(folder, outputs, door, originals=original, export=export)
    try:
        serve(page.app(), door, announce=announcing(not no_browser))
    finally:
        page.close()
    return 0
