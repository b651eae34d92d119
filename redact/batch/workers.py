"""A crew of worker processes: spawned, never forked, each with a detector of its own."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from threading import Event
from types import TracebackType
from typing import Any, Self

from redact.batch.failures import failed
from redact.batch.folders import Folders
from redact.batch.hiring import hire
from redact.batch.outcome import Listener, Outcome, State
from redact.batch.planning import Job
from redact.batch.record import Recipe
from redact.batch.stale import remove_of
from redact.errors import RedactError

_TICK = 0.2  # seconds between looks at the stop flag
_PATIENCE = 10.0  # seconds for a worker to stop by itself


@dataclass(eq=False)
class _Member:
    process: SpawnProcess
    pipe: Connection
    job: Job | None = None
    asked: float = field(default=0.0)  # when it was told to stop


class Crew:
    """Worker processes that wait for jobs; entering waits until all detectors have loaded.

    Raises what loading raised. Leaving ends every worker.
    """

    def __init__(self, count: int, recipe: Recipe, overwrite: bool, folders: Folders) -> None:
        self._count = count
        self._recipe = recipe
        self._overwrite = overwrite
        self._folders = folders
        self._members: list[_Member] = []

    def __enter__(self) -> Self:
        try:
            for _ in range(self._count):
                self._hire()
            for member in self._members:
                self._await_ready(member)
        except BaseException:
            self._dismiss()
            raise
        return self

    def _hire(self) -> _Member:
        process, pipe = hire(self._recipe, self._overwrite)
        member = _Member(process, pipe)
        self._members.append(member)
        return member

    def _await_ready(self, member: _Member) -> None:
        try:
            problem = member.pipe.recv()
        except EOFError:
            raise RedactError(f"a worker process ended while loading: {_end(member)}") from None
        if problem is not None:
            raise problem

    def run(self, jobs: Sequence[Job], listener: Listener, stop: Event) -> list[Outcome]:
        """The outcomes in the order of the jobs."""
        waiting, outcomes = deque(jobs), dict[Job, Outcome]()
        while len(outcomes) < len(jobs):
            if stop.is_set():
                outcomes |= {job: Outcome(job, State.STOPPED) for job in waiting}
                waiting.clear()
                self._halt()
            for member in self._members:
                if member.job is None and waiting:
                    self._give(member, waiting.popleft(), listener, outcomes)
            self._listen(listener, outcomes, stop)
        return [outcomes[job] for job in jobs]

    def _give(
        self, member: _Member, job: Job, listener: Listener, outcomes: dict[Job, Outcome]
    ) -> None:
        listener.started(job)
        try:
            with suppress(BrokenPipeError):  # it is gone: _listen() learns why
                member.pipe.send((job, None))
            member.job = job
        except Exception as error:  # noqa: BLE001 - told as an outcome
            outcomes[job] = failed(job, error)

    def _listen(self, listener: Listener, outcomes: dict[Job, Outcome], stop: Event) -> None:
        busy = {m.pipe: m for m in self._members if m.job is not None}
        for ready in connection.wait(list(busy), _TICK):
            assert isinstance(ready, Connection)
            member = busy[ready]
            try:
                message = ready.recv()
            except (EOFError, ConnectionResetError):
                self._lost(member, outcomes, listener, stop)
            else:
                self._heard(member, message, outcomes, listener)

    def _heard(
        self,
        member: _Member,
        message: tuple[str, Any],
        outcomes: dict[Job, Outcome],
        listener: Listener,
    ) -> None:
        kind, value = message
        job = member.job
        assert job is not None
        if kind == "opened":
            listener.opened(job, value)
        elif kind == "advanced":
            listener.advanced(job, value)
        elif kind == "folder":
            member.pipe.send(self._make_folder(job))
        else:
            outcomes[job] = value
            member.job = None
            listener.finished(value)

    def _make_folder(self, job: Job) -> RedactError | None:
        try:
            self._folders.make(job.output.parent)
        except RedactError as error:
            return error
        return None

    def _lost(
        self, member: _Member, outcomes: dict[Job, Outcome], listener: Listener, stop: Event
    ) -> None:
        """A worker died: its job has failed, its partial file goes, another takes its place."""
        job, pid = member.job, member.process.pid
        assert job is not None
        self._members.remove(member)
        end = _end(member)
        if pid is not None:
            remove_of(pid, [job.output.parent])
        if stop.is_set():
            outcomes[job] = Outcome(job, State.STOPPED)
            return
        problem = RedactError(f"the worker process ended: {end}; perhaps memory ran out")
        outcomes[job] = failed(job, problem)
        listener.finished(outcomes[job])
        self._await_ready(self._hire())

    def _halt(self) -> None:
        """Ask the busy ones to stop; make them, when they do not."""
        now = time.monotonic()
        for member in self._members:
            if member.job is None:
                continue
            if not member.asked:
                member.asked = now
                member.process.terminate()
            elif now > member.asked + _PATIENCE:
                member.process.kill()

    def _dismiss(self) -> None:
        for member in self._members:
            member.process.terminate() if member.job else member.pipe.close()
        for member in self._members:
            member.process.join(_PATIENCE)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
        self._members.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._dismiss()


def _end(member: _Member) -> str:
    member.process.join(_PATIENCE)
    code = member.process.exitcode
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
