"""The command line. Each command lives in a file of its own and is loaded when it is called.

Nothing heavy may be imported here or at the top of a command's file: `redact --help` answers
without a codec, vision or inference library.
"""

from __future__ import annotations

import os
from importlib import import_module

import click

import redact
from redact.cli.door import Door

COMMANDS = {
    "run": "redact.cli.run:run",
    "watch": "redact.cli.watch:watch",
    "filter": "redact.cli.filter:filter_pipe",
    "relay": "redact.cli.relay:relay",
    "gstreamer": "redact.cli.gstreamer:gstreamer",
    "eval": "redact.cli.evaluate:evaluate",
    "doctor": "redact.cli.doctor:doctor",
    "zone": "redact.cli.zone:zone",
    "keygen": "redact.cli.keygen:keygen",
    "unseal": "redact.cli.unseal:unseal",
    "audit": "redact.cli.audit:audit",
    "share": "redact.cli.share:share",
    "review": "redact.cli.review:review",
    "report": "redact.cli.report:report",
}
_SUMMARIES = {
    "run": "Hide everyone beyond the property in files and folders.",
    "watch": "The same for a folder that a camera keeps writing to.",
    "filter": "The same for raw video on standard input and output.",
    "relay": "The same for live cameras, around the clock.",
    "gstreamer": "The same as an element of GStreamer.",
    "eval": "Measure from pixels what a redacted clip still shows.",
    "doctor": "Say what is installed, and whether it works.",
    "keygen": "Make the key pair that sealed originals are opened with.",
    "unseal": "Open a sealed original with the owner's key.",
    "audit": "Check an audit log or a shared bundle; enter what was decided.",
    "share": "Pack a redacted clip so that anyone can check where it comes from.",
    "zone": "Draw, import and check the outline of a property.",
    "review": "Look at outputs in a browser, hide more by hand, approve.",
    "report": "Plot what was hidden, over a day or a month.",
}


class _Lazy(Door):
    """Imports a command's module when the command is called, not when the program starts."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SUMMARIES[name]) for name in COMMANDS])


@click.command(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: redact run CLIP.mp4 --zone zone.json -o OUT.mp4",
)
@click.version_option(redact.__version__, prog_name="redact", message="%(prog)s %(version)s")
def cli() -> None:
    """Hide everyone beyond your property in camera footage, before it is stored or shared."""


def main() -> None:
    """The `redact` command. Exits with the code that `redact.errors` gives to an error."""
    from redact.hardening import no_core_dumps, one_heap

    no_core_dumps()
    one_heap()
    # Stages overlap already; OpenCV's own threads would mostly wait for each other.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    cli(prog_name="redact")
