"""Unfinished outputs that nobody writes any more."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from redact.batch.planning import Job
from redact.errors import RedactError
from redact.storage import ObjectPath, Place, owner_of

_QUIET = 600.0  # seconds without a change after which nobody writes, on whatever machine


def remove_stale(jobs: Iterable[Job]) -> None:
    """Remove unfinished outputs of writers that are gone from the jobs' output folders.

    A process that is unknown here may live in another container or machine that shares the
    folder or bucket; so the file must have been quiet for a while as well.
    """
    jobs = list(jobs)
    folders = {job.output.parent for job in jobs}
    _remove(folders, lambda owner, changed: not _lives(owner) and _quiet(changed))
    finals = {job.output for job in jobs if isinstance(job.output, ObjectPath)}
    for bucket, prefix in {(final.bucket, final.parent.prefix) for final in finals}:
        _abort(bucket, prefix, lambda at, changed: at in finals and _quiet(changed))


def remove_of(owner: int, folders: Iterable[Place]) -> None:
    """Remove what one writer that has ended left unfinished."""
    _remove(set(folders), lambda other, _: other == owner)


def abandon(jobs: Iterable[Job]) -> None:
    """Before leaving at once: end our worker processes, remove what they and we have begun."""
    pids = {os.getpid()}
    for child in multiprocessing.active_children():
        if child.pid is not None:
            pids.add(child.pid)
        child.kill()
        child.join(1)
    _remove({job.output.parent for job in jobs}, lambda owner, _: owner in pids)


def _remove(folders: set[Place], gone: Callable[[int, float], bool]) -> None:
    """gone: told the owner and when it last changed, in seconds since the epoch."""
    for folder in folders:
        with suppress(OSError, RedactError):  # tidying up; what matters fails at the output
            if isinstance(folder, ObjectPath):
                _remove_objects(folder, gone)
            else:
                _remove_files(folder, gone)


def _remove_files(folder: Path, gone: Callable[[int, float], bool]) -> None:
    for path in folder.iterdir():
        owner = owner_of(path.name)
        if owner is not None and gone(owner, path.stat().st_mtime):
            path.unlink(missing_ok=True)


def _remove_objects(folder: ObjectPath, gone: Callable[[int, float], bool]) -> None:
    def ended(at: ObjectPath, changed: float) -> bool:
        owner = owner_of(at.name)
        return at.parent == folder and owner is not None and gone(owner, changed)

    for place in folder.below(f"{folder.prefix}."):
        if ended(place, place.stat().st_mtime_ns / 1e9):
            place.unlink(missing_ok=True)
    _abort(folder.bucket, f"{folder.prefix}.", ended)


def _abort(bucket: str, prefix: str, ended: Callable[[ObjectPath, float], bool]) -> None:
    """End uploads that nobody feeds any more."""
    from redact.storage.upload import uploads_below

    with suppress(OSError, RedactError):
        for upload in uploads_below(bucket, prefix):
            if ended(upload.at, upload.last_change()):
                upload.abort()


def _quiet(changed: float) -> bool:
    return time.time() - changed > _QUIET


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # such large numbers are no processes
        return False
    except PermissionError:
        return True
    return True
