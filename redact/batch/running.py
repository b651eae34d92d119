"""run_batch: all jobs, in this process or in several; one failure stops no other job."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redact.batch.cluster import RayCrew, RayOptions
from redact.batch.folders import Folders
from redact.batch.one import work
from redact.batch.outcome import BatchReport, Listener, Outcome, Silent, State
from redact.batch.pieces import Engine, run_split
from redact.batch.pieces import split as cut
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
    split: float | None = None,
    overwrite: bool = False,
    listener: Listener | None = None,
    stop: threading.Event | None = None,
) -> BatchReport:
    """Redact every file; finished ones are skipped.

    workers: processes, each with a detector of its own; 1 = in this process. ray: run them on a
    Ray cluster instead; workers may be None there, for as many as it has room for.
    split: seconds; longer clips are run in such pieces, side by side. overwrite:
    replace outputs that are not known to be finished. stop: set it, and what runs is
    discarded. Raises RedactError for what concerns all files (a model that does not load)
    before any file is touched; what goes wrong with one file is in the report.
    """
    _check_places(jobs, config, ray)
    if split is not None and (config.output.encoder or config.input.decoder == "ffmpeg"):
        raise ConfigError("clips are not split with the ffmpeg backend; leave --split out")
    if split is not None and config.seal.to:
        raise ConfigError("originals of clips in pieces are not sealed; leave --split out")
    recipe = Recipe.of(config)
    listener = listener or Silent()
    stop = stop or threading.Event()
    folders = Folders()
    how = recipe, overwrite, folders
    try:
        with _engine(jobs, how, workers, ray, listener, stop, split is not None) as run:
            remove_stale(jobs)
            parts = cut(jobs, recipe, split, overwrite) if split is not None else {}
            outcomes = run_split(run, jobs, parts, listener) if parts else run(jobs, listener)
    finally:
        folders.remove_empty()
    return BatchReport(tuple(outcomes))


@contextmanager
def _engine(
    jobs: Sequence[Job],
    how: tuple[Recipe, bool, Folders],
    workers: int | None,
    ray: RayOptions | None,
    listener: Listener,
    stop: threading.Event,
    many: bool,
) -> Iterator[Engine]:
    """What runs jobs: only this differs between one process, several, and a cluster. many: there
    may be more jobs than files."""
    recipe, overwrite, folders = how
    most = max(1, (workers or len(jobs) * 100) if many else len(jobs))
    if ray is not None:
        with RayCrew(workers, most, recipe, overwrite, ray) as slots:
            yield lambda jobs, listener: slots.run(jobs, listener, stop)
    elif (count := min(workers or 1, most)) > 1:
        with Crew(count, recipe, overwrite, folders) as crew:
            yield lambda jobs, listener: crew.run(jobs, listener, stop)
    else:
        runner = Runner(recipe, overwrite, folders, listener, stop)
        yield lambda jobs, listener: [runner.run(job, listener=listener) for job in jobs]


def _check_places(jobs: Sequence[Job], config: Config, ray: RayOptions | None) -> None:
    """Raises ConfigError for what needs folders, and one machine."""
    if ray is not None and (config.seal.to or config.audit.log):
        raise ConfigError("--engine ray neither seals originals nor keeps an audit log")
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
        from redact.build import load_detector, warm

        warm(recipe.config)
        self._recipe = recipe
        self._overwrite = overwrite
        self._folders = folders
        self._listener = listener
        self._stop = stop
        self._detector: Detector | None = load_detector(recipe.config)

    def run(self, job: Job, *, again: bool = False, listener: Listener | None = None) -> Outcome:
        """again: the output is known to be ours, so it may be replaced."""
        if self._stop.is_set():
            return Outcome(job, State.STOPPED)
        listener = listener or self._listener
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
