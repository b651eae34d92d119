"""Bars of what a batch is at, for a terminal."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from redact.batch import Job, Outcome, State
from redact.cli.door import one_line
from redact.cli.show import Quiet, describe


class Bars(Quiet):
    """A bar with the time left for each running file, and one for all of them, in which a file
    counts for its size."""

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._lock = threading.Lock()
        self._files: dict[Job, TaskID] = {}
        self._shares: dict[Job, float] = {}
        self._weights = {job: _weight(job) for job in jobs}
        whole = sum(self._weights.values())
        self._total = (
            self._progress.add_task(f"all {len(jobs)} files", total=whole, note="")
            if len(jobs) > 1
            else None
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, job: Job) -> None:
        name = escape(one_line(job.name))
        with self._lock:
            self._files[job] = self._progress.add_task(name, total=None, note="")

    def opened(self, job: Job, frames: int | None) -> None:
        self._progress.update(self._files[job], total=frames)

    def advanced(self, job: Job, frames: int) -> None:
        task = self._files[job]
        self._progress.update(task, completed=frames, note=f"{frames} frames")
        total = next(t.total for t in self._progress.tasks if t.id == task)
        if total:
            self._account(job, min(1.0, frames / total))

    def finished(self, outcome: Outcome) -> None:
        if outcome.state is not State.STOPPED:
            self._account(outcome.job, 1.0)
        self._progress.remove_task(self._files.pop(outcome.job))
        if outcome.state in (State.DONE, State.SKIPPED):
            self._progress.console.print(escape(describe(outcome)), highlight=False)

    def _account(self, job: Job, share: float) -> None:
        with self._lock:
            self._shares[job] = share * self._weights[job]
            if self._total is not None:
                self._progress.update(self._total, completed=sum(self._shares.values()))


def _weight(job: Job) -> int:
    try:
        return max(1, job.source.stat().st_size)
    except OSError:  # the job itself will say so
        return 1
