"""One job from end to end: already finished? run it; then its report, last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import redact
from redact.batch.entries import enter_failure, enter_run
from redact.batch.failures import failed
from redact.batch.outcome import Outcome, State
from redact.batch.pieces import Join, Piece
from redact.batch.planning import Job
from redact.batch.record import (
    Content,
    Recipe,
    content_of,
    finished,
    make_record,
    read_record,
    record_path,
    signature,
    unchanged,
    write_record,
)
from redact.errors import ConfigError, SinkError, SourceError
from redact.protocols import Detector, Observer
from redact.sealing import sealed_path
from redact.storage import (
    WRITER,
    ObjectPath,
    StoreError,
    TakenError,
    Writer,
    claim,
    forget,
    version_of,
    written_by,
)

MakeFolder = Callable[[], None]
_WAITS = (1.0, 5.0)  # seconds before a store that failed is tried again


def work(
    job: Job,
    recipe: Recipe,
    detector: Detector | None,
    *,
    overwrite: bool,
    observer: Observer,
    stop: threading.Event,
    make_folder: MakeFolder,
) -> Outcome:
    """Never raises an Exception: a failure is an outcome. make_folder: called once it is
    certain that the output's folder is needed."""
    try:
        for wait in (*_WAITS, None):
            try:
                return _attempt(job, recipe, detector, overwrite, observer, stop, make_folder)
            except Exception as error:
                if wait is None or not _passes(error) or stop.wait(wait):
                    raise
    except Exception as error:  # noqa: BLE001 - told as an outcome, so that the batch goes on
        if stop.is_set():
            return Outcome(job, State.STOPPED)
        return enter_failure(failed(job, error), recipe.config)
    finally:
        forget()
    raise AssertionError("the last attempt returns or raises")


def _passes(error: BaseException | None) -> bool:
    """Whether the same may go well when it is tried again: the store failed, or another worker
    of this run, taken for dead, was there first."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, StoreError | TakenError):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _attempt(
    job: Job,
    recipe: Recipe,
    detector: Detector | None,
    overwrite: bool,
    observer: Observer,
    stop: threading.Event,
    make_folder: MakeFolder,
) -> Outcome:
    if job.problem:
        raise SourceError(job.problem)
    if isinstance(job.part, Piece):
        make_folder()
        return job.part.work(job, recipe, detector, observer, stop)
    job = replace(job, output=claim(job.output))
    before = signature(job.source)
    record = read_record(job.output)
    if unchanged(record, recipe, job.source, job.output):
        return Outcome(job, State.SKIPPED, record)
    content = content_of(job.source, stop, SourceError)
    if finished(record, recipe, content, job.output, stop):
        return Outcome(job, State.SKIPPED, record)
    _check_free(job, record, overwrite)
    _check_sealed_free(job, recipe, overwrite)
    make_folder()
    record = _redact(job, recipe, detector, observer, stop, (before, content))
    return Outcome(job, State.DONE, record)


def _check_free(job: Job, record: dict[str, object] | None, overwrite: bool) -> None:
    """Raises SinkError where something is there that is not known to be ours to replace."""
    if overwrite or not (job.output.exists() or job.output.is_symlink()):
        return
    if job.output.is_dir():
        raise SinkError(f"{job.output}: is a folder; name the output file in it")
    run = (WRITER.get() or Writer()).run
    if run and written_by(job.output) == run:  # by a worker of this very run, which died then
        return
    beside = record_path(job.output).name
    version = None if record is None else record.get("redact")
    if version not in (None, redact.__version__):
        why = f"was made by version {version}, this is {redact.__version__}"
    elif record_path(job.output).exists():
        why = "was made from another input or with other settings, or has changed since"
    else:
        why = f"exists, and without its report {beside} it is not known to be finished"
    raise SinkError(f"{job.output}: {why}; pass --overwrite, or delete it")


def _check_sealed_free(job: Job, recipe: Recipe, overwrite: bool) -> None:
    """A sealed original may be the only one left. Raises SinkError."""
    if not recipe.config.seal.to:
        return
    if isinstance(job.output, ObjectPath) or isinstance(job.source, ObjectPath):
        raise ConfigError("originals are sealed beside outputs in folders only, not in a bucket")
    path = sealed_path(job.output, job.source)
    if not overwrite and (path.exists() or path.is_symlink()):
        raise SinkError(
            f"{path}: a sealed original is there already; move it away, or pass --overwrite"
        )


def _redact(
    job: Job,
    recipe: Recipe,
    detector: Detector | None,
    observer: Observer,
    stop: threading.Event,
    known: tuple[tuple[int, int, str | None], Content],
) -> dict[str, object]:
    from redact.build import run

    before, content = known
    if isinstance(job.part, Join):
        report = job.part.run(job, recipe)
    else:
        report = run(
            job.source, job.output, recipe.config, detector=detector, observer=observer, stop=stop
        )
    sealed = report.sealed or {}
    if signature(job.source) != before or sealed.get("original_sha256", content.sha256) != (
        content.sha256
    ):
        _remove(job, sealed, version_of(job.output))
        raise SourceError(f"{job.source}: changed while it was read; run it again when complete")
    # The video is published: it now gets its report, stopped or not.
    published = version_of(job.output)
    try:
        made = content_of(job.output, threading.Event(), SinkError)
        names = job.source.name, job.output.name
        record = make_record(names, (content, made), recipe, report)
        write_record(job.output, record)
        enter_run(record, recipe.config)
    except BaseException:
        # Without a report and its entry in the log it is not finished.
        _remove(job, sealed, published)
        raise
    return record


def _remove(job: Job, sealed: dict[str, Any], published: str | None) -> None:
    """All that was published for a job; in a store, unless others have written there since."""
    if isinstance(job.output, ObjectPath):
        job.output.unlink_version(published)
        return
    job.output.unlink(missing_ok=True)
    with suppress(OSError):  # without its output it says nothing
        record_path(job.output).unlink(missing_ok=True)
    if sealed:
        job.output.with_name(sealed["name"]).unlink(missing_ok=True)
