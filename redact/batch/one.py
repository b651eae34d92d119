"""One job from end to end: already finished? run it; then its report, last."""

from __future__ import annotations

import threading
from collections.abc import Callable

import redact
from redact.batch.failures import failed
from redact.batch.outcome import Outcome, State
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
    write_record,
)
from redact.errors import SinkError, SourceError
from redact.protocols import Detector, Observer

MakeFolder = Callable[[], None]


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
        if job.problem:
            raise SourceError(job.problem)
        before = signature(job.source)
        content = content_of(job.source, stop, SourceError)
        record = read_record(job.output)
        if finished(record, recipe, content, job.output, stop):
            return Outcome(job, State.SKIPPED, record)
        _check_free(job, record, overwrite)
        make_folder()
        record = _redact(job, recipe, detector, observer, stop, (before, content))
        return Outcome(job, State.DONE, record)
    except Exception as error:  # noqa: BLE001 - told as an outcome, so that the batch goes on
        if stop.is_set():
            return Outcome(job, State.STOPPED)
        return failed(job, error)


def _check_free(job: Job, record: dict[str, object] | None, overwrite: bool) -> None:
    """Raises SinkError where something is there that is not known to be ours to replace."""
    if overwrite or not (job.output.exists() or job.output.is_symlink()):
        return
    if job.output.is_dir():
        raise SinkError(f"{job.output}: is a folder; name the output file in it")
    beside = record_path(job.output).name
    version = None if record is None else record.get("redact")
    if version not in (None, redact.__version__):
        why = f"was made by version {version}, this is {redact.__version__}"
    elif record_path(job.output).exists():
        why = "was made from another input or with other settings, or has changed since"
    else:
        why = f"exists, and without its report {beside} it is not known to be finished"
    raise SinkError(f"{job.output}: {why}; pass --overwrite, or delete it")


def _redact(
    job: Job,
    recipe: Recipe,
    detector: Detector | None,
    observer: Observer,
    stop: threading.Event,
    known: tuple[tuple[int, int], Content],
) -> dict[str, object]:
    from redact.build import run

    before, content = known
    report = run(
        job.source, job.output, recipe.config, detector=detector, observer=observer, stop=stop
    )
    if signature(job.source) != before:
        job.output.unlink(missing_ok=True)
        raise SourceError(f"{job.source}: changed while it was read; run it again when complete")
    # The video is published: it now gets its report, stopped or not.
    try:
        made = content_of(job.output, threading.Event(), SinkError)
        names = job.source.name, job.output.name
        record = make_record(names, (content, made), recipe, report)
        write_record(job.output, record)
    except BaseException:
        job.output.unlink(missing_ok=True)  # without a report it is not finished
        raise
    return record
