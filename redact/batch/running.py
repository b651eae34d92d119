"""run_batch: all jobs, in this process or in several; one failure stops no other job."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from redact.batch.folders import Folders
from redact.batch.one import work
from redact.batch.outcome import BatchReport, Listener, Outcome, Silent, State
from redact.batch.planning import Job
from redact.batch.progress import Progress
from redact.batch.record import Recipe
from redact.batch.stale import remove_stale
from redact.batch.workers import Crew
from redact.config import Config
from redact.protocols import Detector


def run_batch(
    jobs: Sequence[Job],
    config: Config,
    *,
    workers: int = 1,
    overwrite: bool = False,
    listener: Listener | None = None,
    stop: threading.Event | None = None,
) -> BatchReport:
    """Redact every file; finished ones are skipped.

    workers: processes, each with a detector of its own; 1 = in this process. overwrite:
    replace outputs that are not known to be finished. stop: set it, and what runs is
    discarded. Raises RedactError for what concerns all files (a model that does not load)
    before any file is touched; what goes wrong with one file is in the report.
    """
    recipe = Recipe.of(config)
    listener = listener or Silent()
    stop = stop or threading.Event()
    folders = Folders()
    count = min(workers, len(jobs))
    try:
        if count > 1:
            with Crew(count, recipe, overwrite, folders) as crew:
                remove_stale(jobs)
                outcomes = crew.run(jobs, listener, stop)
        else:
            runner = Runner(recipe, overwrite, folders, listener, stop)
            remove_stale(jobs)
            outcomes = [runner.run(job) for job in jobs]
    finally:
        folders.remove_empty()
    return BatchReport(tuple(outcomes))


class Runner:
    """Runs jobs one by one in this process, with one detector, loaded at once."""

    def __init__(
        self,
        recipe: Recipe,
        overwrite: bool,
        folders: Folders,
        listener: Listener,
        stop: threading.Event,
    ) -> None:
        from redact.build import load_detector

        self._recipe = recipe
        self._overwrite = overwrite
        self._folders = folders
        self._listener = listener
        self._stop = stop
        self._detector: Detector | None = load_detector(recipe.config)

    def run(self, job: Job, *, again: bool = False) -> Outcome:
        """again: the output is known to be ours, so it may be replaced."""
        if self._stop.is_set():
            return Outcome(job, State.STOPPED)
        listener = self._listener
        listener.started(job)
        outcome = work(
            job,
            self._recipe,
            self._detector,
            overwrite=self._overwrite or again,
            observer=Progress(
                lambda frames: listener.opened(job, frames),
                lambda frames: listener.advanced(job, frames),
            ),
            stop=self._stop,
            make_folder=lambda: self._folders.make(job.output.parent),
        )
        listener.finished(outcome)
        return outcome
