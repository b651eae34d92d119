"""`redact audit`: check a log or a bundle, enter what a person decided."""

from __future__ import annotations

import json
from pathlib import Path

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH


@click.group()
def audit() -> None:
    """Check an audit log or a shared bundle; enter what was decided."""


@audit.command()
@click.argument("file", metavar="LOG|BUNDLE.zip|CLIP", type=PATH)
@click.option(
    "--key",
    type=PATH,
    metavar="PUB",
    help="The public key, from elsewhere; default: beside it. For a CLIP: the certificates that "
    "its signer's must lead to.",
)
@click.option("--head", metavar="DIGEST", help="Of an entry noted elsewhere: must be in the log.")
@click.option("--json", "as_json", is_flag=True, help="For machines, on stdout.")
@debug_option
def verify(file: Path, key: Path | None, head: str | None, as_json: bool) -> int:
    """Find any edit, removal or reordering. Exit code 8 if there is one.

    CLIP: an .mp4 or .mov with Content Credentials (C2PA) inside.
    """
    from dataclasses import asdict

    from redact.audit import verify_bundle, verify_log
    from redact.audit.credentials import FORMATS
    from redact.errors import ConfigError

    if file.suffix.lower() in FORMATS:
        if head is not None:
            raise ConfigError("--head is for logs; a clip is checked against certificates")
        return _verify_clip(file, key, as_json)
    if file.suffix.lower() == ".zip":
        if head is not None:
            raise ConfigError("--head is for logs; a bundle is checked against its key")
        found = verify_bundle(file, key=key)
    else:
        found = verify_log(file, key=key, head=head)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return 0
    click.echo(f"{one_line(file)}: sound; {found.entries} entries, {found.first} to {found.last}")
    click.echo(f"last entry: {found.digest}")
    click.echo(f"signed by the key: {found.fingerprint}")
    if found.story is not None:
        told = found.story
        click.echo(f"{one_line(told['output']['name'])}: shared with {one_line(told['to'])}")
        click.echo(f"reason: {one_line(told['reason'])}")
    if not found.trusted:
        click.echo(
            "redact: warning: the key was taken from beside it, where a forger could have put his "
            "own; compare the fingerprint, or pass --key",
            err=True,
        )
    return 0


def _verify_clip(file: Path, anchors: Path | None, as_json: bool) -> int:
    from dataclasses import asdict

    from redact.audit import read_credentials

    found = read_credentials(file, anchors=anchors)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return 0
    click.echo(f"{one_line(file)}: unaltered since it was signed by {one_line(found.signer)}")
    click.echo(f"says: {one_line(', '.join(found.actions))}; original: {one_line(found.original)}")
    if anchors is None:
        click.echo(
            "redact: warning: anybody can sign under any name; name the certificates that you "
            "trust with --key",
            err=True,
        )
    return 0


@audit.command()
@click.argument("log", metavar="LOG", type=PATH)
@click.argument("event", metavar="EVENT", type=click.Choice(["review", "export", "note"]))
@click.option("--clip", type=PATH, metavar="FILE", help="The recording that it is about.")
@click.option("--decision", metavar="TEXT", help="What was decided.")
@click.option("--who", metavar="TEXT", required=True, help="Who did it.")
@click.option("--why", metavar="TEXT", default="", help="Why.")
@click.option("--basis", metavar="TEXT", default="", help="The legal ground.")
@debug_option
def add(
    log: Path, event: str, clip: Path | None, decision: str | None, who: str, why: str, basis: str
) -> int:
    """Enter a review decision, an export, or a note."""
    from redact.audit import AuditLog, Statement
    from redact.audit.log import digest_of_file
    from redact.errors import SourceError

    facts: dict[str, object] = {} if decision is None else {"decision": decision}
    if clip is not None:
        try:
            size, digest = digest_of_file(clip)
        except OSError as error:
            raise SourceError(f"{clip}: cannot be read: {error.strerror or error}") from error
        facts["output"] = {"name": clip.name, "bytes": size, "sha256": digest}
    entry = AuditLog(log).append(event, Statement(who, why, basis), facts)
    click.echo(f"entry {entry.number}: {entry.digest}")
    return 0
