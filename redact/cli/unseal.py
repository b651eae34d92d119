"""`redact unseal`: open a sealed original."""

from __future__ import annotations

from pathlib import Path

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH


class Seconds(click.ParamType[float]):
    """`90`, `1:30` or `0:01:30.5`."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        total, parts = 0.0, str(value).split(":")
        try:
            for part in parts:
                total = 60 * total + float(part)
        except ValueError:
            total = -1
        if len(parts) > 3 or not 0 <= total < 1e9:
            self.fail(f"{value!r} is no time such as 90, 1:30 or 0:01:30.5", param, ctx)
        return total


@click.command()
@click.argument("file", metavar="FILE.age", type=PATH)
@click.option("--identity", required=True, type=PATH, metavar="KEY", help="The owner's secret key.")
@click.option("-o", "--output", type=PATH, metavar="OUT", help="Default: FILE without .age.")
@click.option("--from", "start", type=Seconds(), help="Begin here, at the key frame before it.")
@click.option("--to", "end", type=Seconds(), help="End here.")
@click.option("--overwrite", is_flag=True, help="Replace OUT.")
@click.option("--audit", type=PATH, metavar="LOG", help="Enter it in this audit log.")
@click.option("--who", metavar="TEXT", default="", help="For the log: who does it.")
@click.option("--why", metavar="TEXT", default="", help="For the log: why.")
@click.option("--basis", metavar="TEXT", default="", help="For the log: the legal ground.")
@debug_option
def unseal(
    file: Path,
    identity: Path,
    output: Path | None,
    start: float | None,
    end: float | None,
    overwrite: bool,
    audit: Path | None,
    who: str,
    why: str,
    basis: str,
) -> int:
    """Open a sealed original with the owner's key.

    OUT appears only when the whole of FILE has proved genuine. It is the original: everybody in
    it can be seen.
    """
    from redact.audit import AuditLog, Statement
    from redact.errors import ConfigError
    from redact.sealing import SUFFIX, load_identities
    from redact.sealing import unseal as open_sealed

    if output is None:
        if file.suffix != SUFFIX:
            raise ConfigError(f"{file}: does not end in {SUFFIX}; name the output with -o")
        output = file.with_suffix("")
    identities = load_identities(identity)
    span = {"from": start, "to": end}
    log = None if audit is None else AuditLog(audit)
    if log is not None:  # before it is opened: the log must know of what was only tried, too
        details = {"sealed": file.name, **{k: v for k, v in span.items() if v is not None}}
        log.append("unseal", Statement(who, why, basis), details)
    done = open_sealed(file, output, identities, start=start, end=end, overwrite=overwrite)
    if log is not None:
        facts = {"sealed": file.name, "original_sha256": done.original_sha256}
        log.append("unsealed", Statement(who, why, basis), facts)
    said = f"{one_line(file)} -> {one_line(output)}"
    if done.start is not None:
        said += f"; from {done.start:.2f} s (a key frame) to {done.end:.2f} s"
    click.echo(said, err=True)
    return 0
