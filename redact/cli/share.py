"""`redact share`: a bundle that anyone can check."""

from __future__ import annotations

from pathlib import Path

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH


@click.command()
@click.argument("clip", metavar="CLIP", type=PATH)
@click.option("--to", required=True, metavar="TEXT", help="Who gets it.")
@click.option("--reason", required=True, metavar="TEXT", help="What for.")
@click.option("--audit", required=True, type=PATH, metavar="LOG", help="The log of its run.")
@click.option("-o", "--output", type=PATH, metavar="FILE.zip", help="Default: CLIP.zip.")
@click.option("--who", metavar="TEXT", default="", help="For the log: who hands it out.")
@click.option("--basis", metavar="TEXT", default="", help="For the log: the legal ground.")
@click.option("--overwrite", is_flag=True, help="Replace FILE.zip.")
@debug_option
def share(
    clip: Path,
    to: str,
    reason: str,
    audit: Path,
    output: Path | None,
    who: str,
    basis: str,
    overwrite: bool,
) -> int:
    """Pack a redacted clip so that anyone can check where it comes from.

    The bundle holds the clip, its report, what the log says of it, the public key, and how to
    check all that. Only a clip whose run is in LOG can be shared.
    """
    from redact.audit import AuditLog, Statement
    from redact.audit import share as pack

    bundle = output or clip.with_name(f"{clip.name}.zip")
    said = Statement(who, reason, basis)
    done = pack(
        clip, bundle, AuditLog(audit), to=to, reason=reason, statement=said, overwrite=overwrite
    )
    click.echo(one_line(bundle))
    click.echo(f"redact: note: the key's fingerprint is {done.fingerprint}", err=True)
    return 0
