"""run_batch: all jobs, in this process or in several; one failure stops no other job."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from redact.batch.cluster import RayCrew, RayOptions
from redact.batch.folders import Folders
from redact.batch.one import work
from redact.batch.outcome import BatchReport, Listener, Outcome, Silent, State
from redact.batch.planning import Job
from redact.batch.progress import Progress
from redact.batch.record import Recipe
from redact.batch.stale import remove_stale
from redact.batch.workers import Crew
from redact.config import Config
from redact.errors import ConfigError
from redact.protocols import Detector
from redact.storage import ObjectPath


def run_batch(
    jobs: Sequence[Job],
    config: Config,
    *,
    workers: int | None = 1,
    ray: RayOptions | None = None,
    overwrite: bool = False,
    listener: Listener | None = None,
    stop: threading.Event | None = None,
) -> BatchReport:
    """Redact every file; finished ones are skipped.

    workers: processes, each with a detector of its own; 1 = in this process. ray: run them on a
    Ray cluster instead; workers may be None there, for as many as it has room for. overwrite:
    replace outputs that are not known to be finished. stop: set it, and what runs is
    discarded. Raises RedactError for what concerns all files (a model that does not load)
    before any file is touched; what goes wrong with one file is in the report.
    """
    _check_places(jobs, config, ray)
    recipe = Recipe.of(config)
    listener = listener or Silent()
    stop = stop or threading.Event()
    folders = Folders()
    count = min(workers or 1, len(jobs))
    try:
        if ray is not None:
            with RayCrew(workers, len(jobs), recipe, overwrite, ray) as slots:
                remove_stale(jobs)
                return BatchReport(tuple(slots.run(jobs, listener, stop)))
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


def _check_places(jobs: Sequence[Job], config: Config, ray: RayOptions | None) -> None:
    """Raises ConfigError for what needs folders, and one machine."""
    if ray is not None and (config.seal.to or config.audit.log):
        raise ConfigError(
            "originals are sealed and the audit log is kept without --engine ray only"
        )
    places = [place for job in jobs for place in (job.source, job.output)]
    if not any(isinstance(place, ObjectPath) for place in places):
        return
    if config.seal.to:
        raise ConfigError(
            "originals are sealed beside outputs in folders only; leave --seal-to out"
        )
    if config.audit.log:
        raise ConfigError("the audit log is kept of folders only; leave --audit out")


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
