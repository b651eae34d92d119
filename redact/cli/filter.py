"""`redact filter`: raw video in on standard input, redacted raw video out on standard output."""

from __future__ import annotations

import sys
from typing import Any, Literal

import click

from redact.cli.door import debug_option
from redact.cli.options import hiding_options, make_config

_MATRICES = {"bt709": 1, "bt601": 6, "bt2020": 9}  # code points of H.273; 2 is unknown


@click.command(
    "filter",
    epilog="ffmpeg -i IN -f nut -c:v rawvideo - | redact filter --zone zone.json "
    "| ffmpeg -i - OUT.mp4",
)
@hiding_options
@click.option(
    "--to",
    type=click.Choice(["y4m", "nut"]),
    help="What is written; by default what is read.",
)
@click.option(
    "--on-failure",
    type=click.Choice(["raise", "hide"]),
    default="raise",
    help="When a stage fails on a frame: end with an error (default), or hide that frame whole.",
)
@click.option(
    "--matrix",
    type=click.Choice(list(_MATRICES)),
    help="What the input's colours mean, which a pipe does not say; by default after its size. "
    "Models see the same colours as `redact run` where this is as in the clip.",
)
@debug_option
@click.pass_context
def filter_pipe(
    ctx: click.Context,
    /,
    to: Literal["y4m", "nut"] | None,
    on_failure: Literal["raise", "hide"],
    matrix: str | None,
    **options: Any,
) -> None:
    """Hide everyone beyond the property in raw video, from standard input to standard output.

    y4m (one constant rate) or NUT (every frame its own time), in 4:2:0. Sound stays with the
    program outside.
    """
    from redact.build import load_detector, make_redactor, refuse_muting
    from redact.cli.signals import stopping
    from redact.pipeline import Pipeline
    from redact.reading import open_pipe
    from redact.sinks import PipeSink

    if sys.stdin.isatty() or sys.stdout.isatty():
        raise click.UsageError("raw video comes and goes through pipes, not a terminal", ctx)
    config = make_config(**options)
    refuse_muting(config, "a filter")
    detector = load_detector(config)
    told = _MATRICES.get(matrix or "", 2)
    with stopping(lambda: None) as stop, open_pipe(sys.stdin.buffer, config, told) as source:
        if source.audio:
            click.echo("redact: warning: the sound of the input is not passed on", err=True)
        sink = PipeSink(sys.stdout.buffer, to or source.format)
        redactor = make_redactor(source.info, config, detector, on_failure=on_failure)
        Pipeline(source, redactor, sink, stop=stop.event).run()
