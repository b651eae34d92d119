"""The Ray engine: the same jobs as `workers.Crew` runs in processes, on the nodes of a cluster.

The driver gives each slot one clip at a time. A slot or node that dies takes nothing with it:
its clip runs again from the start, elsewhere, up to a cap; then it is set aside. What a lost
slot may still publish, if it was only cut off, the condition of the store keeps apart.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

import redact
from redact.batch.connecting import Head, connect, disconnect, library
from redact.batch.failures import failed
from redact.batch.outcome import Listener, Outcome, State
from redact.batch.planning import Job
from redact.batch.record import Recipe
from redact.batch.slot import Slot
from redact.batch.stale import remove_of
from redact.errors import ConfigError, RedactError

_TICK = 0.25  # seconds between looks at the stop flag
_POLL = 1.0  # seconds between two questions for progress
_PATIENCE = 15.0  # seconds for slots to stop by themselves
_ALONE = 30.0  # seconds without any slot after which that is said


@dataclass(frozen=True, slots=True)
class RayOptions:
    """address: of a running cluster ("auto": the one of this machine); None starts one here.
    gpus: of each slot, may be a share. attempts: how often a clip may cost a worker its life."""

    address: str | None = None
    gpus: float = 0.0
    attempts: int = 3


@dataclass(eq=False, slots=True)
class _Member:
    """A slot, and what it was asked. pid: None until it has loaded."""

    actor: Any
    asked: Any  # the answer that is waited for: of `load`, or of `work`
    pid: int | None = None
    job: Job | None = None
    owner: int = 0
    seen: Any = None  # the answer to `progress`
    opened: bool = False


class RayCrew:
    """Slots on a cluster; entering waits until the first has loaded its models.

    count: slots, None for as many as the cluster has processors (or GPUs). Raises what loading
    raised, ConfigError, MissingDependencyError. Leaving ends every slot.
    """

    def __init__(
        self, count: int | None, most: int, recipe: Recipe, overwrite: bool, options: RayOptions
    ) -> None:
        self._count = count
        self._most = most
        self._recipe = recipe
        self._overwrite = overwrite
        self._options = options
        self._run = secrets.token_hex(8)
        self._deaths: Counter[Job] = Counter()
        self.members: list[_Member] = []
        self._ray: Any = None
        self._make: Any = None  # a slot
        self._head: Head | None = None
        self._ours = False  # whether the cluster was connected to by us
        self._polled = 0.0
        self._alone = time.monotonic()

    def __enter__(self) -> Self:
        self._ray = library()
        try:
            self._ours = connect(self._ray, self._options.address, self._count)
            self._head = Head(self._ray)
            self._make = self._ray.remote(
                num_cpus=1,
                num_gpus=self._options.gpus,
                max_restarts=0,
                max_concurrency=3,
                scheduling_strategy="SPREAD",
            )(Slot)
            for _ in range(min(self._size(), self._most)):
                self._hire()
            while not any(member.pid for member in self.members):
                self._settle(_TICK)
        except BaseException:
            self._dismiss()
            raise
        return self

    def _size(self) -> int:
        gpus, there = self._options.gpus, self._ray.cluster_resources()
        if there.get("GPU", 0) < gpus:
            raise ConfigError(
                f"--gpus {gpus:g}: the Ray cluster has {there.get('GPU', 0):g}; leave it out, or "
                "start Ray on a machine with a card"
            )
        if self._count is not None:
            return self._count
        if gpus:
            return max(1, int(there["GPU"] / gpus + 1e-6))
        return max(1, int(there.get("CPU", 1)))

    def _hire(self) -> None:
        assert self._head is not None, "connected first"
        self._head.wait()
        actor = self._make.remote(
            self._recipe, self._overwrite, self._run, redact.__version__, str(Path.cwd())
        )
        self.members.append(_Member(actor, actor.load.remote()))

    def run(self, jobs: Sequence[Job], listener: Listener, stop: Event) -> list[Outcome]:
        """The outcomes in the order of the jobs."""
        waiting, outcomes = deque(jobs), dict[Job, Outcome]()
        told = set[Job]()
        while len(outcomes) < len(jobs):
            if stop.is_set():
                self._halt(outcomes)
                return [outcomes.get(job) or Outcome(job, State.STOPPED) for job in jobs]
            for member in self.members:
                if member.job is None and member.pid is not None and waiting:
                    job = waiting.popleft()
                    if job not in told:
                        listener.started(job)
                        told.add(job)
                    self._give(member, job)
            for outcome in self._settle(_TICK):
                if outcome.state is State.STOPPED and not stop.is_set():
                    waiting.append(outcome.job)  # lost: it runs again
                    continue
                outcomes[outcome.job] = outcome
                listener.finished(outcome)
            self._ask(listener)
            self._say_alone(listener, len(waiting))
        return [outcomes[job] for job in jobs]

    def _give(self, member: _Member, job: Job) -> None:
        member.owner = 1 << 40 | secrets.randbits(32)  # no process id is so large
        member.job, member.opened, member.seen = job, False, None
        member.asked = member.actor.work.remote(job, member.owner)

    def _settle(self, seconds: float) -> list[Outcome]:
        """What has ended, as soon as anything has, at most `seconds` from now: outcomes; STOPPED
        for a clip to be run again. A slot that has loaded, or died, is taken note of. Raises
        RedactError where the cluster is gone."""
        if self._head is not None:
            self._head.check()
        asked = {member.asked: member for member in self.members if member.asked is not None}
        if not asked:
            time.sleep(seconds)
            return []
        done, _ = self._ray.wait(list(asked), num_returns=1, timeout=seconds)
        return [o for ref in done if (o := self._ended(asked[ref], ref)) is not None]

    def _ended(self, member: _Member, ref: Any) -> Outcome | None:
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            return self._lost(member, error)
        member.asked = None
        if member.pid is None:
            member.pid, problem = answer
            if problem is not None:
                raise problem
            return None
        member.job = None
        outcome: Outcome = answer
        return outcome

    def _lost(self, member: _Member, error: Exception) -> Outcome | None:
        """A slot died: what it left unfinished goes, another takes its place."""
        self.members.remove(member)
        job = member.job
        if job is not None:
            remove_of(member.owner, [job.output.parent])
        if member.pid is None and self._deaths_while_loading():
            raise RedactError(f"worker processes end while loading: {type(error).__name__}")
        self._hire()
        if job is None:
            return None
        self._deaths[job] += 1
        if self._deaths[job] < self._options.attempts:
            return Outcome(job, State.STOPPED)
        problem = RedactError(
            f"its worker process or node died {self._deaths[job]} times; the clip is set aside; "
            "perhaps memory runs out"
        )
        return failed(job, problem)

    def _deaths_while_loading(self) -> bool:
        self._loading_deaths = getattr(self, "_loading_deaths", 0) + 1
        return self._loading_deaths > 3 * self._options.attempts

    def _ask(self, listener: Listener) -> None:
        """Pass on the progress of the clips that run."""
        now = time.monotonic()
        if now < self._polled + _POLL:
            return
        self._polled = now
        for member in self.members:
            if member.job is None:
                continue
            if member.seen is not None:
                ready, _ = self._ray.wait([member.seen], timeout=0)
                if not ready:
                    continue
                self._tell(member, listener)
            member.seen = member.actor.progress.remote()

    def _tell(self, member: _Member, listener: Listener) -> None:
        try:
            seen = self._ray.get(member.seen)
        except self._ray.exceptions.RayError:
            return  # _settle() learns why
        if seen is None or member.job is None:
            return
        expected, done = seen
        if not member.opened:
            member.opened = True
            listener.opened(member.job, expected)
        listener.advanced(member.job, done)

    def _say_alone(self, listener: Listener, waiting: int) -> None:
        now = time.monotonic()
        if any(member.pid for member in self.members) or not waiting:
            self._alone = now
        elif now > self._alone + _ALONE:
            self._alone = now + 1e9  # once
            listener.warned("no worker is left; waiting for the cluster to give another")

    def _halt(self, outcomes: dict[Job, Outcome]) -> None:
        """Ask the busy ones to stop, and clean up after those that do not."""
        busy = [member for member in self.members if member.job is not None]
        for member in busy:
            member.actor.stop.remote()
        until = time.monotonic() + _PATIENCE
        while any(member.job for member in busy) and time.monotonic() < until:
            for outcome in self._settle(_TICK):
                outcomes[outcome.job] = outcome
            busy = [member for member in self.members if member.job is not None]
        for member in busy:
            assert member.job is not None
            self._ray.kill(member.actor)
            remove_of(member.owner, [member.job.output.parent])

    def _dismiss(self) -> None:
        gone = self._head is not None and self._head.lost
        for member in self.members:
            if not gone:  # else slots end by themselves, as the driver leaves
                self._ray.kill(member.actor)
            if member.job is not None:  # an error ends the run while others work
                remove_of(member.owner, [member.job.output.parent])
        self.members.clear()
        if self._ours:
            disconnect(self._ray)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._dismiss()
