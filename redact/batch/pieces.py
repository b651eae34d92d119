"""Long clips in pieces: what is planned, what is done for each, and how they become one output.

    pieces: jobs like any other, each to an unfinished output of its own
    join:   the job itself, once all its pieces are done

A piece reads `overlap` seconds before and the look-back after what it writes, and lets the
motion net see the minutes before in key frames (`redact.sources.piece`).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from redact.batch.outcome import Listener, Outcome, State
from redact.batch.planning import Job
from redact.batch.record import Recipe, content_of, finished, read_record, signature
from redact.config import Config
from redact.errors import RedactError, SourceError
from redact.protocols import Detector, Observer
from redact.sources import Span
from redact.storage import Place, forget, partial_name
from redact.structures import Report

Engine = Callable[[Sequence[Job], Listener], list[Outcome]]
_TRACKS = 5.0  # seconds: longer than tracks coast and evidence is kept (`Redactor`)
_CONTRAST = 3.5  # lives of the motion net's memory after which the strongest contrast is gone


@dataclass(frozen=True, slots=True)
class Piece:
    """span: what this job writes of the clip. after: which piece of how many it is."""

    span: Span
    number: int
    of: int

    def work(
        self,
        job: Job,
        recipe: Recipe,
        detector: Detector | None,
        observer: Observer,
        stop: threading.Event,
    ) -> Outcome:
        from redact.build import run_piece

        before = signature(job.source)
        report = run_piece(
            job.source,
            job.output,
            self.span,
            recipe.config,
            detector=detector,
            observer=observer,
            stop=stop,
        )
        if signature(job.source) != before:
            job.output.unlink(missing_ok=True)
            raise SourceError(
                f"{job.source}: changed while it was read; run it again when complete"
            )
        return Outcome(job, State.DONE, {"report": report, "signature": before})


@dataclass(frozen=True, slots=True)
class Join:
    """pieces: what lies where; frames: in each. before: the signature of the clip as all pieces
    saw it. report: of all of them."""

    pieces: tuple[Place, ...]
    frames: tuple[int, ...]
    before: tuple[int, int, str | None]
    report: Report

    def run(self, job: Job, recipe: Recipe) -> Report:
        from redact.build import join

        if signature(job.source) != self.before:
            raise SourceError(
                f"{job.source}: changed while it was read; run it again when complete"
            )
        whole = self.pieces, self.frames, job.output, recipe.config, job.source
        return join(*whole, self.report)


def _changed(job: Job) -> str:
    return f"{job.source}: changed while it was read; run it again when complete"


def overlap_of(config: Config) -> float:
    """Seconds read before a piece: the motion net's warm-up, and what tracks need."""
    return max(config.motion.warmup, config.motion.warmup_alone) + _TRACKS


def split(
    jobs: Sequence[Job], recipe: Recipe, seconds: float, overwrite: bool
) -> dict[Job, list[Job]]:
    """The pieces of each job whose clip is longer than that. Others are run whole, and so are
    those that will not be run at all, or fail at once."""
    parts = {}
    for job in jobs:
        with suppress(RedactError, OSError):  # the job itself will say so
            spans = [] if job.problem else _spans(job, recipe, seconds, overwrite)
            if len(spans) > 1:
                parts[job] = [_piece(job, span, n, len(spans)) for n, span in enumerate(spans)]
        forget()
    return parts


def _spans(job: Job, recipe: Recipe, seconds: float, overwrite: bool) -> list[Span]:
    from redact.build import key_times
    from redact.sources.piece import spans

    if job.output.exists():
        never = threading.Event()
        source = content_of(job.source, never, SourceError)
        if not overwrite or finished(read_record(job.output), recipe, source, job.output, never):
            return []
    keys, tick = key_times(job.source, recipe.config)
    if not keys or keys[0] < 0:  # such times are moved, by each piece on its own
        return []
    config = recipe.config
    memory = _CONTRAST * config.motion.memory
    return spans(keys, tick, seconds, overlap_of(config), memory, config.look_back + 1)


def _piece(job: Job, span: Span, number: int, of: int) -> Job:
    name = PurePosixPath(f"{job.output.name}-{number:04d}{job.output.suffix}")
    place = job.output.with_name(partial_name(name))
    return Job(job.source, place, f"{job.name} [{number + 1}/{of}]", "", Piece(span, number, of))


