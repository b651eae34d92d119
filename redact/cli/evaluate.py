"""`redact eval`: what a redacted clip still shows, measured from its pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH

if TYPE_CHECKING:
    from redact.evaluate import Evaluation

_TRACKS = 10  # leaking tracks that the table names


@click.command("eval")
@click.argument("original", type=PATH)
@click.argument("redacted", type=PATH)
@click.option(
    "--truth",
    required=True,
    type=PATH,
    metavar="GT.csv",
    help="Who stands where: columns frame,track_id,x,y,w,h[,visibility].",
)
@click.option("--zone", required=True, type=PATH, metavar="FILE", help="The property: a zone.json.")
@click.option(
    "--masks",
    type=PATH,
    metavar="FILE.npz",
    help="Whose pixel is whose, run lengths: also measure strangers within residents' boxes.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines, on stdout.")
@click.option("--list-leaks", is_flag=True, help="Name each frame and track that has leaked.")
@debug_option
def evaluate(
    original: Path,
    redacted: Path,
    truth: Path,
    zone: Path,
    masks: Path | None,
    as_json: bool,
    list_leaks: bool,
) -> int:
    """Measure what REDACTED still shows of the people of ORIGINAL.

    Someone beyond the property has leaked in a frame where the structure of head or body
    survives. Where somebody on the property stands before them, only exact masks tell what shows
    beside that person. Exits with 0 whatever the figures are.
    """
    from redact.config import load_zone
    from redact.evaluate import evaluate as measure

    result = measure(original, redacted, truth, load_zone(zone), masks=masks)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=2))
    else:
        _show(result)
        if list_leaks:
            _list(result)
    if not result.frames_match:
        click.echo(
            f"redact: warning: {one_line(redacted)}: {len(result.missing)} frames are missing and "
            f"{result.extra} are extra; the figures hold for the others alone",
            err=True,
        )
    return 0


def _list(result: Evaluation) -> None:
    """One line for each leak; shares are of what the original shows of head and body."""
    for leak in result.leaks:
        parts = (("head", leak.head, leak.head_leak), ("body", leak.body, leak.body_leak))
        seen = ", ".join(f"{name} {share or 0:.0%} kept" for name, share, leaks in parts if leaks)
        time = float(result.times[leak.frame])
        click.echo(f"leak: frame {leak.frame} ({time:.3f} s), track {leak.track_id}: {seen}")
    for one in result.shown:
        time = float(result.times[one.frame])
        click.echo(
            f"shown: frame {one.frame} ({time:.3f} s), track {one.track_id}: "
            f"{one.share:.0%} of {one.pixels} pixels"
        )


def _show(result: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    totals = Table("measure", "value", box=None, pad_edge=False)
    for name, value in result.rows():
        totals.add_row(name, value)
    console.print(totals)
    leaking = [track for track in result.tracks if track.leaked]
    if not leaking:
        return
    tracks = Table("track", "leaked", "of", "head", "body", "longest", box=None, pad_edge=False)
    for track in leaking[:_TRACKS]:
        figures = (track.track_id, track.leaked, track.outside, track.head_leaks, track.body_leaks)
        tracks.add_row(*(str(figure) for figure in figures), f"{track.longest_leak:.2f} s")
    console.print()
    console.print(tracks)
    if len(leaking) > _TRACKS:
        console.print(f"and {len(leaking) - _TRACKS} more; --json names them all")
