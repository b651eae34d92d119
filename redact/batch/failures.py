"""From an exception to one line and an exit code."""

from __future__ import annotations

import errno
import re
import traceback

from redact.batch.outcome import Outcome, State
from redact.batch.planning import Job
from redact.errors import RedactError

_ADVICE = {
    errno.ENOSPC: "; free some space and run it again",
    errno.EDQUOT: "; free some space and run it again",
    errno.EACCES: "; check the permissions",
    errno.EPERM: "; check the permissions",
    errno.EROFS: "; choose another folder",
}

_VALUES = re.compile(r"array\(|\d[\s,\]]+\d+[\s,\]]+\d+[\s,\]]+\d")
_LONGEST = 300


def describe(error: BaseException) -> str:
    """What to say of an exception, whatever it is."""
    if isinstance(error, RedactError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}{_ADVICE.get(error.errno, '')}"
    if isinstance(error, MemoryError):
        return "out of memory; close other programs, or use fewer --jobs"
    return f"unexpected error: {_kind(error)}; please report it, with the output of --debug"


def _kind(error: BaseException) -> str:
    """Type and message, unless that may quote a picture: another library wrote it."""
    name, said = type(error).__name__, str(error)
    if _VALUES.search(said):
        said = "(values left out)"
    return f"{name}: {said[:_LONGEST]}" if said else name


def trace_of(error: BaseException) -> str:
    """The lines of code that an exception and its causes came through; no values."""
    parts, seen = list[str](), set[int]()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        said = f"{type(at).__name__}: {at}" if isinstance(at, RedactError) else _kind(at)
        lines = "".join(traceback.format_tb(at.__traceback__))
        parts.insert(0, f"Traceback (most recent call last):\n{lines}{said}\n")
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\nwhich led to\n\n".join(parts)


def exit_code_of(error: BaseException) -> int:
    return error.exit_code if isinstance(error, RedactError) else 1


def failed(job: Job, error: BaseException) -> Outcome:
    """The outcome of a job that raised. Its line names the file, whoever wrote it."""
    said = describe(error)
    if str(job.source) not in said and str(job.output) not in said:
        said = f"{job.source}: {said}"
    code = exit_code_of(error)
    return Outcome(job, State.FAILED, error=said, exit_code=code, trace=trace_of(error))
