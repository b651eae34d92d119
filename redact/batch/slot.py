"""What runs in a Ray worker: one slot, that works on one clip at a time."""

from __future__ import annotations

import os
import threading

import redact
from redact.batch.failures import describe, failed
from redact.batch.folders import Folders
from redact.batch.one import work
from redact.batch.outcome import Outcome
from redact.batch.planning import Job
from redact.batch.progress import Progress
from redact.batch.record import Recipe
from redact.errors import ConfigError, RedactError
from redact.hardening import no_core_dumps
from redact.protocols import Detector
from redact.storage import WRITER, Writer


class Slot:
    """The models are loaded once, by `load`. Only paths, settings and results travel to and from
    here; frames stay in this process. `progress` and `stop` may be called while `work` runs."""

    def __init__(self, recipe: Recipe, overwrite: bool, run: str, version: str) -> None:
        self._recipe = recipe
        self._overwrite = overwrite
        self._run = run
        self._version = version
        self._detector: Detector | None = None
        self._stop = threading.Event()
        self._seen: tuple[int | None, int] | None = None

    def load(self) -> tuple[int, RedactError | None]:
        """The process id, and what is wrong with this node, if anything."""
        from redact.build import load_detector, warm

        no_core_dumps()
        try:
            if self._version != redact.__version__:
                raise ConfigError(
                    f"a node has version {redact.__version__}, this is {self._version}; install "
                    "the same everywhere"
                )
            if Recipe.of(self._recipe.config).digests != self._recipe.digests:
                raise ConfigError("a node has other models; put the same files on every node")
            warm(self._recipe.config)
            self._detector = load_detector(self._recipe.config)
        except Exception as error:  # noqa: BLE001 - raised again by the driver
            return os.getpid(), error if isinstance(error, RedactError) else RedactError(
                describe(error)
            )
        return os.getpid(), None

    def work(self, job: Job, owner: int) -> Outcome:
        """One clip, from its start. owner: marks what is unfinished, so that the driver can
        remove it should this process die."""
        WRITER.set(Writer(owner, self._run))
        self._seen = None
        expected: list[int | None] = [None]

        def opened(frames: int | None) -> None:
            expected[0], self._seen = frames, (frames, 0)

        try:
            return work(
                job,
                self._recipe,
                self._detector,
                overwrite=self._overwrite,
                observer=Progress(opened, lambda done: setattr(self, "_seen", (expected[0], done))),
                stop=self._stop,
                make_folder=lambda: Folders().make(job.output.parent),
            )
        except Exception as error:  # noqa: BLE001 - an outcome always travels
            return failed(job, error)

    def progress(self) -> tuple[int | None, int] | None:
        """Frames expected and finished of the clip that runs; None before it is opened."""
        return self._seen

    def stop(self) -> None:
        self._stop.set()
