"""`redact keygen`: the owner's key pair."""

from __future__ import annotations

from pathlib import Path

import click

from redact.cli.door import debug_option
from redact.cli.options import PATH


@click.command()
@click.option(
    "-o", "--output", required=True, type=PATH, metavar="FILE", help="The secret key to write."
)
@click.option(
    "--sheet", type=PATH, metavar="FILE.html", help="A recovery sheet to print, with a QR code."
)
@debug_option
def keygen(output: Path, sheet: Path | None) -> int:
    """Make the key pair that sealed originals are opened with.

    FILE gets the secret key, FILE.pub the public one, which is printed as well. Nothing is ever
    replaced.
    """
    from datetime import UTC, datetime

    from redact.errors import ConfigError
    from redact.sealing import make_key_pair, recovery_sheet, write_key_pair
    from redact.sealing.keys import write_secret

    pair = make_key_pair()
    if sheet is not None and (sheet.exists() or sheet.is_symlink()):
        raise ConfigError(f"{sheet}: exists already; choose another name")
    page = recovery_sheet(pair, f"{datetime.now(UTC):%Y-%m-%d}") if sheet is not None else ""
    public = write_key_pair(pair, output)
    if sheet is not None:
        try:
            write_secret(sheet, page)
        except BaseException:
            output.unlink(missing_ok=True)
            public.unlink(missing_ok=True)
            raise
    click.echo(pair.public)
    click.echo(
        f"redact: note: {output} opens everything that is sealed to it; keep a copy off this "
        "computer. Without it a sealed original is lost.",
        err=True,
    )
    return 0
