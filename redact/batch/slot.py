"""What runs in a Ray worker: one slot, that works on one clip at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, NoReturn

import redact
from redact.batch.failures import describe
from redact.batch.folders import Folders
from redact.batch.hiring import hire
from redact.batch.outcome import Outcome
from redact.batch.planning import Job
from redact.batch.record import Recipe
from redact.errors import ConfigError, RedactError
from redact.hardening import no_core_dumps
from redact.storage import Writer


class Slot:
    """Holds a worker process, the very one that a local crew has: in Ray's own process its dozens
    of threads, which ask for the interpreter 100 times a second, cost a tenth of the work.

    The models are loaded once, by `load`. Only paths, settings and results travel to and from
    here; frames stay in that process. `progress` and `stop` may be called while `work` runs.
    Either process ends with the other.
    """

    def __init__(
        self, recipe: Recipe, overwrite: bool, run: str, version: str, folder: str
    ) -> None:
        """folder: that relative paths start from, where this node has it."""
        with suppress(OSError):
            os.chdir(folder)
        self._recipe = recipe
        self._overwrite = overwrite
        self._run = run
        self._version = version
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._seen: tuple[int | None, int] | None = None

    def load(self) -> tuple[int, RedactError | None]:
        """The id of the worker process, and what is wrong with this node, if anything."""
        no_core_dumps()
        try:
            if self._version != redact.__version__:
                raise ConfigError(
                    f"a node has version {redact.__version__}, this is {self._version}; install "
                    "the same everywhere"
                )
            if Recipe.of(self._recipe.config).digests != self._recipe.digests:
                raise ConfigError("a node has other models; put the same files on every node")
            self._process, self._pipe = hire(self._recipe, self._overwrite, tied=True)
        except Exception as error:  # noqa: BLE001 - raised again by the driver
            return os.getpid(), error if isinstance(error, RedactError) else RedactError(
                describe(error)
            )
        try:
            problem: RedactError | None = self._pipe.recv()
        except (EOFError, OSError):
            _end()
        return self._process.pid or 0, problem

    def work(self, job: Job, owner: int) -> Outcome:
        """One clip, from its start. owner: marks what is unfinished, so that the driver can
        remove it should this process die."""
        pipe = self._pipe
        assert pipe is not None, "loaded first"
        self._seen = None
        try:
            pipe.send((job, Writer(owner, self._run)))
            while True:
                kind, value = pipe.recv()
                if kind == "finished":
                    outcome: Outcome = value
                    return outcome
                self._heard(pipe, job, kind, value)
        except (EOFError, OSError):
            _end()

    def _heard(self, pipe: Connection, job: Job, kind: str, value: Any) -> None:
        if kind == "folder":
            try:
                Folders().make(job.output.parent)
                pipe.send(None)
            except RedactError as error:
                pipe.send(error)
        elif kind == "opened":
            self._seen = (value, 0)
        else:
            self._seen = (self._seen[0] if self._seen else None, value)

    def progress(self) -> tuple[int | None, int] | None:
        """Frames expected and finished of the clip that runs; None before it is opened."""
        return self._seen

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()


def _end() -> NoReturn:
    """The worker process died: this one follows, and the driver hears of it as of any death."""
    os._exit(1)
