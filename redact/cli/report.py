"""`redact report`: what was hidden, over a day or a month."""

from __future__ import annotations

from pathlib import Path

import click

from redact.cli.door import debug_option
from redact.cli.options import PATH


@click.command()
@click.argument("out", metavar="OUT", type=PATH)
@click.option("-o", "--output", required=True, type=PATH, metavar="FILE", help=".html or .png")
@click.option("--overwrite", is_flag=True, help="Replace FILE.")
@debug_option
def report(out: Path, output: Path, overwrite: bool) -> int:
    """Plot what was hidden: people per hour, reasons, processing time.

    OUT is what `redact run` wrote. The result is one file that loads nothing and holds no
    picture of anybody.
    """
    from redact.web.summary import summarise, write_summary

    summary = summarise(out)
    write_summary(summary, output, overwrite=overwrite)
    click.echo(f"redact: {summary.files} files, {summary.people_hidden} people hidden: {output}")
    return 0
