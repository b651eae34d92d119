"""The one door through which errors leave: one line on stderr, and an exit code.

A command raises, or returns its exit code; it prints no error itself.
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from redact.errors import RedactError

INTERRUPTED = 130
TERMINATED = 143


@dataclass
class Settings:
    """What holds for every command of one call: `ctx.find_object(Settings)`."""

    debug: bool = False


def say_error(message: object) -> None:
    """One line on stderr, whatever the message holds. A stderr that is gone is no error."""
    line = " ".join(str(message).split())
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
        options = (args, prog_name, complete_var, False, windows_expand_args)
        if not standalone_mode:
            return super().main(*options, **extra)
        try:
            result = super().main(*options, **extra)
        except Exception as error:  # noqa: BLE001 - the last door: each becomes one line
            _leave(error, settings.debug)
        raise SystemExit(result if isinstance(result, int) else 0)


def _leave(error: Exception, debug: bool) -> NoReturn:
    if isinstance(error, click.Abort):
        fail("interrupted", INTERRUPTED)
    if isinstance(error, click.UsageError):
        fail(_usage(error), error.exit_code)
    if isinstance(error, click.ClickException):
        fail(error.format_message(), error.exit_code)
    if debug and not isinstance(error, click.ClickException):
        traceback.print_exception(error, file=sys.stderr)  # lines of code; never values
    if isinstance(error, RedactError):
        fail(error, error.exit_code)
    if isinstance(error, OSError):
        fail(describe_os_error(error), 1)
    fail(describe_unexpected(error), 1)


def describe_os_error(error: OSError) -> str:
    """`PATH: what; what to do` of an error of the system."""
    where = f"{error.filename}: " if error.filename else ""
    advice = {
        errno.ENOSPC: "; free some space and run it again",
        errno.EDQUOT: "; free some space and run it again",
        errno.EACCES: "; check the permissions",
        errno.EPERM: "; check the permissions",
        errno.EROFS: "; choose another folder",
    }.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}{advice}"


def describe_unexpected(error: BaseException) -> str:
    """For what should not happen."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"unexpected error: {said}; please report it, with the output of --debug"


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "redact"
    said = error.format_message().rstrip(".")
    return f"{said[:1].lower()}{said[1:]}; see `{command} --help`"
