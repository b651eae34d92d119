"""Partial files that nobody writes any more."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from redact.batch.planning import Job
from redact.sinks import is_partial

_PID = re.compile(r"\.partial-(\d+)-[0-9a-f]{6}")


def remove_stale(jobs: Iterable[Job]) -> None:
    """Remove partial files of processes that are gone from the jobs' output folders."""
    _remove({job.output.parent for job in jobs}, lambda pid: not _lives(pid))


def remove_of(pid: int, folders: Iterable[Path]) -> None:
    """Remove the partial files of one process that has ended."""
    _remove(set(folders), lambda owner: owner == pid)


def abandon(jobs: Iterable[Job]) -> None:
    """Before leaving at once: end our worker processes, remove what they and we have begun."""
    pids = {os.getpid()}
    for child in multiprocessing.active_children():
        if child.pid is not None:
            pids.add(child.pid)
        child.kill()
        child.join(1)
    _remove({job.output.parent for job in jobs}, pids.__contains__)


def _remove(folders: set[Path], gone: Callable[[int], bool]) -> None:
    for folder in folders:
        with suppress(OSError):  # tidying up; what matters fails when the output is written
            for path in folder.iterdir():
                match = _PID.search(path.name) if is_partial(path) else None
                if match and gone(int(match[1])):
                    path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
