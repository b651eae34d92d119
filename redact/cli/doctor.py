"""`redact doctor`: what is installed, and whether it works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH

if TYPE_CHECKING:
    from redact.doctor import Examination

_COLOURS = {"ok": "green", "absent": "yellow", "broken": "red"}


@click.command()
@click.option(
    "--model", "models", type=PATH, multiple=True, metavar="FILE", help="Try this model as well."
)
@click.option("--json", "as_json", is_flag=True, help="For machines, on stdout.")
@debug_option
def doctor(models: tuple[Path, ...], as_json: bool) -> int:
    """Say what is installed, and whether it works. Exits with 1 if something needed does not."""
    from redact.doctor import examine

    examination = examine(models)
    if as_json:
        click.echo(json.dumps(examination.to_dict(), indent=2))
    else:
        _show(examination)
    return examination.exit_code


def _show(examination: Examination) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    group = ""
    for check in examination.checks:
        advice = f" -> {check.advice}" if check.advice else ""
        if not console.is_terminal:
            said = f"{check.said}{advice}"
            click.echo(one_line(f"{check.group}: {check.name}: {check.state}: {said}"))
            continue
        title, group = (check.group if check.group != group else ""), check.group
        state = f"[{_COLOURS[check.state]}]{check.state}[/]"
        table.add_row(title, escape(check.name), state, escape(check.said + advice))
    if console.is_terminal:
        console.print(table)
    broken = sum(check.state == "broken" for check in examination.checks)
    click.echo(f"{broken} broken: see what is said there" if broken else "all that is needed works")