def run_split(
    run: Engine, jobs: Sequence[Job], parts: dict[Job, list[Job]], listener: Listener
) -> list[Outcome]:
    """Whole clips and pieces first, then the joins; pieces are removed in any case."""
    first = [part for job in jobs for part in parts.get(job, [job])]
    try:
        voice = _Voice(parts, listener)
        done = {outcome.job: outcome for outcome in run(first, voice)}
        joins, outcomes = [], dict[Job, Outcome]()
        for job in jobs:
            if job not in parts:
                outcomes[job] = done[job]
                continue
            made = _joined(job, [done[part] for part in parts[job]])
            if isinstance(made, Outcome):
                outcomes[job] = made
                if made.state is State.FAILED:
                    listener.finished(made)
            else:
                joins.append(made)
        for outcome in run(joins, _Ends(listener)):
            job = replace(outcome.job, part=None)
            outcomes[job] = replace(outcome, job=job)
    finally:
        for part in (part for pieces in parts.values() for part in pieces):
            with suppress(OSError, RedactError):
                part.output.unlink(missing_ok=True)
    return [outcomes[job] for job in jobs]


def _joined(job: Job, done: list[Outcome]) -> Job | Outcome:
    """The join of pieces that are all there, or what became of the job instead."""
    for state in (State.FAILED, State.STOPPED):
        for outcome in done:
            if outcome.state is state:
                return replace(outcome, job=job)
    records = [outcome.record or {} for outcome in done]
    reports: list[Report] = [record["report"] for record in records]
    before = {record["signature"] for record in records}
    if len(before) != 1:
        return Outcome(job, State.FAILED, error=_changed(job), exit_code=SourceError.exit_code)
    pieces = tuple(outcome.job.output for outcome in done)
    frames = tuple(report.frames for report in reports)
    return replace(job, part=Join(pieces, frames, before.pop(), merged(reports)))


def merged(reports: Sequence[Report]) -> Report:
    """The report of the whole. People are counted by each piece, so who crosses a border counts
    twice; that is noted."""
    reasons, seconds = Counter[str](), Counter[str]()
    spans: dict[str, tuple[tuple[float, float], ...]] = {}
    for report in reports:
        reasons.update(report.reasons)
        seconds.update(report.seconds)
        for kind, found in report.spans.items():
            spans[kind] = spans.get(kind, ()) + found
    notes = {note: None for report in reports for note in report.notes}
    said = f"made in {len(reports)} pieces; people are counted in each"
    return Report(
        frames=sum(r.frames for r in reports),
        frames_with_hiding=sum(r.frames_with_hiding for r in reports),
        frames_hidden_whole=sum(r.frames_hidden_whole for r in reports),
        frames_outside_hidden_whole=sum(r.frames_outside_hidden_whole for r in reports),
        frames_copied=sum(r.frames_copied for r in reports),
        people_hidden=sum(r.people_hidden for r in reports),
        people_shown=sum(r.people_shown for r in reports),
        reasons=dict(reasons),
        spans=spans,
        seconds={name: round(value, 4) for name, value in seconds.items()},
        notes=(*notes, said),
    )


class _Voice:
    """Tells of clips where the engine tells of pieces."""

    def __init__(self, parts: dict[Job, list[Job]], listener: Listener) -> None:
        self._whole = {part: job for job, pieces in parts.items() for part in pieces}
        self._listener = listener
        self._begun = set[Job]()
        self._opened = set[Job]()
        self._frames: dict[Job, Counter[Job]] = {job: Counter() for job in parts}

    def started(self, job: Job) -> None:
        whole = self._whole.get(job, job)
        if whole not in self._begun:
            self._begun.add(whole)
            self._listener.started(whole)

    def opened(self, job: Job, frames: int | None) -> None:
        whole = self._whole.get(job, job)
        if whole not in self._opened:
            self._opened.add(whole)
            self._listener.opened(whole, frames)

    def advanced(self, job: Job, frames: int) -> None:
        whole = self._whole.get(job)
        if whole is None:
            return self._listener.advanced(job, frames)
        self._frames[whole][job] = frames
        return self._listener.advanced(whole, self._frames[whole].total())

    def finished(self, outcome: Outcome) -> None:
        if outcome.job not in self._whole:
            self._listener.finished(outcome)

    def warned(self, message: str) -> None:
        self._listener.warned(message)


class _Ends:
    """Tells of joins only that the clip is finished."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def started(self, job: Job) -> None: ...
    def opened(self, job: Job, frames: int | None) -> None: ...
    def advanced(self, job: Job, frames: int) -> None: ...

    def finished(self, outcome: Outcome) -> None:
        self._listener.finished(replace(outcome, job=replace(outcome.job, part=None)))

    def warned(self, message: str) -> None:
        self._listener.warned(message)
