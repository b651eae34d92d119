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
@click.option(
    "--c2pa-cert",
    type=PATH,
    metavar="PEM",
    help="Add a copy with Content Credentials: your certificate, and those that it leads to.",
)
@click.option("--c2pa-key", type=PATH, metavar="PEM", help="The private key of that (P-256).")
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
    c2pa_cert: Path | None,
    c2pa_key: Path | None,
    overwrite: bool,
) -> int:
    """Pack a redacted clip so that anyone can check where it comes from.

    The bundle holds the clip, its report, what the log says of it, the public key, and how to
    check all that. Only a clip whose run is in LOG can be shared.
    """
    from redact.audit import AuditLog, Statement, load_credentials
    from redact.audit import share as pack

    if (c2pa_cert is None) != (c2pa_key is None):
        raise click.UsageError("--c2pa-cert and --c2pa-key belong together; give both")
    credentials = load_credentials(c2pa_cert, c2pa_key) if c2pa_cert and c2pa_key else None
    bundle = output or clip.with_name(f"{clip.name}.zip")
    said = Statement(who, reason, basis)
    done = pack(
        clip,
        bundle,
        AuditLog(audit),
        to=to,
        reason=reason,
        statement=said,
        credentials=credentials,
        overwrite=overwrite,
    )
    click.echo(one_line(bundle))
    click.echo(f"redact: note: the key's fingerprint is {done.fingerprint}", err=True)
    return 0
