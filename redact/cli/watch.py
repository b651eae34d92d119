"""`redact watch`: a folder that a camera keeps writing to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from redact.cli.door import Settings, debug_option
from redact.cli.options import PATH, config_options, make_config


@click.command()
@click.argument("folder", metavar="IN", type=PATH)
@click.argument("output", metavar="OUT", type=PATH)
@config_options
@click.option("--interval", type=float, metavar="SECONDS", help="Between looks at the folder.")
@click.option(
    "--settle",
    type=float,
    metavar="SECONDS",
    help="A file unchanged for this long is complete.",
)
@click.option("--once", is_flag=True, help="End when all that is there is done.")
@click.option("--overwrite", is_flag=True, help="Replace outputs made with other settings.")
@click.option("--out-inside", is_flag=True, help="Allow OUT inside IN.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@debug_option
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    folder: Path,
    output: Path,
    interval: float | None,
    settle: float | None,
    once: bool,
    overwrite: bool,
    out_inside: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Do the same as `run` for a folder that a camera keeps writing to.

    Each file is redacted once it is complete; one that failed, again when it changes.
    """
    from redact.batch import Job, WatchOptions
    from redact.batch import abandon as quit_at_once
    from redact.batch import watch as watch_folder
    from redact.cli.show import Log
    from redact.cli.signals import stopping

    given = {"interval": interval, "settle": settle}
    how = WatchOptions(
        once=once,
        overwrite=overwrite,
        inside=out_inside,
        **{name: value for name, value in given.items() if value is not None},
    )
    config = make_config(**options)
    settings = ctx.find_object(Settings)
    running: set[Job] = set()
    log = Log(running, quiet, settings is not None and settings.debug)
    with stopping(lambda: quit_at_once(running)) as stop:
        report = watch_folder(folder, output, config, how, listener=log, stop=stop.event)
    return report.exit_code
