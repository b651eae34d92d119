"""The one door through which errors leave: one line on stderr, and an exit code.

A command raises, or returns its exit code; it prints no error itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

INTERRUPTED = 130
TERMINATED = 143


@dataclass
class Settings:
    """What holds for every command of one call: `ctx.find_object(Settings)`."""

    debug: bool = False


def one_line(message: object) -> str:
    """Without line breaks or control characters, whatever a file name may hold."""
    words = " ".join(str(message).split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def say_error(message: object) -> None:
    """One line on stderr. A stderr that is gone is no error."""
    line = one_line(message)
    try:
        click.echo(f"redact: error: {line}", err=True)
    except OSError:
        return


def fail(message: object, code: int) -> NoReturn:
    """Say it and leave."""
    say_error(message)
    raise SystemExit(code)


def _set_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    settings = ctx.find_object(Settings)
    if settings is not None and value:
        settings.debug = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_set_debug,
    help="Show where an unexpected error came from.",
)


class Door(click.Group):
    """A command group that turns every exception into one line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        settings = Settings()
        extra = {"obj": settings} | extra
        extra |= {"complete_var": complete_var, "windows_expand_args": windows_expand_args}
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
            sys.stdout.flush()  # a full disk or a closed pipe shows only now
        except Exception as error:  # noqa: BLE001 - the last door: each becomes one line
            _leave(error, settings.debug)
        raise SystemExit(result if isinstance(result, int) else 0)


def _leave(error: Exception, debug: bool) -> NoReturn:
    _drop_stdout()
    if isinstance(error, click.Abort):
        fail("interrupted", INTERRUPTED)
    if isinstance(error, click.UsageError):
        fail(_usage(error), error.exit_code)
    if isinstance(error, click.ClickException):
        fail(error.format_message(), error.exit_code)
    from redact.batch.failures import describe, exit_code_of, trace_of

    if debug:
        click.echo(trace_of(error), err=True, nl=False)
    fail(describe(error), exit_code_of(error))


def _drop_stdout() -> None:
    """Point a broken standard output elsewhere, or Python complains of it again at exit."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "redact"
    said = error.format_message().rstrip(".")
    return f"{said[:1].lower()}{said[1:]}; see `{command} --help`"
