"""`redact gstreamer`: the element `redact` for GStreamer pipelines."""

from __future__ import annotations

from pathlib import Path

import click

from redact.cli.door import debug_option
from redact.cli.options import PATH


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def gstreamer() -> None:
    """Let GStreamer find the element `redact`."""


_folder = click.option(
    "--folder",
    type=PATH,
    metavar="FOLDER",
    help="A folder of GST_PLUGIN_PATH; by default the user's own plugins.",
)


@gstreamer.command()
@_folder
@debug_option
def install(folder: Path | None) -> None:
    """Write the plugin file.

    Needs Debian's gstreamer1.0-python3-plugin-loader and python3-gst-1.0, and a redact that is
    installed for the same Python.
    """
    from redact.gstreamer import DEFAULT_FOLDER
    from redact.gstreamer import install as write

    click.echo(f"{write(folder or DEFAULT_FOLDER)}")
    if folder is not None:
        click.echo(f"now: export GST_PLUGIN_PATH={folder.absolute()}", err=True)
    click.echo("then: gst-inspect-1.0 redact", err=True)


@gstreamer.command()
@_folder
@debug_option
def uninstall(folder: Path | None) -> None:
    """Take the plugin file away."""
    from redact.gstreamer import DEFAULT_FOLDER
    from redact.gstreamer import uninstall as remove

    click.echo(f"{remove(folder or DEFAULT_FOLDER)}")
