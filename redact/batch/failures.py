"""From an exception to one line and an exit code."""

from __future__ import annotations

import errno
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


def describe(error: BaseException) -> str:
    """What to say of an exception, whatever it is."""
    if isinstance(error, RedactError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}{_ADVICE.get(error.errno, '')}"
    if isinstance(error, MemoryError):
        return "out of memory; close other programs, or use fewer --jobs"
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"unexpected error: {said}; please report it, with the output of --debug"


def exit_code_of(error: BaseException) -> int:
    return error.exit_code if isinstance(error, RedactError) else 1


def failed(job: Job, error: BaseException) -> Outcome:
    """The outcome of a job that raised. Its line names the file, whoever wrote it."""
    said = describe(error)
    if str(job.source) not in said and str(job.output) not in said:
        said = f"{job.source}: {said}"
    trace = "".join(traceback.format_exception(error))
    return Outcome(job, State.FAILED, error=said, exit_code=exit_code_of(error), trace=trace)
