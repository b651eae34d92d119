"""watch: a folder that a camera keeps writing to, file by file, as each is complete."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redact.batch.folders import Folders
from redact.batch.outcome import BatchReport, Listener, Outcome, Silent, State
from redact.batch.planning import Job, plan
from redact.batch.record import Recipe, signature
from redact.batch.running import Runner
from redact.batch.stale import remove_stale
from redact.config import Config
from redact.errors import ConfigError, RedactError
from redact.storage import Place

Signature = tuple[int, int, str | None]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """interval: seconds between looks at the folder. settle: seconds for which size and time
    of change of a file must stay the same before it counts as complete. once: end when all
    that is there has been handled. inside: allow the output folder inside the watched one."""

    interval: float = 2.0
    settle: float = 10.0
    once: bool = False
    overwrite: bool = False
    inside: bool = False

    def __post_init__(self) -> None:
        if not (self.interval > 0 and self.settle >= 0):
            raise ConfigError("the interval must be above 0 seconds, settle not below 0")


def watch(
    folder: Path,
    output: Path,
    config: Config,
    options: WatchOptions = WatchOptions(),
    *,
    listener: Listener | None = None,
    stop: threading.Event | None = None,
) -> BatchReport:
    """Redact files as they become complete, until `stop` is set (or all is done, with `once`).

    A file that failed is tried again when it changes; a folder that goes away is waited for.
    Raises RedactError for what is wrong from the start. The report holds the last outcome of
    each file when `once` is set, and none otherwise.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is no folder; name the one that the camera writes to")
    listener, stop = listener or Silent(), stop or threading.Event()
    remove_stale(plan([folder], output, inside=options.inside, may_be_empty=True))
    folders = Folders()
    runner = Runner(Recipe.of(config), options.overwrite, folders, listener, stop)
    watcher = _Watcher(folder, output, options, runner, listener)
    try:
        while not stop.is_set():
            if watcher.handle_one():
                continue
            if options.once and not watcher.waits:
                break
            stop.wait(options.interval)
    finally:
        folders.remove_empty()
    return BatchReport(tuple(watcher.outcomes))


class _Watcher:
    """What is known of each file of the folder, between two looks.

    waits: whether the last look saw files that are not complete, or could not look at all.
    """

    def __init__(
        self,
        folder: Path,
        output: Path,
        options: WatchOptions,
        runner: Runner,
        listener: Listener,
    ) -> None:
        self._folder = folder
        self._output = output
        self._options = options
        self._runner = runner
        self._listener = listener
        self._since: dict[Place, tuple[Signature, float]] = {}  # looks like this since then
        self._handled: dict[Place, Signature] = {}
        self._ours: set[Place] = set()  # their outputs are known to be ours
        self._outcomes: dict[Place, Outcome] = {}
        self._warned = ""
        self.waits = True

    @property
    def outcomes(self) -> list[Outcome]:
        return list(self._outcomes.values())

    def handle_one(self) -> bool:
        """Look at the folder and handle the oldest file that is complete, if there is one."""
        self.waits = False
        for looks, job in self._look():
            if self._handled.get(job.source) == looks:
                continue
            if self._complete(job.source, looks):
                self._handle(job, looks)
                return True
            self.waits = True
        return False

    def _look(self) -> list[tuple[Signature, Job]]:
        """All jobs with their signatures, oldest first."""
        try:
            if not self._folder.is_dir():
                raise ConfigError(f"{self._folder}: is gone; waiting for it to come back")
            jobs = plan([self._folder], self._output, inside=True, may_be_empty=True)
        except (RedactError, OSError) as error:
            if str(error) != self._warned:
                self._warned = str(error)
                self._listener.warned(self._warned)
            self.waits = not self._options.once
            return []
        self._warned = ""
        self._forget({job.source for job in jobs})
        return sorted(_signed(jobs), key=lambda pair: (pair[0][1], pair[1].name))

    def _forget(self, there: set[Place]) -> None:
        """Of files that went away, so that memory stays bounded over months."""
        for known in (self._since, self._handled):
            for path in known.keys() - there:
                del known[path]
        self._ours &= there

    def _complete(self, path: Place, looks: Signature) -> bool:
        now = time.monotonic()
        before = self._since.get(path)
        if before is None or before[0] != looks:
            self._since[path] = before = (looks, now)
        return now - before[1] >= self._options.settle

    def _handle(self, job: Job, looks: Signature) -> None:
        outcome = self._runner.run(job, again=job.source in self._ours)
        if outcome.state is State.STOPPED:
            return
        self._handled[job.source] = looks
        if outcome.state is not State.FAILED:
            self._ours.add(job.source)
        if self._options.once:
            self._outcomes[job.source] = outcome


def _signed(jobs: list[Job]) -> Iterator[tuple[Signature, Job]]:
    for job in jobs:
        try:
            yield signature(job.source), job
        except RedactError:  # it went away between two looks
            continue
