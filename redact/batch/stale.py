"""Partial files that nobody writes any more."""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from redact.batch.planning import Job
from redact.sinks import is_partial

_PID = re.compile(r"\.partial-(\d+)-[0-9a-f]{6}")
_QUIET = 600.0  # seconds without a change after which nobody writes, on whatever machine


def remove_stale(jobs: Iterable[Job]) -> None:
    """Remove partial files of processes that are gone from the jobs' output folders.

    A process that is unknown here may live in another container or machine that shares the
    folder; so the file must have been quiet for a while as well.
    """
    folders = {job.output.parent for job in jobs}
    _remove(folders, lambda pid, path: not _lives(pid) and _quiet(path))


def remove_of(pid: int, folders: Iterable[Path]) -> None:
    """Remove the partial files of one process that has ended."""
    _remove(set(folders), lambda owner, _: owner == pid)


def abandon(jobs: Iterable[Job]) -> None:
    """Before leaving at once: end our worker processes, remove what they and we have begun."""
    pids = {os.getpid()}
    for child in multiprocessing.active_children():
        if child.pid is not None:
            pids.add(child.pid)
        child.kill()
        child.join(1)
    _remove({job.output.parent for job in jobs}, lambda owner, _: owner in pids)


def _remove(folders: set[Path], gone: Callable[[int, Path], bool]) -> None:
    for folder in folders:
        with suppress(OSError):  # tidying up; what matters fails when the output is written
            for path in folder.iterdir():
                match = _PID.search(path.name) if is_partial(path) else None
                if match and gone(int(match[1]), path):
                    path.unlink(missing_ok=True)


def _quiet(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _QUIET


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
